"""Tasks that a run makes beside those of its benchmark, and plays."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from agentevo.acquisition.makers import Order, maker
from agentevo.acquisition.making import NEW
from agentevo.api import settle
from agentevo.benchmarks import Task
from agentevo.config import ConfigError
from agentevo.cycle import Cycle, sample
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.spending import spending
from agentevo.run import Run
from tests.conftest import WORLDS
from tests.worlds import Scripted, ScriptedChat

LISTED = "1. Name a town on the Danube.\n2. Name a river that flows through Paris.\n"


class Making(ScriptedChat):
    """Writes two tasks where it is asked for some, and answers every question by Ulm."""

    def _answer(self, messages: list[BaseMessage]) -> str:
        if str(messages[0].content) == NEW:
            return LISTED
        if "town" in str(messages[1].content) or "river" in str(messages[1].content):
            return "Thought: one\nAction: Ulm"
        return super()._answer(messages)


class Maker(Scripted):
    """A backbone that does so."""

    def chat(self, *, episode: str, temperature: float, **options: object) -> Making:
        return Making(episode=episode, temperature=temperature)


def tasks_maker(rest: str, n_slots: int) -> Maker:
    """Return the backbone."""
    return Maker()


def test_made_tasks_are_played_beside_the_others_once_and_charged(tmp_path: Path) -> None:
    config = settle(
        {
            "benchmark": f"{WORLDS}:boxes", "backbone": f"{__file__}:tasks_maker",
            "recipe": "memory-only", "n_generations": 1,
            "acquisition": {"n_tasks_per_level": 2, "make": "self-instruct", "n_made": 2},
        }
    )  # fmt: skip
    with Run.start(tmp_path / "made", config) as run:
        for _ in range(2):  # begun again, as after a kill
            asyncio.run(sample(Cycle(run, run.benchmark(), lambda news: None), 1, Arm(0, "")))
        played = list(run.ledger.episodes(run.id, purpose="acquisition"))
        update: Any = run.ledger.get_update(run.id, 1, "making")
        cost = spending(run)
    made = [one for one in played if one.benchmark == "made"]
    assert sorted(one.instruction for one in made) == [
        "Name a river that flows through Paris.", "Name a town on the Danube.",
    ]  # fmt: skip
    assert {one.ending for one in made} == {"answered"}, "nobody knows the answer"
    assert len(played) == 4 + 2
    assert update.payload["n_made"] == 2
    assert cost.n_asked > 0
    text = (tmp_path / "made" / "made.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {one["source"] for one in lines} <= {one.task_id for one in played}


def order(**more: Any) -> Order:
    tasks = [
        Task(f"q/train/{i}", "q", "train", f"Tom has {i + 3} pens and buys 20. How many?", i, 1)
        for i in range(3)
    ]
    told: dict[str, Any] = {
        "tasks": tasks, "gold": lambda task: str(task.seed + 23), "answer": lambda asked: [],
        "rng": random.Random(0), "n": 2,
    }  # fmt: skip
    return Order(**told | more)


def test_backward_tasks_ask_for_what_the_question_told() -> None:
    found = maker("backward")(order())
    assert [one.answer for one in found.made] == ["3", "4"]
    assert "The answer to this is 23" in found.made[0].question


def test_a_folder_of_texts_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file or folder"):
        maker(f"documents:{tmp_path}/nope")(order())


def test_an_unknown_way_of_making_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'self-instruct'"):
        maker("self-instuct")
