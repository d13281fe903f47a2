"""What the chat models of all our backbones are alike in: one for an episode, asked by a future."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict

from agentevo.backbones.backbone import Backbone


class EpisodeChat(BaseChatModel):
    """A chat model for one episode, on a backbone that many episodes share."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    backbone: Any
    episode: str
    temperature: float
    max_tokens: int
    with_tokens: bool = False

    @property
    def _llm_type(self) -> str:
        return "agentevo"

    def submit(
        self, messages: Sequence[BaseMessage]
    ) -> tuple[Future[Any], Callable[[Any], AIMessage]]:
        """Ask for a reply; return the future of what comes, and how to read it."""
        raise NotImplementedError

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        future, read = self.submit(messages)
        return _result(read(future.result()))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        future, read = self.submit(messages)
        return _result(read(await asyncio.wrap_future(future)))


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])


def answers(
    backbone: Backbone,
    dialogues: Sequence[Sequence[dict[str, Any]]],
    *,
    temperature: float,
    max_tokens: int,
    n_at_once: int,
) -> list[str]:
    """Return what a backbone says to dialogues, each with `role` and `content` a message."""

    def one(i: int) -> str:
        chat = backbone.chat(episode=f"answer {i}", temperature=temperature, max_tokens=max_tokens)
        return str(chat.invoke([(m["role"], m["content"]) for m in dialogues[i]]).text)

    with ThreadPoolExecutor(n_at_once) as pool:
        return list(pool.map(one, range(len(dialogues))))
