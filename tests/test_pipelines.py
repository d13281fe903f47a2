"""Workflows that run by themselves where the very task comes again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from langchain_core.messages import BaseMessage

from agentevo.config import make
from agentevo.evolution import evolve
from agentevo.run import Run
from tests.conftest import WORLDS
from tests.worlds import RULE, Scripted, ScriptedChat


class Following(ScriptedChat):
    """Goes the way that a workflow in its prompt tells."""

    def _answer(self, messages: list[BaseMessage]) -> str:
        if f"go this way: {RULE}" in str(messages[1].content):
            return f"Action: {RULE}"
        return super()._answer(messages)


class Follower(Scripted):
    """A backbone that does so."""

    def chat(self, *, episode: str, temperature: float, **options: object) -> Following:
        return Following(episode=episode, temperature=temperature)


def follower(rest: str, n_slots: int) -> Follower:
    """Return the backbone."""
    return Follower()


def calls(folder: Path, pipelines: bool) -> dict[int, tuple[int, int]]:
    """Return successes and calls of the model by generation, on the same tasks in each."""
    config = make(
        {
            "benchmark": f"{WORLDS}:boxes", "backbone": f"{__file__}:follower",
            "n_generations": 2, "acquisition": {"n_tasks_per_level": 6, "tasks": "repeated"},
            "refinement": {"distiller": "workflows"},
            "memory": {"abstain_below": -1.0, "pipelines": pipelines, "withhold_rate": 0.0},
            "evaluation": {"n_gate_per_level": 8, "n_test_per_level": 0},
        }
    )  # fmt: skip
    with Run.start(folder, config) as run:
        asyncio.run(evolve(run, lambda news: None))
        played = list(run.ledger.episodes(run.id, purpose="acquisition"))
        assert run.incumbent().memory_version > 0, "the workflow was promoted"
    return {
        generation: (
            sum(one.success for one in own),
            sum(step.n_prompt_tokens > 0 for one in own for step in one.steps),
        )
        for generation in (1, 2)
        for own in [[one for one in played if one.generation == generation]]
    }


def test_tasks_that_were_solved_take_fewer_calls_and_come_out_as_well(tmp_path: Path) -> None:
    asked, by_itself = calls(tmp_path / "asked", False), calls(tmp_path / "itself", True)
    assert asked[1] == by_itself[1]
    n_won, n_tasks = by_itself[1][0], 12
    assert 0 < n_won < n_tasks
    assert asked[2] == (n_tasks, n_tasks), "with the workflow in the prompt each takes one call"
    assert by_itself[2] == (n_tasks, n_tasks - n_won), "what was won before takes none"
