"""One conversation: the user's turns, the tools, and the verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agentevo.benchmarks.bfcl.package import Call, Entry, functions
from agentevo.benchmarks.bfcl.systems import Systems, passes
from agentevo.benchmarks.task import Observation

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_CALL = re.compile(r"(\w+)\s*([({].*)?", re.DOTALL)
_OVER = "The conversation is over."
_TOO_MANY = "Too many calls for one request: the conversation is over."


def limit(entry: Entry, turn: int) -> int:
    """Return how many calls a turn may take.

    The package lets a model call functions in 20 of its replies. Here calls are counted, since
    tools do not see replies; a turn whose solution is longer may take twice its length.
    """
    from bfcl_eval.constants.default_prompts import MAXIMUM_STEP_LIMIT

    n_solution = len(entry.solution[turn])
    return 2 * n_solution if n_solution > MAXIMUM_STEP_LIMIT else int(MAXIMUM_STEP_LIMIT)


class Episode:
    """Plays one conversation; an Environment.

    `success` is the package's: its checker lets every turn pass, and no turn took too many
    calls. `score` is our own extension, given at the end: of the turns that the checker looks
    at, the share that passes. It looks at those that need a call, never at what was replied.
    """

    takes_answers = True

    def __init__(self, entry: Entry) -> None:
        """Make the tools; the conversation begins with `reset`."""
        self._entry = entry
        self._tools = _tools(entry, self._call)
        self._systems: Systems | None = None
        self._truth: Systems | None = None
        self._results: list[str] = []
        self._verdicts: list[bool] = []
        self._done = True
        self._begin_turn(0)

    @property
    def tools(self) -> Sequence[BaseTool]:
        """The functions that are offered in this turn, bound to this episode's systems."""
        first = self._entry.withheld
        return [tool for tool in self._tools if first.get(tool.name, 0) <= self._turn]

    def reset(self) -> Observation:
        """Begin, or begin again, with the user's first request."""
        self._systems, self._truth = Systems(self._entry), Systems(self._entry)
        self._results, self._verdicts = [], []
        self._done = False
        return self._begin_turn(0)

    def step(self, action: str) -> Observation:
        """Take a reply to the user, which ends the turn, or a call written `name {arguments}`."""
        if self._done:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        result = None if self._exhausted else self._written_call(action)
        if self._exhausted:
            self._verdicts.append(False)
            return self._end(_TOO_MANY)
        return self._end_turn() if result is None else Observation(result)

    def close(self) -> None:
        """Let go of the systems."""
        self._done = True
        self._systems = self._truth = None

    def _begin_turn(self, turn: int) -> Observation:
        """Return what the user says; it asks to be kept in view."""
        self._turn = turn
        self._limit = limit(self._entry, turn)
        self._n_calls = 0
        self._n_before = len(self._results)
        return Observation(self._entry.messages[turn], info={"keep": True})

    @property
    def _exhausted(self) -> bool:
        return self._n_calls > self._limit

    def _call(self, call: Call) -> str:
        """Call a function, as all tools do."""
        if self._done or self._systems is None:
            return _OVER
        self._n_calls += 1
        if self._exhausted:
            return _TOO_MANY
        self._results.append(self._systems.call(call))
        return self._results[-1]

    def _written_call(self, action: str) -> str | None:
        """Return the result of the call that an action is, or what is wrong with it.

        None: it is a plain reply.
        """
        match = _CALL.fullmatch(action.strip())
        if match is None:
            return None
        name, rest = match[1], match[2] or ""
        offered = [tool.name for tool in self.tools]
        try:
            arguments = json.loads(rest or "{}")
        except (ValueError, RecursionError) as error:
            if name not in offered:
                return None
            return self._refuse(f"A call is written: {name} {{arguments as JSON}} ({error})")
        if name in offered:
            return self._call(Call(name, arguments))
        if not rest:
            return None
        return self._refuse(f"There is no tool {name!r} (there are: {', '.join(offered)}).")

    def _refuse(self, text: str) -> str:
        self._n_calls += 1
        return text

    def _end_turn(self) -> Observation:
        assert self._systems is not None
        assert self._truth is not None
        if expected := self._entry.solution[self._turn]:
            self._verdicts.append(
                passes(
                    self._systems,
                    self._truth,
                    expected,
                    results=self._results,
                    n_before=self._n_before,
                )
            )
        if self._turn + 1 == len(self._entry.messages):
            return self._end(_OVER)
        return self._begin_turn(self._turn + 1)

    def _end(self, text: str) -> Observation:
        self._done = True
        n_passed = sum(self._verdicts)
        n_checked = max(len(self._verdicts), sum(map(bool, self._entry.solution)))
        return Observation(
            text=text,
            reward=n_passed / n_checked,
            terminated=True,
            score=n_passed / n_checked,
            success=n_passed == n_checked,
            info={"turns_passed": n_passed, "turns_checked": n_checked},
        )


def _tools(entry: Entry, call: Callable[[Call], str]) -> list[BaseTool]:
    """Return a tool for every documented function of the conversation's systems.

    Their schemas are plain JSON Schema: arguments arrive as the model gave them, not coerced.
    """
    from langchain_core.tools import StructuredTool

    def bound(name: str) -> Callable[..., str]:
        return lambda **arguments: call(Call(name, arguments))

    return [
        StructuredTool.from_function(
            func=bound(function.name),
            name=function.name,
            description=function.description,
            args_schema=dict(function.schema),
            infer_schema=False,
        )
        for name in entry.classes
        for function in functions(name)
    ]
