"""A chat model that is served elsewhere: any of LangChain's, or an OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextvars import Context
from pathlib import Path
from types import MappingProxyType
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    message_chunk_to_message,
)
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_delay
from tenacity.wait import wait_random_exponential

from agentevo.backbones.backbone import BackboneError
from agentevo.backbones.chat import EpisodeChat, Hear
from agentevo.settings import EndpointSettings

BUSY = (408, 409, 425, 429)
"""HTTP states of a server that may answer later; so may those from 500 on."""
LONGEST_PAUSE_S = 20.0
TELL_EVERY_S = 10.0  # of all requests that have the same trouble, one is told of
CHARACTERS_PER_TOKEN = 3.0  # of English about 4: prompts are rather counted too long
FRAME = 6  # tokens of a message's framing, about

logger = logging.getLogger(__name__)

ASKED_TO_CALL = "Call the tool `ready` now."
"""What a model is told, to see whether it calls tools in its own form."""
READY = {
    "type": "function",
    "function": {
        "name": "ready", "description": "Say that you are ready.",
        "parameters": {"type": "object", "properties": {}},
    },
}  # fmt: skip


class EndpointChat(EpisodeChat):
    """A chat model for one episode, on an endpoint that many episodes share."""

    tools: tuple[dict[str, Any], ...] = ()

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the same model with tools in its own form."""
        return self.model_copy(update={"tools": tuple(map(convert_to_openai_tool, tools))})

    def submit(
        self, messages: Sequence[BaseMessage], hear: Hear | None = None
    ) -> tuple[Future[Any], Callable[[Any], AIMessage]]:
        """Ask the endpoint; the future holds the message itself."""
        name = hashlib.sha256(f"{self.episode}/{len(messages)}".encode()).digest()
        sampling = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": int.from_bytes(name[:4], "little") >> 1,
        }
        if self.with_tokens:
            sampling |= self.backbone.asks_for_tokens
        return self.backbone.submit(messages, sampling, self.tools, hear), lambda reply: reply


