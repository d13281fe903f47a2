"""A door to be opened, for tests of one episode on scripted replies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool

from agentevo.agent.episode import Attempt, Episode
from agentevo.agent.graph import build
from agentevo.benchmarks import Observation


class Door:
    """Opens by `open door` and ends; anything else changes nothing."""

    tools: Sequence[BaseTool] = ()

    def reset(self) -> Observation:
        return Observation("A door.")

    def step(self, action: str) -> Observation:
        if action == "open door":
            return Observation("It opens.", 1.0, terminated=True, score=1.0, success=True)
        if action == "break door":
            return Observation("You hurt yourself.", terminated=True, score=0.25)
        return Observation("Nothing happens.", info={"keep": action == "read sign"})

    def close(self) -> None:
        pass


class Watched(GenericFakeChatModel):
    """Says what is scripted, and keeps what it was told."""

    seen: list[str]

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append("\n".join(str(message.content) for message in messages))
        return super()._generate(messages, *args, **kwargs)


def watched(replies: Sequence[str]) -> Watched:
    """Return a model that says these replies in turn, with usage of ten and one tokens each."""
    usage: Any = {"input_tokens": 10, "output_tokens": 1, "total_tokens": 11}
    return Watched(messages=iter([AIMessage(r, usage_metadata=usage) for r in replies]), seen=[])


def played_by(
    chat: GenericFakeChatModel, *, window: int = 2000, **options: Any
) -> tuple[Attempt, ...]:
    """Return the attempts at the door that a model makes."""
    episode = Episode(
        "Get out.", Door(), lambda attempt: chat, lambda text: len(text.split()), window, **options
    )
    state = asyncio.run(build().ainvoke({}, context=episode, config={"recursion_limit": 500}))
    attempts: tuple[Attempt, ...] = state["attempts"]
    return attempts


def played(replies: Sequence[str], **options: Any) -> tuple[Attempt, ...]:
    """Return the attempts at the door of a model that says these replies in turn."""
    return played_by(watched(replies), **options)
