"""The real pages in a real browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from agentevo.benchmarks import SPLITS, BenchmarkError, Environment, Observation, Task
from agentevo.benchmarks.miniwob.benchmark import MiniWoB
from agentevo.benchmarks.miniwob.browser import Browser
from agentevo.benchmarks.miniwob.page import read
from agentevo.benchmarks.miniwob.pool import pool
from agentevo.benchmarks.miniwob.programs import pages_folder


@pytest.fixture(scope="module")
def benchmark() -> Iterator[MiniWoB]:
    try:
        yield MiniWoB()
    except BenchmarkError as error:
        pytest.skip(str(error))
    finally:
        pool.close()


def task_of(benchmark: MiniWoB, page: str, index: int = 0) -> Task:
    found = [t for t in benchmark.tasks("train", 1, start=index) if t.data["page"] == page]
    assert len(found) == 1
    return found[0]


def play(benchmark: MiniWoB, task: Task, actions: list[str]) -> list[Observation]:
    with closing(benchmark.open(task)) as episode:
        return [episode.reset(), *map(episode.step, actions)]


def ref(seen: Observation, words: str) -> str:
    """Return the reference of the one element whose line begins with these words."""
    lines = [line.partition("] ") for line in seen.text.splitlines()]
    (found,) = [number[1:] for number, _, rest in lines if rest.startswith(words)]
    return found


def programs_of(pid: int) -> list[psutil.Process]:
    return list(psutil.Process(pid).children(recursive=True))


def test_every_level_but_that_in_free_language_is_won_by_its_rule(benchmark: MiniWoB) -> None:
    for task in benchmark.tasks("validation", 1):
        gold = benchmark.gold(task)
        assert (gold is None) == (task.data["page"] == "email-inbox-nl-turk")
        assert gold is None or len(gold) <= benchmark.max_steps(task) // 2


def test_an_answer_after_the_time_limit_of_the_page_still_counts(benchmark: MiniWoB) -> None:
    task = task_of(benchmark, "click-button")  # 10 s
    (click,) = benchmark.gold(task) or []
    with closing(benchmark.open(task)) as episode:
        episode.reset()
        time.sleep(11)
        seen = episode.step(click)
    assert (seen.terminated, seen.success) == (True, True)
    assert seen.score == seen.reward == 1.0, "nor is the reward reduced by the time"


def test_a_part_of_the_boxes_gives_a_part_of_the_score_and_no_success(benchmark: MiniWoB) -> None:
    task = task_of(benchmark, "click-checkboxes", index=4)
    first, *rest = benchmark.gold(task) or []
    last = play(benchmark, task, rest)[-1]
    assert first.startswith("click")
    assert last.terminated
    assert 0 < last.score < 1
    assert not last.success


def test_a_wrong_answer_ends_the_episode_with_a_score_of_nothing(benchmark: MiniWoB) -> None:
    task = task_of(benchmark, "login-user")
    with closing(benchmark.open(task)) as episode:
        seen = episode.step(f"click {ref(episode.reset(), 'button')}")
        assert (seen.terminated, seen.success, seen.score) == (True, False, 0.0)
        assert seen.info["points"] == -1
        with pytest.raises(RuntimeError, match="over"):
            episode.step("press Enter")
        assert episode.reset().text.startswith("Task: Enter the username")


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("", "no action"),
        ("look", "click REF, type REF TEXT, press KEY"),
        ("click", "no action"),
        ("click 99", "no element [99]"),
        ("click -1", "no action"),
        ("click 7; click 8", "no action"),
        ("click 7\nclick 11", "One action"),
        ("type 7", "no action"),
        ("type 99 me", "no element [99]"),
        ("type 7 a\ue007b", "no key types"),
        ("type 7 " + "x" * 201, "too long"),
        ("press F5", "no key F5. There are: Enter, Tab"),
    ],
)
def test_what_cannot_be_done_is_answered(
    login: Environment, first: Observation, action: str, answer: str
) -> None:
    seen = login.step(action)
    said, _, page = seen.text.partition("\n")
    assert answer in said
    assert page == first.text, "nothing was done"
    assert not seen.done


@pytest.fixture(scope="module")
def login(benchmark: MiniWoB) -> Iterator[Environment]:
    with closing(MiniWoB(max_steps=100).open(task_of(benchmark, "login-user"))) as episode:
        yield episode


@pytest.fixture(scope="module")
def first(login: Environment) -> Observation:
    return login.reset()


def test_text_is_typed_as_it_stands_and_keys_edit_it(benchmark: MiniWoB) -> None:
    with closing(benchmark.open(task_of(benchmark, "enter-text"))) as episode:
        field = ref(episode.reset(), "input_text")
        text = 'A b! #{}\\ "q" ü 日本'
        assert f'= "{text}" (focused)' in episode.step(f"type [{field}] {text}").text
        assert '= "no quotes"' not in episode.step("press Control+a").text
        assert '= "no quotes"' in episode.step(f'type {field} "no quotes"').text
        assert '= "no quote"' in episode.step("press backspace").text


def test_a_list_shows_its_choices_and_is_chosen_from_by_typing(benchmark: MiniWoB) -> None:
    with closing(benchmark.open(task_of(benchmark, "choose-list"))) as episode:
        seen = episode.reset()
        line = next(line for line in seen.text.splitlines() if "select" in line)
        last = line.removesuffix(")").rpartition(", ")[2]
        assert f'= "{last}"' not in line
        assert f'= "{last}"' in episode.step(f"type {ref(seen, 'select')} {last}").text


def test_a_page_too_long_is_cut_and_says_so(benchmark: MiniWoB) -> None:
    with closing(benchmark.open(task_of(benchmark, "book-flight-nodelay"))) as episode:
        seen = episode.step(f"type {ref(episode.reset(), 'input_text #flight-to')} a")
        assert len(seen.text.splitlines()) == 152
        assert seen.text.endswith(" more are not shown)")


def test_a_page_that_is_drawn_and_bare_text_are_read() -> None:
    leaf = {"children": [], "id": "", "classes": "", "text": ""}
    dom = {
        **leaf,
        **{"tag": "DIV", "ref": 1},
        "children": [
            {**leaf, "tag": "t", "ref": -1, "text": "over two"},
            {**leaf, "tag": "t", "ref": -2, "text": "lines"},
            {**leaf, "tag": "SPAN", "ref": 2, "classes": "like ui-icon active"},
            {**leaf, "tag": "circle", "ref": 3, "classes": {"baseVal": "x"}, "id": "dot"},
            {**leaf, "tag": "TD", "ref": 4, "classes": "ui-state-disabled"},
            {**leaf, "tag": "INPUT_checkbox", "ref": 5, "value": True},
        ],
    }
    page = read({"utterance": "Look.", "dom": dom, "selects": {}, "done": False, "reward": 0})
    assert str(page).splitlines() == [
        "Task: Look.",
        "over two lines",
        "[2] span .like.active",
        "[3] circle #dot",
        '[5] input_checkbox = "on"',
    ]
    assert page.refs == {2, 3, 5}


def test_eight_episodes_at_once_go_as_each_goes_alone(benchmark: MiniWoB) -> None:
    pages = ("book-flight-nodelay", "click-tab-2", "choose-list", "login-user")
    tasks = [task_of(benchmark, page) for page in pages]
    golds = [benchmark.gold(task) or [] for task in tasks]
    alone = [play(benchmark, task, gold) for task, gold in zip(tasks, golds, strict=True)]
    with ThreadPoolExecutor(8) as threads:
        together = list(
            threads.map(lambda i: play(benchmark, tasks[i % 4], golds[i % 4]), range(8))
        )
    assert together == alone * 2


def test_a_task_that_two_seeds_make_alike_is_in_one_split_only(benchmark: MiniWoB) -> None:
    of_split = [_first_lines(benchmark, benchmark.tasks(split, 7, levels=[3])) for split in SPLITS]
    assert sum(map(len, of_split)) < 21, "fifty names make the texts to enter: some come again"
    assert len(frozenset().union(*of_split)) == sum(map(len, of_split))


def test_the_test_split_has_the_wordings_that_are_kept_for_tests(benchmark: MiniWoB) -> None:
    script = pages_folder() / "common" / "special" / "email-inbox-nl" / "templates.js"
    text = script.read_text(encoding="utf-8")
    templates = json.loads(text[text.index("{") : text.rindex("}") + 1]).values()

    def fits(line: str, kind: str) -> bool:
        wordings = {wording for of_action in templates for wording in of_action[kind]}
        patterns = (re.sub("NAME|DEST|MSG", ".*", re.escape(wording)) for wording in wordings)
        return any(re.fullmatch("Task: " + pattern, line) for pattern in patterns)

    held_out = _first_lines(benchmark, benchmark.tasks("test", 4, levels=[13]))
    known = _first_lines(benchmark, benchmark.tasks("validation", 2, levels=[13]))
    assert [line for line in held_out if not fits(line, "test")] == []
    assert [line for line in known if not fits(line, "train")] == []
    assert [line for line in held_out if not fits(line, "train")] != []


def _first_lines(benchmark: MiniWoB, tasks: list[Task]) -> frozenset[str]:
    lines = set()
    for task in tasks:
        with closing(benchmark.open(task)) as episode:
            lines.add(episode.reset().text.splitlines()[0])
    return frozenset(lines)


def test_the_seeds_of_a_split_come_to_an_end(benchmark: MiniWoB) -> None:
    last = benchmark.tasks("train", 5, levels=[1], start=10_000_000 - 1)
    assert [task.seed for task in last] == [9_999_999]
    assert benchmark.tasks("validation", 1, levels=[1])[0].seed == 10_000_000


def test_a_browser_that_died_is_replaced(benchmark: MiniWoB) -> None:
    from selenium.common.exceptions import WebDriverException
    from urllib3.exceptions import HTTPError

    task = task_of(benchmark, "click-button")
    (click,) = benchmark.gold(task) or []
    with closing(benchmark.open(task)) as episode:
        episode.reset()
        for process in programs_of(os.getpid()):
            if process.name() in ("chromedriver", "chromium"):
                process.kill()
        with pytest.raises((WebDriverException, HTTPError)):
            episode.step(click)
    assert play(benchmark, task, [click])[-1].success


_PLAYER = """
import sys
from agentevo.benchmarks.miniwob.benchmark import MiniWoB
benchmark = MiniWoB()
episode = benchmark.open(benchmark.tasks("train", 1)[0])
episode.reset()
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("killed", [True, False])
def test_no_process_and_no_file_outlives_the_one_that_played(
    benchmark: MiniWoB, killed: bool
) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    player = subprocess.Popen(
        [sys.executable, "-c", _PLAYER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder), "HTTP_PROXY": "http://127.0.0.1:9"},
        text=True,
    )
    with player:
        assert player.stdout is not None
        assert player.stdout.readline() == "ready\n"
        started = programs_of(player.pid)
        assert {"chromedriver", "chromium"} <= {p.name().partition("-")[0] for p in started}
        if killed:
            player.kill()
        _, errors = player.communicate("go on\n")
    assert errors == ""
    _, alive = psutil.wait_procs(started, timeout=20)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    for _ in range(100):
        if not list(folder.iterdir()):
            break
        time.sleep(0.05)
    folder.rmdir()  # it is empty


def test_a_long_path_for_temporary_files_is_no_hindrance(
    benchmark: MiniWoB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "and" / "on" / "and" / "on" / "and" / "on"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    with closing(Browser()) as browser:
        assert browser.is_alive()
    assert not browser.is_alive()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("miniwob")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BenchmarkError, match=r"chromium .*: apt-get install chromium"):
        MiniWoB()


def test_what_does_not_exist_is_refused(benchmark: MiniWoB) -> None:
    with pytest.raises(BenchmarkError, match="no level 15; there are: 1-14"):
        benchmark.tasks("train", 1, levels=[15])
    with pytest.raises(BenchmarkError, match=r"no split 'dev' \(known: train, validation, test"):
        benchmark.tasks("dev", 1)  # type: ignore[arg-type]
    with pytest.raises(BenchmarkError, match="max_steps is 0"):
        MiniWoB(max_steps=0)


def test_the_fingerprint_tells_options_apart(benchmark: MiniWoB) -> None:
    assert benchmark.fingerprint().startswith("miniwob-1.")
    assert MiniWoB(max_steps=9).fingerprint() != benchmark.fingerprint()
