"""`agentevo compare` from end to end, in a tiny world."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agentevo.cli.app import app
from agentevo.config import ConfigError
from agentevo.contest import Contest, Plan
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
    verdicts = [one["verdicts"] for one in told["result"]["runs"] if one["recipe"] == "memory-only"]
    assert all(one.get("promote") == 1 for one in verdicts)
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
    assert "gates of memory-only: " in result.stdout
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


@pytest.fixture(scope="module")
def in_turn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return a home in which two recipes evolved on two benchmarks, and what was printed."""
    home = tmp_path_factory.mktemp("turns")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTEVO_HOME", str(home))
        result = compare(
            "--recipes", "memory-only", "--seeds", "1", "--name", "t", "--json", "-q",
            "--benchmark", f"{WORLDS}:boxes", "--benchmark", f"{WORLDS}:drawers",
            "--at-once", "2", "--backbone", f"{WORLDS}:scripted",
            "--set", "n_generations=2", "--set", "memory.abstain_below=-1",
            "--set", "acquisition.n_tasks_per_level=20", "--set", "memory.withhold_rate=0.4",
            "--set", "evaluation.n_gate_per_level=8", "--set", "evaluation.n_test_per_level=6",
        )  # fmt: skip
    return home, json.loads(result.stdout)


def test_recipes_evolve_on_benchmarks_in_turn_and_what_they_forget_is_told(
    in_turn: tuple[Path, dict[str, Any]],
) -> None:
    home, told = in_turn
    result, (boxes, drawers) = told["result"], (f"{WORLDS}:boxes", f"{WORLDS}:drawers")
    assert told["failed"] == result["missing"] == []
    assert [one["run"] for one in result["runs"]] == [
        "t-react-s1-b1", "t-react-s1-b2", "t-memory-only-s1-b1", "t-memory-only-s1-b2",
    ]  # fmt: skip
    by_run = {one["run"]: one for one in result["runs"]}
    assert by_run["t-memory-only-s1-b1"]["score"] == 1.0, "the lesson helped there"
    # the drawers showed the lesson to be harmful, and without it the boxes stay shut again
    on = {
        name: {one["recipe"]: one["score"]["estimate"] for one in table["places"]}
        for name, table in result["by_benchmark"].items()
    }
    assert on == {
        boxes: {"react": 0.0, "memory-only": 0.0}, drawers: {"react": 1.0, "memory-only": 1.0},
    }  # fmt: skip
    assert result["forgotten"]["memory-only"]["estimate"] == 1.0
    assert result["forgotten"]["react"]["estimate"] == 0.0
    assert result["table"]["n_tasks"] == 24
    with Ledger.open(home / "runs" / "t-memory-only-s1-b2") as ledger:
        assert ledger.run("t-memory-only-s1-b2").configuration["origin"] == "t-memory-only-s1-b1"
    page = Path(told["report"]).read_text()
    assert "By benchmark" in page
    assert "+100.0" in page


def test_benchmarks_in_turn_are_told_in_a_table_and_not_played_again(
    in_turn: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = in_turn
    monkeypatch.setenv("AGENTEVO_HOME", str(home))
    folder = home / "runs" / "t-memory-only-s1-b2"
    with Ledger.open(folder) as ledger:
        before = len(ledger.finished(folder.name))
    said = compare("--resume", "t", "-q").stdout
    with Ledger.open(folder) as ledger:
        assert len(ledger.finished(folder.name)) == before
    assert "forgotten: points on the earlier benchmarks" in said
    result = CliRunner().invoke(app, ["compare", "--resume", "t", "--only", "react:1"])
    assert "write RECIPE:SEED:STAGE" in str(result.exception)


def test_a_run_whose_predecessor_is_not_finished_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTEVO_HOME", str(tmp_path))
    benchmarks = (f"{WORLDS}:boxes", f"{WORLDS}:drawers")
    plan = Plan("w", ("react",), 1, {"backbone": f"{WORLDS}:scripted"}, benchmarks)
    contest = Contest.begin(plan)
    first, second = contest.plan.entrants()
    assert (contest.is_ready(first), contest.is_ready(second)) == (True, False)
    result = CliRunner().invoke(app, ["compare", "--resume", "w", "--only", "react:1:2"])
    assert "the run before react:1:2 is not finished" in str(result.exception)
    with pytest.raises(ConfigError, match="named twice"):
        Contest.begin(replace(plan, name="v", benchmarks=(benchmarks[0],) * 2))
