"""An episode that another harness runs, with an agent of ours in the place of its model.

The harness puts the prompt together, asks its model, carries out the tools that the model calls,
asks again, and scores. It does so as a coroutine on a loop that all such episodes share; wherever
it asks, it waits until the agent has said something in a thread of its own.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextvars import Context
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.questions.bank import ANSWER_IT, Grade
from agentevo.benchmarks.task import JSON, Observation

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

TIMEOUT_S = 600.0
"""For what a harness does between two turns of the agent, such as a tool of its own."""
_SUBMIT = "submit"
"""A tool by which some harnesses take the answer; a reply that calls no tool is that here."""
_NO_SUBMIT = "(You need not call submit: a reply that calls no tool is your answer.)"
_OVER = "The task is over."


@dataclass(frozen=True)
class Message:
    """One message of the dialogue that a harness shows its model."""

    role: str
    """`system`, `user`, `assistant` or `tool`."""
    text: str


@dataclass(frozen=True)
class Offer:
    """A tool that a harness offers; it carries it out by itself."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(hash=False)
    """Of its arguments, as JSON schema."""


@dataclass(frozen=True)
class Turn:
    """What a harness asks its model with."""

    messages: Sequence[Message]
    """The whole dialogue so far."""
    tools: Sequence[Offer]


@dataclass(frozen=True)
class Reply:
    """What its model says: a text, or the call of one tool."""

    text: str = ""
    tool: str = ""
    """Empty: none is called."""
    arguments: Mapping[str, JSON] = field(default_factory=dict, hash=False)


Ask = Callable[[Turn], Awaitable[Reply]]
"""The model of a harness."""
Run = Callable[[Ask], Coroutine[Any, Any, Grade]]
"""Runs one task with a model to its end, and scores it."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop on which all harnesses run, in a thread that ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="harnesses", daemon=True).start()
    return loop


class Hosted:
    """An Environment; what the harness asks is observed, and each reply without a tool is a step.

    Args:
        run: runs the task.
        instruction: what is known to be asked; the first observation does not repeat it.
        max_steps: replies without a tool after which the episode is truncated.

    Raises:
        BenchmarkError: the task cannot be begun.
    """

    takes_answers = True

    def __init__(self, run: Run, instruction: str, *, max_steps: int) -> None:
        """Run it up to its first question, which says what tools there are."""
        self._run, self._instruction, self._max_steps = run, instruction, max_steps
        self._lock = threading.Lock()
        self._future: Future[None] | None = None
        self._is_fresh, self._is_told = False, True
        self._begin()

    @property
    def tools(self) -> Sequence[BaseTool]:
        """The tools that the harness offers at first."""
        return self._tools

    def reset(self) -> Observation:
        """Begin, or begin again: show the prompt."""
        with self._lock:
            if not self._is_fresh:
                self._begin()
            self._is_fresh = False
            return Observation(self._first())

    def step(self, action: str) -> Observation:
        """Answer; the harness scores, or asks on."""
        with self._lock:
            if self._is_told:
                raise RuntimeError("the task is over")
            if self._grade is None:
                self._n_steps += 1
                self._say(self._answer(action))
            if self._grade is not None:
                self._is_told = True
                score = self._grade.score
                return Observation(
                    self._grade.said, score, terminated=True, score=score,
                    success=self._grade.success,
                )  # fmt: skip
            self._is_told = self._n_steps >= self._max_steps
            return Observation(self._news(), truncated=self._is_told)

    def close(self) -> None:
        """End it; harmless when called twice."""
        if self._future is not None:
            self._future.cancel()
            self._future = None
        self._is_fresh, self._is_told = False, True

    def _begin(self) -> None:
        self.close()
        self._came: queue.SimpleQueue[Turn | Grade | Exception] = queue.SimpleQueue()
        self._waiting: asyncio.Future[Reply] | None = None
        self._turn, self._read = Turn((), ()), list[Message]()
        self._grade: Grade | None = None
        self._n_steps = 0
        self._is_told = False
        self._future = Context().run(  # nothing of ours hears what the harness does
            asyncio.run_coroutine_threadsafe, self._play(self._came), _loop()
        )
        self._take()
        self._tools = tuple(self._tool(one) for one in self._turn.tools if one.name != _SUBMIT)
        self._is_fresh = True

    async def _play(self, came: queue.SimpleQueue[Turn | Grade | Exception]) -> None:
        """Run the harness's side; whatever comes of it goes to the agent's."""

        async def ask(turn: Turn) -> Reply:
            self._waiting = asyncio.get_running_loop().create_future()
            came.put(turn)
            return await self._waiting

        try:
            came.put(await self._run(ask))
        except Exception as error:  # anybody's code
            came.put(error)

    def _say(self, reply: Reply) -> None:
        """Let the harness go on with a reply, up to its next question or its end."""
        waiting = self._waiting
        assert waiting is not None
        _loop().call_soon_threadsafe(waiting.set_result, reply)
        self._take()

    def _take(self) -> None:
        try:
            came = self._came.get(timeout=TIMEOUT_S)
        except queue.Empty:
            self.close()
            raise BenchmarkError(f"the harness said nothing for {TIMEOUT_S:g} s") from None
        if isinstance(came, Exception):
            self.close()
            raise BenchmarkError(f"the harness failed: {type(came).__name__}: {came}") from came
        if isinstance(came, Grade):
            self._grade = came
        else:
            self._turn = came

    def _answer(self, text: str) -> Reply:
        """Return an answer as the harness wants it: as a text, or by the tool that takes it."""
        if (argument := self._submit()) is not None:
            return Reply(tool=_SUBMIT, arguments={argument: text})
        return Reply(text)

    def _submit(self) -> str | None:
        """Return the argument of the tool that takes the answer; None: there is no such tool."""
        for one in self._turn.tools:
            names = list(one.schema.get("properties", {}))
            if one.name == _SUBMIT and len(names) == 1:
                return str(names[0])
        return None

    def _first(self) -> str:
        """Return the prompt, without what the agent is told anyway."""
        shown = self._news()
        if not shown.replace(self._instruction, "", 1).strip():
            return ANSWER_IT
        shown = shown.replace(self._instruction, "(the task)", 1)
        return f"{shown}\n\n{_NO_SUBMIT}" if self._submit() is not None else shown

    def _news(self) -> str:
        """Return what the harness has said since it was read last."""
        seen, now = self._read, list(self._turn.messages)
        new = now[len(seen) :] if now[: len(seen)] == seen else now  # it may begin a new dialogue
        self._read = now
        shown = [one.text.strip() for one in new if one.role != "assistant" and one.text.strip()]
        return "\n\n".join(shown)

    def _tool(self, offer: Offer) -> BaseTool:
        from langchain_core.tools import StructuredTool

        def call(**arguments: JSON) -> str:
            with self._lock:
                if self._is_told or self._grade is not None:
                    return _OVER
                self._say(Reply(tool=offer.name, arguments=arguments))
                return _OVER if self._grade is not None else self._news()

        return StructuredTool.from_function(
            call, name=offer.name, description=offer.description,
            args_schema=dict(offer.schema), infer_schema=False,
        )  # fmt: skip
