"""Lessons that the weights have learned leave the prompt, and come back with the plain weights."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentevo import Agent, evolve
from agentevo.evaluation.ablation import four_arms
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.gate import GateSettings, Outcome, judge_no_worse
from agentevo.memory import Lesson, Provenance
from agentevo.run import Run

WORLDS = Path(__file__).parent / "worlds.py"


def evolved(kind: str, name: str) -> Run:
    return evolve(
        benchmark=f"{WORLDS}:boxes", backbone=f"{WORLDS}:{kind}", recipe="default", name=name,
        n_generations=2, acquisition={"n_tasks_per_level": 20},
        memory={"abstain_below": -1.0, "withhold_rate": 0.4},
        weights={"min_traces": 2, "max_turns": 10, "n_epochs": 1, "mode": "lora"},
        evaluation={"n_gate_per_level": 10, "n_test_per_level": 3},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_MODEL", str(tiny_model))


def statuses(run: Run) -> list[str]:
    return [one.status for one in run.memory().lessons]


def test_a_lesson_that_the_weights_know_leaves_the_prompt_and_comes_back() -> None:
    run = evolved("learner", "learner")
    adapter = run.incumbent().adapter
    assert adapter == "learner-g2"
    with Run.open(run.id, write=True) as opened:
        assert statuses(opened) == ["internalised"]
    verdict = run.ledger.verdicts(run.id)[-1]
    assert verdict.kind == "1 lessons in the weights"
    tokens: Any = verdict.evidence["n_prompt_tokens"]
    with_lesson, without = tokens
    assert without < with_lesson
    assert f"Prompt tokens an episode: {with_lesson:,.0f}, {without:,.0f}." in str(
        verdict.evidence["reason"]
    )
    # the plain weights still need the lesson: the arm of memory alone has it
    arms = four_arms(run.incumbent())
    force = run.incumbent().memory_version
    assert run.snapshot(force, adapter).lessons == ()
    assert [one.status for one in run.snapshot(force, "").lessons] == ["internalised"]
    scores = {
        label: {one.score for one in run.ledger.summaries(run.id, purpose="report", arm=arm.name)}
        for label, arm in arms.items()
    }
    assert scores == {"plain": {0.0}, "memory": {1.0}, "weights": {1.0}, "both": {1.0}}
    question = "Get the thing out of the box with a lever and a button."
    with Agent(memory=run.id) as agent:
        answer = asyncio.run(agent.solve(question))
    assert (answer.text, answer.trajectory.lessons) == ("push button", ())
    run.close()

    with Run.open(run.id, write=True, to_play=False) as back:
        back.roll_back(Arm(back.incumbent().memory_version, ""))
        assert statuses(back) == ["active"]
    with Agent(memory=run.id) as agent:
        answer = asyncio.run(agent.solve(question))
    assert answer.text == "push button"
    assert answer.trajectory.lessons, "the plain weights have it in the prompt again"


def test_a_lesson_without_which_something_is_lost_stays() -> None:
    run = evolved("half_learner", "half")
    assert run.incumbent().adapter == "half-g2"
    verdict = run.ledger.verdicts(run.id)[-1]
    assert (verdict.kind, verdict.verdict) == ("1 lessons in the weights", "reject")
    run.close()
    with Run.open(run.id, write=True) as opened:
        assert statuses(opened) == ["active"]


def outcomes(*scores: float) -> list[Outcome]:
    return [Outcome(f"t{i}", 0, score, score >= 1) for i, score in enumerate(scores)]


def test_not_worse_means_neither_shown_worse_nor_lower_by_what_counts() -> None:
    settings = GateSettings(min_gain=0.02)
    same = outcomes(*[1.0] * 10)
    assert judge_no_worse(same, same, settings).decision == "promote"
    slightly = outcomes(*[1.0] * 9, 0.9)
    assert judge_no_worse(same, slightly, settings).decision == "promote"
    lower = outcomes(*[1.0] * 9, 0.5)
    assert judge_no_worse(same, lower, settings).decision == "reject"
    better = outcomes(*[0.5] * 9, 1.0)
    assert judge_no_worse(better, same, settings).decision == "promote"


def test_an_adapter_that_follows_gets_the_lessons_back() -> None:
    run = evolved("learner", "followed")
    run.close()
    with Run.open(run.id, write=True, to_play=False) as opened:
        old = opened.incumbent()
        assert statuses(opened) == ["internalised"]
        now = opened.promote(3, "weights", Arm(old.memory_version, "another"))
        assert statuses(opened) == ["active"]
        assert now == opened.incumbent()
        assert now.memory_version > old.memory_version
        # the first one still does not need it, of either version
        assert not opened.snapshot(old.memory_version, old.adapter).lessons
        assert len(opened.snapshot(now.memory_version, "another").lessons) == 1
        opened.roll_back(old)
        assert statuses(opened) == ["internalised"]
        assert opened.incumbent() == old


def test_a_version_after_it_still_shows_the_lesson_to_whoever_does_not_know_it() -> None:
    run = evolved("learner", "later")
    adapter = run.incumbent().adapter
    run.close()
    with Run.open(run.id, write=True, to_play=False) as opened, opened.editing() as memory:
        by_hand = Lesson("you face a door", "pull it", opened.scope, (Provenance("a person"),))
        memory.insert([by_hand], who="a person", why="as a test")
    with Run.open(run.id) as later:
        version = later.incumbent().memory_version
        texts = {name: len(later.snapshot(version, name).lessons) for name in (adapter, "")}
    assert texts == {adapter: 1, "": 2}
