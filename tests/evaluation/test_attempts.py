"""Held-out tasks that are tried more than once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from langchain_core.messages import BaseMessage

from agentevo.api import play_four_arms
from agentevo.config import make
from agentevo.evaluation.figures import arms_table
from agentevo.run import Run
from tests.conftest import WORLDS
from tests.worlds import RULE, Scripted, ScriptedChat


class SecondThought(ScriptedChat):
    """Pulls the lever until it is told that this was what it did."""

    def _answer(self, messages: list[BaseMessage]) -> str:
        told = "last time you did: pull lever" in str(messages[1].content)
        return f"Action: {RULE if told else 'pull lever'}"


class Thinker(Scripted):
    """A backbone that does so."""

    def chat(self, *, episode: str, temperature: float, **options: object) -> SecondThought:
        return SecondThought(episode=episode, temperature=temperature)


def thinker(rest: str, n_slots: int) -> Thinker:
    """Return the backbone."""
    return Thinker()


def played(folder: Path, n_attempts: int) -> tuple[float, float, float]:
    """Return success, calls and tokens of the plain arm on the test split, counted anew."""
    config = make(
        {
            "benchmark": f"{WORLDS}:boxes", "backbone": f"{__file__}:thinker", "recipe": "react",
            "n_generations": 0, "memory": {"enabled": False},
            "refinement": {"corrector": "error"},
            "evaluation": {"n_test_per_level": 3, "n_attempts": n_attempts},
        }
    )  # fmt: skip
    with Run.start(folder, config) as run:
        first = asyncio.run(play_four_arms(run, lambda news: None))["plain"]
        again = asyncio.run(play_four_arms(run, lambda news: None))["plain"]
        plain = arms_table(run)[0]
    assert [one.id for one in again] == [one.id for one in first], "nothing is played twice"
    assert plain.success.estimate == sum(one.success for one in again) / len(again)
    tokens = sum(one.n_prompt_tokens + one.n_reply_tokens for one in again) / len(again)
    assert plain.tokens == tokens
    return plain.success.estimate, plain.steps, plain.tokens


def test_the_last_attempt_counts_with_the_calls_and_tokens_of_all(tmp_path: Path) -> None:
    once = played(tmp_path / "once", 1)
    twice = played(tmp_path / "twice", 2)
    assert (once[0], twice[0]) == (0.0, 1.0)
    assert (once[1], twice[1]) == (2.0, 3.0)
    assert twice[2] > once[2]
