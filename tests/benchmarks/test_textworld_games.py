import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from agentevo import benchmarks
from agentevo.benchmarks import Benchmark, BenchmarkError
from agentevo.benchmarks.textworld import games
from agentevo.benchmarks.textworld.games import Spec, ensure

COIN = Spec("tw-coin_collector", {"level": 2}, seed=41, objective="Take the coin.")

# A process started in the background of a shell ignores Ctrl-C until it asks for it again.
HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def _wait_for(condition: object, *, at_most_s: float = 60) -> None:
    assert callable(condition)
    until = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def _digests(spec: Spec) -> list[str]:
    paths = (spec.path, spec.path.with_suffix(".json"))
    return [sha256(path.read_bytes()).hexdigest() for path in paths]


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTEVO_HOME", str(tmp_path))
    return tmp_path / "games"


def test_a_game_is_made_alike_twice_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("one", "other"):
        monkeypatch.setenv("AGENTEVO_HOME", str(tmp_path / name))
        ensure([COIN])
        found.append(_digests(COIN))
    assert found[0] == found[1]


def test_nothing_but_whole_games_and_locks_is_left(empty_home: Path) -> None:
    ensure([COIN, COIN])
    left = {path.name for path in empty_home.iterdir()}
    assert left == {COIN.path.name, COIN.path.with_suffix(".json").name, ".locks"}


def test_progress_counts_what_is_there_already(empty_home: Path) -> None:
    other = Spec("tw-coin_collector", {"level": 1}, seed=42, objective="Take the coin.")
    seen: list[tuple[int, int]] = []
    ensure([COIN], progress=lambda ready, total: seen.append((ready, total)))
    ensure([COIN, other], progress=lambda ready, total: seen.append((ready, total)), workers=2)
    assert seen == [(0, 1), (1, 1), (1, 2), (2, 2)]


def test_a_killed_worker_leaves_no_half_game(empty_home: Path) -> None:
    empty_home.mkdir()
    request = {
        "challenge": COIN.challenge,
        "settings": dict(COIN.settings),
        "seed": COIN.seed,
        "objective": COIN.objective,
        "words": {},
        "path": str(COIN.path),
    }
    worker = subprocess.Popen(
        [sys.executable, "-P", str(Path(games.__file__).with_name("generate.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()
    _wait_for(lambda: list(empty_home.glob(".*/*.json")))  # generated, being compiled
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdin.close()
    assert list(empty_home.glob("*.z8")) == []
    ensure([COIN])
    assert [path for path in empty_home.iterdir() if path.is_dir()] == [empty_home / ".locks"]


def test_ctrl_c_stops_soon_and_keeps_what_was_made(empty_home: Path) -> None:
    code = (
        "from agentevo import benchmarks\n"
        "b = benchmarks.load('textworld-coin-collector')\n"
        "b.prepare(b.tasks('train', 20, levels=[1, 2]), workers=2,"
        " progress=lambda ready, total: print(ready, flush=True))\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", f"{HEARS_CTRL_C}\n{code}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    while run.stdout.readline().strip() != "2":
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    made = list(empty_home.glob("*.z8"))
    assert 2 <= len(made) < 40
    assert all(path.with_suffix(".json").is_file() for path in made)
    assert [path for path in empty_home.iterdir() if path.is_dir()] == [empty_home / ".locks"]


def test_a_game_that_cannot_be_made_is_named(empty_home: Path) -> None:
    broken = Spec("tw-coin_collector", {"level": 999}, seed=7, objective=None)
    with pytest.raises(BenchmarkError, match=r"tw-coin_collector .*999.* with seed 7: ValueError"):
        ensure([broken])
    assert list(empty_home.glob("*.z8")) == []


def test_another_seed_split_or_goal_is_another_file(cooking: Benchmark) -> None:
    specs = [
        COIN,
        Spec(COIN.challenge, COIN.settings, seed=42, objective=COIN.objective),
        Spec(COIN.challenge, {"level": 3}, seed=41, objective=COIN.objective),
        Spec(COIN.challenge, COIN.settings, seed=41, objective=None),
    ]
    assert len({spec.path for spec in specs}) == len(specs)


def test_the_cache_stands_in_agentevo_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert games.cache_folder() == home / "games"
    monkeypatch.delenv("AGENTEVO_HOME")
    assert games.cache_folder() == Path.home() / ".agentevo" / "games"


def test_opening_makes_a_missing_game(empty_home: Path) -> None:
    coin = benchmarks.load("textworld-coin-collector")
    task = coin.tasks("validation", 1, levels=[1])[0]
    environment = coin.open(task)
    assert environment.reset().text.startswith("-= ")
    environment.close()