class _Line:
    """A thread with an event loop, in which a model is asked: its client belongs to that loop."""

    def __init__(self, make: Callable[[], BaseChatModel], n_at_once: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.model, self.free = make(), asyncio.Semaphore(n_at_once)
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, AIMessage]) -> Future[AIMessage]:
        # in no context: whoever listens to the episode's model does not want to hear this one, too
        return Context().run(asyncio.run_coroutine_threadsafe, work, self.loop)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close_client(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _close_client(self) -> None:
        client = getattr(self.model, "root_async_client", None)
        if client is not None:
            await client.close()


class Endpoint:
    """A chat model behind an interface of LangChain's.

    Requests wait for their turn, and are sent again, with pauses that grow and are jittered, while
    the server is busy or away. Sampling settings reach the model by its own fields of these names.

    Args:
        name: as the user wrote it.
        make: makes the LangChain model; called with the first request.
        settings: how it is asked.
        window: tokens of prompt and reply together, where the server tells; None: it does not.
    """

    weights: Path | None = None
    adapter = ""
    asks_for_tokens: Mapping[str, Any] = MappingProxyType({})
    """Fields of the model by which it tells tokens and their log-probabilities."""

    def __init__(
        self,
        name: str,
        make: Callable[[], BaseChatModel],
        settings: EndpointSettings | None = None,
        *,
        window: int | None = None,
    ) -> None:
        """Name the model; nothing is asked yet."""
        self.name = name
        self.settings = settings or EndpointSettings()
        self.window = self.settings.window or window or 8192
        self._begin(make)

    def _begin(self, make: Callable[[], BaseChatModel]) -> None:
        """Be ready for the first request."""
        self._make = make
        self._line: _Line | None = None
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._calls_tools: bool | None = None
        self._n_asked, self._is_closed, self._told_at = 0, False, -TELL_EVERY_S

    def chat(
        self, *, episode: str, temperature: float, max_tokens: int, with_tokens: bool = False
    ) -> EndpointChat:
        """Return a chat model for one episode."""
        return EndpointChat(
            backbone=self, episode=episode, temperature=temperature, max_tokens=max_tokens,
            with_tokens=with_tokens,
        )  # fmt: skip

    def count_tokens(self, text: str) -> int:
        """Return about how many tokens a text has, rather too many: no tokenizer is at hand."""
        return int(len(text.encode()) / CHARACTERS_PER_TOKEN) + FRAME

    def with_adapter(self, name: str, folder: Path | None) -> Endpoint:
        """Refuse: what is not at hand has no adapters."""
        if folder is None:
            return self
        raise BackboneError(f"{self.name} takes no adapters: its weights are not at hand")

    def calls_tools(self) -> bool:
        """Return whether the model calls tools in its own form; it is asked once, and tried.

        Raises:
            Exception: the endpoint's own, where it does not answer at all.
        """
        with self._asking:
            if self._calls_tools is None:
                self._calls_tools = self._try_tool()
            return self._calls_tools

    def _try_tool(self) -> bool:
        chat = self.chat(episode="tools", temperature=0.0, max_tokens=200)
        try:
            asked = [HumanMessage(ASKED_TO_CALL)]
            return bool(chat.bind_tools([READY]).invoke(asked).tool_calls)
        except NotImplementedError:
            return False
        except Exception as error:
            states = [getattr(one, "status_code", None) for one in _chain(error)]
            if any(isinstance(one, int) and 400 <= one < 500 and one not in BUSY for one in states):
                return False  # it takes no tools
            raise

    def submit(
        self,
        messages: Sequence[BaseMessage],
        sampling: dict[str, Any],
        tools: Sequence[dict[str, Any]] = (),
        hear: Hear | None = None,
    ) -> Future[AIMessage]:
        """Ask the model; the future holds its reply, or the endpoint's own error.

        Args:
            messages: the dialogue so far.
            sampling: temperature, max_tokens and seed, as far as the model takes them.
            tools: schemas of tools that it may call in its own form.
            hear: hears of the reply's text as it comes.

        Raises:
            BackboneError: it was closed.
        """
        with self._lock:
            if self._is_closed:
                raise BackboneError(f"{self.adapter or self.name} was closed")
            if self._line is None:
                self._line = _Line(self._make, self.settings.n_at_once)
            self._n_asked += 1
            future = self._line.submit(self._ask(self._line, messages, sampling, tools, hear))
        future.add_done_callback(self._answered)
        return future

    def _answered(self, _future: Future[AIMessage]) -> None:
        with self._lock:
            self._n_asked -= 1
            is_last = self._is_closed and self._n_asked == 0
        if is_last:  # not in the line's own thread, which is to end
            threading.Thread(target=self._end).start()

    async def _ask(
        self,
        line: _Line,
        messages: Sequence[BaseMessage],
        sampling: dict[str, Any],
        tools: Sequence[dict[str, Any]],
        hear: Hear | None,
    ) -> AIMessage:
        taken = {
            key: value for key, value in sampling.items() if key in type(line.model).model_fields
        }
        model: Runnable[LanguageModelInput, AIMessage] = line.model.model_copy(update=taken)
        if tools:
            model = line.model.model_copy(update=taken).bind_tools(list(tools))
        try:
            return self.checked(await self._reply(line, model, messages, hear))
        except Exception as error:
            why = self._fault(error, line.model)
            if not why:
                raise
            raise BackboneError(f"{self.name} {why}") from error

    async def _reply(
        self,
        line: _Line,
        model: Runnable[LanguageModelInput, AIMessage],
        messages: Sequence[BaseMessage],
        hear: Hear | None,
    ) -> AIMessage:
        """Return the model's reply, asked for until it comes or the time for that is over."""
        reply, said = None, list[str]()

        def listen(text: str) -> None:
            said.append(text)
            assert hear is not None
            hear(text)

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: may_pass(error) and not self.gone()),
            wait=_pause,
            stop=stop_after_delay(self.settings.retry_s),
            before_sleep=self._tell,
            reraise=True,
        ):
            with attempt:
                async with line.free:
                    streams = hear is not None and not said  # what was cut is not told twice
                    asked = (
                        _streamed(model, messages, listen)
                        if streams
                        else model.ainvoke(list(messages))
                    )
                    reply = await asyncio.wait_for(asked, self.settings.timeout_s)
        assert reply is not None
        return reply

    def gone(self) -> str:
        """Return why nobody will answer any more; empty: somebody may."""
        return ""

    def _fault(self, error: Exception, model: BaseChatModel) -> str:
        """Return what to say of an error that does not speak for itself; empty: it does."""
        if why := self.gone():
            return why
        chain = list(_chain(error))
        if any(isinstance(one, BackboneError | NotImplementedError) for one in chain):
            return ""
        if any(isinstance(getattr(one, "status_code", None), int) for one in chain):
            return ""
        if isinstance(error, TimeoutError):
            return f"gave no reply within {self.settings.timeout_s:g} s"
        if any(map(_is_transport, chain)):
            return f"cannot be reached: {error} ({_in_words(chain[-1])})"
        if not hasattr(model, "root_async_client"):  # somebody's own model: its error is theirs
            return ""
        is_empty = "No generation chunks" in str(error)  # LangChain's word for an empty stream
        why = "its stream held nothing" if is_empty else _in_words(error)
        return (
            f"gave no reply that can be read: {why} (does its URL lead to OpenAI's API, as in "
            "http://localhost:8000/v1?)"
        )

    def checked(self, reply: AIMessage) -> AIMessage:
        """Return a reply, stamped with what served it."""
        served = str(reply.response_metadata.get("model_name", ""))
        stamp = {"model_name": served or self.name, "adapter": self.adapter}
        return reply.model_copy(update={"response_metadata": reply.response_metadata | stamp})

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        now = time.monotonic()
        if state.attempt_number == 1 and now - self._told_at > TELL_EVERY_S:
            self._told_at = now
            logger.warning(
                "%s: %s; it is asked again in %.1f s", self.name, _in_words(error), pause
            )

    def close(self) -> None:
        """Take no more requests; once the last one is answered, let the client go."""
        with self._lock:
            is_idle = not self._is_closed and self._n_asked == 0
            self._is_closed = True
        if is_idle:
            self._end()

    def _end(self) -> None:
        """Let go of what requests needed."""
        if self._line is not None:
            self._line.close()


