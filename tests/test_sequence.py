"""Runs that follow each other: what they begin with, and what is forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentevo import evolve
from agentevo.api import begin, report_of, settle
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.forgetting import forgetting_of
from agentevo.experience import Trajectory
from agentevo.folders import RunError, home
from agentevo.run import Run
from agentevo.sequence import inherit, play_all_on_all

from .evaluation.conftest import episode

WORLDS = Path(__file__).parent / "worlds.py"
FEW: dict[str, Any] = {
    "memory": {"abstain_below": -1.0, "withhold_rate": 0.4},
    "weights": {"min_traces": 2, "max_turns": 10, "n_epochs": 1, "mode": "lora"},
    "evaluation": {"n_gate_per_level": 10, "n_test_per_level": 3},
}


@pytest.fixture(autouse=True)
def model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINY_MODEL", str(tiny_model))
    monkeypatch.setenv("AGENTEVO_HOME", str(tmp_path))


def first(kind: str) -> str:
    run = evolve(
        benchmark=f"{WORLDS}:boxes", backbone=f"{WORLDS}:{kind}", name="first",
        recipe="default" if kind == "learner" else "memory-only", n_generations=2,
        acquisition={"n_tasks_per_level": 20}, **FEW,
    )  # fmt: skip
    run.close()
    return run.id


def second(kind: str, world: str = "drawers", **more: Any) -> Run:
    return evolve(
        benchmark=f"{WORLDS}:{world}", backbone=f"{WORLDS}:{kind}", recipe="memory-only",
        name="second", origin="first", **FEW | {"n_generations": 0} | more,
    )  # fmt: skip


def scores(run: Run) -> dict[str, set[float]]:
    found: dict[str, set[float]] = {}
    for one in run.ledger.summaries(run.id, purpose="report"):
        found.setdefault(one.key.arm, set()).add(one.score)
    return found


def test_a_run_begins_with_the_lessons_of_another() -> None:
    first("scripted")
    run = second("scripted", "boxes")
    with Run.open("first") as source:
        theirs = source.snapshot(source.incumbent().memory_version, "").lessons
    ours = run.snapshot(run.incumbent().memory_version, "").lessons
    assert [one.text for one in ours] == [one.text for one in theirs] != []
    assert ours[0].provenance[-1].distiller == "run:first"
    assert ours[0].scope == run.scope
    assert scores(run) == {"m0+plain": {0.0}, f"m{run.incumbent().memory_version}+plain": {1.0}}
    assert run.beginning() == run.incumbent()
    assert "began with what the run first had in force" in report_of(run).read_text()
    told = [one.payload["run"] for one in run.ledger.events(run.id, kind="origin")]
    assert told == ["first"]
    run.close()


def test_it_begins_once_also_where_it_was_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    first("scripted")
    said = settle(
        {"benchmark": f"{WORLDS}:drawers", "backbone": f"{WORLDS}:scripted",
         "recipe": "memory-only", "origin": "first"}, FEW,
    )  # fmt: skip
    run = begin(said, "second")
    before = run.memory().version
    inherit(run)
    assert (run.memory().version, len(run.ledger.events(run.id, kind="origin"))) == (before, 1)
    run.close()

    add = type(run.ledger).add_event

    def cut(ledger: Any, name: str, kind: str, *rest: Any) -> None:
        if kind == "origin":
            raise KeyboardInterrupt
        add(ledger, name, kind, *rest)

    folder = home() / "runs" / "third"
    with monkeypatch.context() as patched:
        patched.setattr(type(run.ledger), "add_event", cut)
        killed = Run.start(folder, said)
        with pytest.raises(KeyboardInterrupt):
            inherit(killed)
        killed.close()
    with Run.open(folder, write=True) as again:
        assert again.incumbent() == Arm(0, "")
        inherit(again)
        shown = again.snapshot(again.incumbent().memory_version, "").lessons
        assert [one.status for one in shown] == ["active"]


def test_an_adapter_comes_along_with_what_it_has_internalised() -> None:
    first("learner")
    run = second("learner", "boxes")
    force = run.incumbent()
    assert force.adapter == "first-g2"
    assert run.adapter_folder("first-g2").is_dir()
    assert [one.name for one in run.ledger.adapters(run.id)] == ["first-g2"]
    assert run.snapshot(force.memory_version, "first-g2").lessons == ()
    assert [one.status for one in run.snapshot(force.memory_version, "").lessons] == [
        "internalised"
    ]
    assert scores(run)[f"m{force.memory_version}+plain"] == {1.0}, "plain weights need the lesson"
    run.close()


def test_a_run_without_memory_takes_the_weights_alone() -> None:
    first("learner")
    run = second("learner", "boxes", memory={"enabled": False})
    assert run.incumbent() == Arm(0, "first-g2")
    run.close()


def test_what_cannot_be_taken_over_is_said_and_leaves_no_run() -> None:
    with pytest.raises(RunError, match=r"there is no run 'first'(?!.*second)"):
        second("scripted")
    first("learner")
    with pytest.raises(RunError, match=r"the weights of .*scripted are not at hand"):
        second("scripted")
    assert not (home() / "runs" / "second").exists()


def test_forgetting_is_measured_over_runs_that_follow_each_other() -> None:
    first("scripted")
    run = second("scripted", n_generations=2, acquisition={"n_tasks_per_level": 20})
    assert run.snapshot(run.incumbent().memory_version, "").lessons == (), "it did harm here"
    run.close()
    played = asyncio.run(play_all_on_all(["first", "second"], lambda news: None))
    found = forgetting_of(played)
    assert [[one.estimate for one in row] for row in found.scores] == [[1.0, 0.0], [0.0, 1.0]]
    assert (found.backward_transfer, found.forgetting, found.average) == (-1.0, 1.0, 0.5)
    n = 0

    def count(news: Any) -> None:
        nonlocal n
        n += news.kind == "episode"

    asyncio.run(play_all_on_all(["first", "second"], count))
    assert n == 0, "all is known"


def episodes(*values: float) -> list[Trajectory]:
    return [episode("evaluation", "m0+plain", n, value) for n, value in enumerate(values)]


def test_forgetting_looks_back_to_the_best() -> None:
    played = [
        [episodes(0.4, 0.6), episodes(0.0, 0.0), episodes(0.0, 0.0)],
        [episodes(0.8, 1.0), episodes(0.5, 0.5), episodes(0.0, 0.2)],
        [episodes(0.6, 0.6), episodes(0.5, 0.7), episodes(1.0, 1.0)],
    ]
    found = forgetting_of(played)
    assert [one.estimate for one in found.since] == pytest.approx([0.1, 0.1])
    assert found.backward_transfer == pytest.approx(0.1)
    assert found.forgetting == pytest.approx(((0.9 - 0.6) + (0.5 - 0.6)) / 2)
    assert found.average == pytest.approx((0.6 + 0.6 + 1.0) / 3)
    with pytest.raises(ValueError, match="two agents or more"):
        forgetting_of(played[:1])
