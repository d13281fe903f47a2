"""`agentevo evolve` from end to end on a tiny model, stopped and resumed, and from Python."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from agentevo.api import aevolve, begin, evolve, settle
from agentevo.benchmarks import BenchmarkError
from agentevo.cli.output import program
from agentevo.config import ConfigError
from agentevo.cycle import News

from .conftest import BOXES, CLI, Start

TINY = (
    *("--benchmark", "shop.py:shop", "--backbone", "local:model", "--generations", "1"),
    *("--set", "acquisition.n_tasks_per_level=4", "--set", "evaluation.n_test_per_level=2"),
    *("--set", "weights.min_traces=1", "--set", "weights.lessons=keep"),
    *("--set", "agent.max_reply_tokens=12"),
)


def test_a_whole_evolution_prints_the_four_arms_and_writes_the_report(
    cli: CLI, place: Path, model: Path
) -> None:
    done = cli("evolve", *TINY, "--name", "whole")
    assert done.returncode == 0, done.stderr
    for arm in ("plain", "memory", "weights", "both"):
        assert any(line.startswith(f" {arm} ") for line in done.stdout.splitlines())
    assert "generation 1, weights:" in done.stdout, "an adapter was trained and judged"
    report = place / "home" / "runs" / "whole" / "report.html"
    assert f"report: {report}" in done.stdout
    assert report.stat().st_size > 1000
    assert json.loads(report.with_suffix(".json").read_text())["run"] == "whole"
    assert "agentevo memory list whole" in done.stdout
    assert "generation 1 of 1, acquisition  8/8" in done.stderr
    assert "left" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_stands_alone_on_stdout_and_quiet_says_nothing(cli: CLI, model: Path) -> None:
    done = cli("evolve", *TINY, "--name", "machine", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [row["arm"] for row in result["arms"]] == ["plain", "memory", "weights", "both"]
    assert all(row["n"] == 4 for row in result["arms"])
    assert result["status"] == "finished"
    assert result["adapters"][0]["name"] == "machine-g1"
    assert Path(result["report"]).exists()
    assert not done.stderr


def test_a_finished_run_that_is_resumed_plays_nothing_more(cli: CLI, boxes: str) -> None:
    before = json.loads(cli("runs", "show", boxes, "--json").stdout)
    done = cli("evolve", "--resume", boxes, "--json")
    assert done.returncode == 0, done.stderr
    after = json.loads(done.stdout)
    assert after["arms"] == before["arms"]
    assert after["verdicts"] == before["verdicts"]


def test_ctrl_c_keeps_what_was_done_and_says_how_to_go_on(cli: CLI, start: Start) -> None:
    child = start(
        ["evolve", "--benchmark", "shop.py:slow_shop", *BOXES[2:], "--recipe", "memory-only",
         "--name", "stopped", "--generations", "1", "--set", "agent.n_at_once=2",
         "--set", "evaluation.n_gate_per_level=1", "--set", "evaluation.n_test_per_level=1"]
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        seen = cli("runs", "list", "--json").stdout
        rows = {row["run"]: row for row in json.loads(seen)}
        if rows.get("stopped", {}).get("n_episodes"):
            break
    assert rows["stopped"]["status"] == "running"
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "agentevo evolve --resume stopped" in said.splitlines()[-1]
    assert "Traceback" not in said
    shown = json.loads(cli("runs", "show", "stopped", "--json").stdout)
    assert shown["status"] == "interrupted"
    n_kept = shown["generations"][0]["n_episodes"]
    assert 0 < n_kept < 8

    done = cli("evolve", "--resume", "stopped", "--json")
    assert done.returncode == 0, done.stderr
    assert f"acquisition  {n_kept}/8" in done.stderr, "what was played is not played again"
    assert json.loads(done.stdout)["status"] == "finished"


def test_a_run_that_was_killed_is_shown_as_killed(cli: CLI, start: Start) -> None:
    child = start(
        ["evolve", "--benchmark", "shop.py:slow_shop", *BOXES[2:], "--recipe", "memory-only",
         "--name", "killed", "--set", "agent.n_at_once=1"]
    )  # fmt: skip
    deadline = time.monotonic() + 120
    status = ""
    while status != "running" and time.monotonic() < deadline:
        rows = {row["run"]: row for row in json.loads(cli("runs", "list", "--json").stdout)}
        status = rows.get("killed", {}).get("status", "")
    child.kill()
    child.communicate()
    assert json.loads(cli("runs", "show", "killed", "--json").stdout)["status"] == "killed"


def test_a_run_whose_every_episode_broke_is_failed_and_plays_them_again(cli: CLI) -> None:
    done = cli(
        "evolve", "--benchmark", "shop.py:broken_shop", *BOXES[2:], "--recipe", "react",
        "--name", "broken", "--set", "evaluation.n_test_per_level=1",
    )  # fmt: skip
    assert done.returncode == 2
    assert "of test broke, one after the other" in done.stderr
    assert "the shop is closed" in done.stderr
    assert json.loads(cli("runs", "show", "broken", "--json").stdout)["status"] == "failed"
    again = cli("evolve", "--resume", "broken")
    assert again.returncode == 2
    assert "the shop is closed" in again.stderr


def test_episodes_that_broke_are_told_at_the_end_with_where_to_look(cli_here: CLI) -> None:
    done = cli_here(
        "evolve", "--benchmark", "shop.py:faulty_shop", *BOXES[2:], "--recipe", "react",
        "--name", "faulty", "--set", "evaluation.n_test_per_level=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = (
        f"2 episodes of report broke: {program()} runs failures faulty --purpose report; the "
        f"first: {program()} runs episodes faulty "
    )
    assert said in done.stdout
    assert said in cli_here("runs", "show", "faulty").stdout
    assert "error" in cli_here("runs", "failures", "faulty", "--purpose", "report").stdout
    (line,) = [line for line in done.stdout.splitlines() if said in line]
    whole = cli_here("runs", "episodes", "faulty", line.rpartition(" ")[2]).stdout
    assert "RuntimeError: the shop is closed" in whole


def test_a_recipe_goes_over_the_budget_and_the_user_over_both() -> None:
    assert settle().n_generations == 2
    assert settle({"budget": "medium"}).n_generations == 3
    assert settle({"budget": "medium", "recipe": "react"}).n_generations == 0
    mine = settle({"budget": "medium", "recipe": "react", "n_generations": 3}, {"seed": 5})
    assert (mine.n_generations, mine.seed, mine.memory.enabled) == (3, 5, False)
    assert (
        mine.evaluation.n_test_per_level == settle({"budget": "medium"}).evaluation.n_test_per_level
    )
    file = {"recipe": "weights-only", "weights": {"rank": 4}}
    assert settle(file, {"weights": {"rank": 8}}).weights.rank == 8
    assert settle(file).memory.enabled is False


def test_python_users_evolve_without_a_terminal() -> None:
    news: list[News] = []
    run = evolve(
        benchmark=BOXES[1],
        backbone=BOXES[3],
        recipe="memory-only",
        name="from-python",
        tell=news.append,
        n_generations=1,
        memory={"abstain_below": -1.0},
        evaluation={"n_gate_per_level": 8, "n_test_per_level": 1},
    )
    try:
        assert run.ledger.status(run.id) == "finished"
        assert run.incumbent().memory_version > 0
        assert not run.ledger._store.write
        assert (run.folder / "report.html").exists()
        assert {one.kind for one in news} >= {"phase", "episode", "lessons", "verdict"}
    finally:
        run.close()


def test_where_an_event_loop_runs_the_other_form_is_named_before_anything_begins() -> None:
    async def in_a_notebook() -> None:
        with pytest.raises(RuntimeError, match="await aevolve"):
            evolve(benchmark="nothing")
        with pytest.raises(BenchmarkError, match="unknown benchmark"):
            await aevolve(benchmark="nothing")

    asyncio.run(in_a_notebook())


def test_a_backbone_without_weights_is_refused_before_anything_is_played() -> None:
    config = settle({"benchmark": BOXES[1], "backbone": BOXES[3]})
    with pytest.raises(ConfigError, match="cannot be trained"):
        begin(config, "untrainable")
