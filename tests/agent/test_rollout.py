"""Many episodes at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentevo import backbones, benchmarks
from agentevo.agent.episode import Limits
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.benchmarks import Task
from agentevo.experience import Trajectory

WORLDS = Path(__file__).parent.parent / "worlds.py"


def play(tasks: list[Task], benchmark: Any, **options: Any) -> dict[str, Trajectory]:
    player = Player(backbones.load(f"{WORLDS}:scripted"), **options)

    async def collect() -> dict[str, Trajectory]:
        found = {}
        async for attempts in play_all(player, benchmark, tasks, Occasion(0, "evaluation")):
            for one in attempts:
                found[one.task_id] = one
        return found

    return asyncio.run(collect())


@pytest.mark.parametrize("broken", [OSError("no more boxes"), SystemExit("no more boxes")])
def test_an_episode_that_breaks_is_recorded_and_its_siblings_go_on(broken: BaseException) -> None:
    benchmark: Any = benchmarks.load(f"{WORLDS}:boxes")
    whole = benchmark.open

    def sometimes(task: Task) -> Any:
        if task.seed % 2:
            raise broken
        return whole(task)

    benchmark.open = sometimes
    tasks = benchmark.tasks("validation", 6)
    found = play(tasks, benchmark)
    assert set(found) == {task.id for task in tasks}
    ended = {one.task_id for one in found.values() if one.ending == "error"}
    assert ended == {task.id for task in tasks if task.seed % 2}
    assert all("no more boxes" in found[name].error for name in ended)


def test_a_model_that_never_answers_ends_as_an_error_of_its_episode() -> None:
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage

    class Silent(GenericFakeChatModel):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(60)

    benchmark = benchmarks.load(f"{WORLDS}:boxes")
    backbone: Any = backbones.load(f"{WORLDS}:scripted")
    backbone.chat = lambda **_: Silent(messages=iter([AIMessage("x")]))
    player = Player(backbone, limits=Limits(reply_timeout_s=0.05))

    async def collect() -> list[Trajectory]:
        tasks = benchmark.tasks("validation", 1)
        occasion = Occasion(0, "evaluation")
        return [t async for ts in play_all(player, benchmark, tasks, occasion) for t in ts]

    found = asyncio.run(collect())
    assert [one.ending for one in found] == ["error", "error"]
    assert all("TimeoutError" in one.error for one in found)


def test_a_trajectory_comes_back_whole_from_its_json() -> None:
    benchmark = benchmarks.load(f"{WORLDS}:boxes")
    for one in play(benchmark.tasks("train", 1), benchmark).values():
        assert Trajectory.from_json(one.to_json()) == one