async def _streamed(
    model: Runnable[LanguageModelInput, AIMessage], messages: Sequence[BaseMessage], hear: Hear
) -> AIMessage:
    """Return a reply after its text was told piece by piece."""
    whole: AIMessageChunk | None = None
    async for piece in model.astream(list(messages)):
        if not isinstance(piece, AIMessageChunk):  # of a model that does not stream: all of it
            hear(str(piece.text))
            return piece
        whole = piece if whole is None else whole + piece
        if text := str(piece.text):
            hear(text)
    if whole is None:
        raise ValueError("the server sent nothing")
    told = whole.response_metadata
    if told.get("model_provider") == "openai" and not told.get("finish_reason"):
        raise ValueError("the server's stream broke off")
    message = message_chunk_to_message(whole)
    assert isinstance(message, AIMessage)
    return message


def may_pass(error: BaseException) -> bool:
    """Whether asking again may help: the server is busy, away, broken, or sent garbage."""
    for one in _chain(error):
        state = getattr(one, "status_code", None)
        if isinstance(state, int) and state >= 400:
            return state in BUSY or state >= 500
        if isinstance(one, (OSError, TimeoutError, ValueError)) or _is_transport(one):
            return not isinstance(one, BackboneError)
    return False


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_transport(error: BaseException) -> bool:
    """Whether a client of any HTTP library says that the connection failed."""
    return any(
        kind.__name__ in ("TransportError", "APIConnectionError") for kind in type(error).__mro__
    )


def _pause(state: RetryCallState) -> float:
    """Return the seconds before the next attempt: what the server asks for, or ever longer."""
    error = state.outcome.exception() if state.outcome else None
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return min(float(headers["retry-after"]), LONGEST_PAUSE_S)
    except (KeyError, ValueError):
        return float(wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE_S)(state))


def _in_words(error: BaseException | None) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
