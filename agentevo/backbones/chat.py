"""What the chat models of all our backbones are alike in: one for an episode, asked by a future."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from agentevo.backbones.backbone import Backbone, BackboneError

Hear = Callable[[str], None]
"""Hears of a reply's text as it comes; called from other threads."""


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
        self, messages: Sequence[BaseMessage], hear: Hear | None = None
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

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Yield a reply's text as it comes, then all that is known of it."""
        loop, heard = asyncio.get_running_loop(), asyncio.Queue[str | None]()

        def tell(text: str | None) -> None:
            loop.call_soon_threadsafe(heard.put_nowait, text)

        future, read = self.submit(messages, tell)
        future.add_done_callback(lambda _: tell(None))
        said = ""
        try:
            while (text := await heard.get()) is not None:
                said += text
                yield ChatGenerationChunk(message=AIMessageChunk(content=text))
        finally:
            future.cancel()  # where nobody listens any more
        yield ChatGenerationChunk(message=_last_chunk(read(future.result()), said))


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])


def _last_chunk(message: AIMessage, said: str) -> AIMessageChunk:
    """Return what is left of a reply of which some text was said already.

    Raises:
        BackboneError: the reply begins with another text.
    """
    text = str(message.text)
    if not text.startswith(said):
        raise BackboneError("the reply broke off and, asked for again, became another one")
    calls = [
        tool_call_chunk(name=one["name"], args=json.dumps(one["args"]), id=one["id"], index=i)
        for i, one in enumerate(message.tool_calls)
    ]
    calls += [
        tool_call_chunk(name=one["name"], args=one["args"], id=one["id"], index=len(calls) + i)
        for i, one in enumerate(message.invalid_tool_calls)
    ]
    return AIMessageChunk(
        content=text[len(said) :],
        tool_call_chunks=calls,
        usage_metadata=message.usage_metadata,
        response_metadata=message.response_metadata,
    )


def answers(
    backbone: Backbone,
    dialogues: Sequence[Sequence[dict[str, Any]]],
    *,
    temperature: float,
    max_tokens: int,
    n_at_once: int,
) -> list[AIMessage]:
    """Return what a backbone says to dialogues, each with `role` and `content` a message."""

    def one(i: int) -> AIMessage:
        chat = backbone.chat(episode=f"answer {i}", temperature=temperature, max_tokens=max_tokens)
        return chat.invoke([(m["role"], m["content"]) for m in dialogues[i]])

    with ThreadPoolExecutor(n_at_once) as pool:
        return list(pool.map(one, range(len(dialogues))))
