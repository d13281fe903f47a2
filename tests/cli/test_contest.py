"""`agentevo compare` from end to end, in a tiny world."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agentevo.cli.app import app
from agentevo.contest import Contest
from agentevo.ledger import Ledger
from tests.conftest import WORLDS

SETTINGS = (
    "--benchmark", f"{WORLDS}:boxes", "--backbone", f"{WORLDS}:scripted",
    "--set", "acquisition.n_tasks_per_level=6", "--set", "memory.abstain_below=-1",
    "--set", "evaluation.n_gate_per_level=8", "--set", "evaluation.n_test_per_level=6",
)  # fmt: skip


def compare(*arguments: str, status: int = 0) -> Any:
    result = CliRunner().invoke(app, ["compare", *arguments])
    assert result.exit_code == status, result.output + str(result.exception)
    return result


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return a home in which two recipes were compared, and what was printed."""
    home = tmp_path_factory.mktemp("compare")
    own = home / "silent.toml"  # a recipe of one's own
    own.write_text('description = "remembers nothing"\n[memory]\nenabled = false\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTEVO_HOME", str(home))
        result = compare(
            "--recipes", f"memory-only,{own}", "--seeds", "2", "--name", "c", "--json",
            "--at-once", "2", "--token-budget", "3000", "-q", *SETTINGS,
        )  # fmt: skip
    return home, json.loads(result.stdout)


def test_what_learns_the_rule_is_told_from_what_does_not(
    done: tuple[Path, dict[str, Any]],
) -> None:
    _, told = done
    places = {one["recipe"]: one for one in told["result"]["table"]["places"]}
    assert set(places) == {"react", "memory-only", "silent"}
    assert places["memory-only"]["group"] == 1
    assert places["memory-only"]["score"]["estimate"] == 1.0
    assert places["react"]["group"] == places["silent"]["group"] == 2
    assert places["react"]["n_tokens"] == 0 < places["silent"]["n_tokens"]
    assert told["failed"] == []
    assert (told["result"]["table"]["n_tasks"], told["result"]["seeds"]) == (12, [1, 2])


def test_every_run_has_the_same_test_tasks_its_own_seed_and_keeps_to_its_budget(
    done: tuple[Path, dict[str, Any]],
) -> None:
    home, told = done
    tasks = set()
    for one in told["result"]["runs"]:
        with Ledger.open(home / "runs" / one["run"]) as ledger:
            kept = ledger.run(one["run"]).configuration
            played = ledger.summaries(one["run"], purpose="report")
        assert kept["seed"] == one["seed"]
        assert kept["token_budget"] == 3000
        tasks.add(frozenset(episode.task_id for episode in played))
        assert len({episode.key.arm for episode in played}) == 1
        learned = one["n_generations"]
        assert one["n_tokens"] <= 3000 or learned == 1, "only the first is begun unseen"
        assert learned < 4 or one["recipe"] != "memory-only", "the budget ended it"
    assert len(tasks) == 1


def test_the_report_stands_alone_and_every_episode_is_there(
    done: tuple[Path, dict[str, Any]],
) -> None:
    home, told = done
    page = Path(told["report"]).read_text()
    assert "memory-only" in page
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "")
    with gzip.open(home / "comparisons" / "c" / "trajectories.jsonl.gz", "rt") as file:
        lines = [json.loads(line) for line in file]
    assert {one["run"] for one in lines} == {one["run"] for one in told["result"]["runs"]}
    n_test = sum(one["purpose"] == "report" for one in lines)
    assert n_test == 12 * len(told["result"]["runs"])


def test_a_comparison_that_is_done_is_not_played_again(
    done: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, told = done
    monkeypatch.setenv("AGENTEVO_HOME", str(home))
    before = (home / "runs" / "c-react-s1" / "ledger.db").stat().st_mtime_ns
    result = compare("--resume", "c", "-q")
    assert (home / "runs" / "c-react-s1" / "ledger.db").stat().st_mtime_ns == before
    assert "memory-only" in result.stdout
    assert str(told["report"]) in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--recipes", "defalt"), "did you mean 'default'"),
        (("--recipes", "memory-only", "--name", "c"), "there is a comparison 'c' already"),
        (("--recipes", "memory-only,memory-only"), "names of their own"),
        (("--recipes", "default", *SETTINGS), "trains weights"),
        ((), "name the recipes"),
        (("--resume", "d"), "known: c"),
        (("--resume", "c", "--only", "react:7"), "a seed of 1 to 2"),
        (("--resume", "c", "--seeds", "2", "--recipes", "react"), "name it alone"),
        (("--recipes", "memory-only", "--set", "evaluation.n_test_per_level=0"), "to compare"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(
    done: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("AGENTEVO_HOME", str(done[0]))
    result = CliRunner().invoke(app, ["compare", *arguments])
    assert result.exit_code != 0
    assert said in str(result.exception)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_after_an_interruption_it_goes_on_where_it_was(
    number: signal.Signals, tmp_path: Path
) -> None:
    env = os.environ | {"AGENTEVO_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "agentevo", "compare"]
    process = subprocess.Popen(
        [*command, "--recipes", "memory-only", "--seeds", "2", "--name", "i", *SETTINGS],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        # begun in the background of a shell, it would ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    first = tmp_path / "runs" / "i-react-s1" / "report.html"
    for _ in range(600):
        if first.exists():
            break
        time.sleep(0.1)
    process.send_signal(number)
    _, said = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "--resume i" in said
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTEVO_HOME", str(tmp_path))
        contest = Contest.open("i")
        assert contest.status(contest.entrant("react:1")) == "finished"
        assert contest.status(contest.entrant("memory-only:2")) != "finished"
        result = json.loads(compare("--resume", "i", "--json", "-q").stdout)
    assert result["result"]["missing"] == []
