"""One episode as a state machine, on scripted models."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from agentevo.agent.episode import Episode, Limits
from agentevo.agent.graph import build
from agentevo.tools import tool
from tests.agent.doors import Door, played


def test_an_episode_ends_as_the_environment_says() -> None:
    (won,) = played(["Thought: hm\nAction: look", "Action: open door"])
    (lost,) = played(["Action: break door"])
    assert (won.ending, won.success, won.score, len(won.steps)) == ("success", True, 1.0, 2)
    assert (lost.ending, lost.success, lost.score) == ("failure", False, 0.25)


def test_a_reply_without_an_action_goes_back_to_the_model_and_is_counted() -> None:
    (attempt,) = played(["I like doors.", "Action: open door"])
    assert attempt.steps[0].action is None
    assert "No action was found" in attempt.steps[0].observation
    assert attempt.success


@pytest.mark.parametrize("reply", ["", "   ", "y" * 100_000])
def test_replies_that_never_state_an_action_end_the_episode_as_malformed(reply: str) -> None:
    (attempt,) = played([reply] * 10)
    assert attempt.ending == "malformed"
    assert len(attempt.steps) == 3


def test_doing_the_same_in_vain_ends_the_episode_as_stalled() -> None:
    (attempt,) = played(["Action: look"] * 10)
    assert (attempt.ending, len(attempt.steps)) == ("stalled", 3)
    (in_turn,) = played(["Action: look", "Action: wait", "Action: think"] * 10)
    assert (in_turn.ending, len(in_turn.steps)) == ("stalled", 9)
    (going_on,) = played(["Action: look", "Action: wait", "Action: look", "Action: open door"])
    assert going_on.success


def test_the_step_limit_and_the_token_budget_cut_an_episode_short() -> None:
    replies = [f"Action: look {i}" for i in range(50)]
    (by_steps,) = played(replies, limits=Limits(max_steps=7))
    assert (by_steps.ending, len(by_steps.steps)) == ("step_limit", 7)


def test_a_tool_is_called_by_name_and_what_goes_wrong_in_it_is_told_to_the_model() -> None:
    @tool
    def half(n: int) -> float:
        """Halve a number."""
        return 1 / (n - 2) + n / 2

    (attempt,) = played(
        ['Action: half {"n": 4}', 'Action: half {"n": 2}', "Action: half 4", "Action: open door"],
        tools=[half],
    )
    told = [step.observation for step in attempt.steps]
    assert told[0] == "2.5"
    assert told[1].startswith("half failed: ZeroDivisionError")
    assert "must be a JSON object" in told[2]
    assert attempt.success


def test_what_the_environment_marks_stays_in_the_window_of_a_long_episode() -> None:
    prompts: list[str] = []

    class Watching(GenericFakeChatModel):
        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            prompts.append("\n".join(str(message.content) for message in messages))
            return super()._generate(messages, *args, **kwargs)

    replies = ["Action: read sign", *[f"Action: look {i}" for i in range(40)], "Action: open door"]
    chat = Watching(messages=iter([AIMessage(text) for text in replies]))
    episode = Episode(
        "Get out.", Door(), lambda attempt: chat, lambda text: len(text.split()), 260,
        limits=Limits(max_reply_tokens=60),
    )  # fmt: skip
    asyncio.run(build().ainvoke({}, context=episode, config={"recursion_limit": 500}))
    assert "look 3\n" not in prompts[-1]
    assert "read sign" in prompts[-1]
    assert "Task: Get out." in prompts[-1]
