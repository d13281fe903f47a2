"""The databases of one episode, and whatever is done in them."""

import gc
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from agentevo.benchmarks.tau2 import wheel
from agentevo.benchmarks.tau2.cases import Call, Case, Method, cases
from agentevo.benchmarks.tau2.domains import DOMAINS, Domain, Kit

Work = Callable[[str, Mapping[str, object]], str]
"""Calls a tool by its name and arguments, and returns what it says."""
_Function = Callable[..., Coroutine[None, None, object]]


class Room:
    """A domain's databases, fresh and shared with nobody, with a case's scene set up.

    The wheel's tools find their database through a context variable of inspect_ai; whatever is
    done here is done in a context of its own, so that rooms do not touch, in threads neither.
    """

    def __init__(self, domain: Domain, case: Case) -> None:
        """Read the databases anew: 0.15 s for airline, 0.05 s for retail, 5 ms for telecom."""
        self._store = wheel.load("inspect_ai.util:Store")()
        self._enter = wheel.load("inspect_ai.util._store:init_subtask_store")
        self._sync = wheel.load(domain.sync) if domain.sync else None
        self._functions = {n: one for kit in domain.kits.values() for n, one in _functions(kit)}
        self._states = {side: self._filled(kit) for side, kit in domain.kits.items()}
        self.calls: list[tuple[str, Mapping[str, object]]] = []
        """Every call of a tool, in order."""
        for step in case.scene:
            self.do(step)

    def _filled(self, kit: Kit) -> Any:
        model = wheel.load(kit.state)
        with _uncollected():
            database = model.model_fields["db"].annotation.model_validate(wheel.read(kit.database))
        return model(store=self._store, instance=kit.instance, initialized=True, db=database)

    def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool and return what it says.

        Raises:
            ToolException: The tool refuses; why is for the agent to read.
        """
        self.calls.append((name, arguments))
        try:
            return str(self._within(lambda: _finished(self._functions[name](**arguments))))
        except Exception as error:  # tau2 too shows every error to the agent
            raise ToolException(str(error) or type(error).__name__) from error

    def do(self, method: Method) -> object:
        """Call a method of the wheel's that no agent may call."""
        work = getattr(self._states[method.side], method.name)
        return self._within(partial(work, **method.arguments))

    def digest(self) -> str:
        """Return tau2's hash of the agent's database."""
        with _uncollected():
            return str(self._states["assistant"].db.get_hash())

    def _within(self, work: Callable[[], object]) -> object:
        def run() -> object:
            self._enter(self._store)
            if self._sync is not None:
                self._sync()
            return work()

        return copy_context().run(run)


@cache
def gold_digest(name: str, number: int) -> str:
    """Return the hash of a domain's database after a case's gold solution."""
    case = cases(name)[number]
    room = Room(DOMAINS[name], case)
    for call in case.gold:
        try:
            room.call(call.name, call.arguments)
        except ToolException:
            continue  # some look for what is not there
    return room.digest()


def parts(room: Room, domain: Domain, case: Case, said: Sequence[str]) -> dict[str, bool]:
    """Return which parts of a case's score are reached, each under tau2's name for it.

    Args:
        room: The state at the end of the episode.
        domain: The domain.
        case: The case, which says what its score is made of.
        said: All messages of the agent to the user.
    """
    words = "\n".join(said).lower().replace(",", "")
    rules: dict[str, Callable[[], bool]] = {
        "DB": lambda: room.digest() == gold_digest(domain.name, case.number),
        "COMMUNICATE": lambda: all(one.lower() in words for one in case.told),
        "ENV_ASSERTION": lambda: all(room.do(one) == one.expected for one in case.assertions),
        "ACTION": lambda: all(_was_made(call, room) for call in case.gold),
    }
    return {name: rules[name]() for name in sorted(case.basis)}


def tools(kit: Kit, work: Work) -> list[BaseTool]:
    """Return a kit's tools as LangChain's, with the wheel's words and schemas."""
    return [_tool(name, function, work) for name, function in _functions(kit)]


def _tool(name: str, function: _Function, work: Work) -> BaseTool:
    def called(**arguments: object) -> str:
        return work(name, arguments)

    described = _described(name, function)
    return StructuredTool(
        name=name, description=described.description, args_schema=described.args_schema, func=called
    )


@cache
def _described(name: str, function: _Function) -> StructuredTool:
    """Return a tool that was made of the wheel's function: its words and its schema."""
    return StructuredTool.from_function(
        coroutine=function, name=name, parse_docstring=True, error_on_invalid_docstring=False
    )


@cache
def _functions(kit: Kit) -> tuple[tuple[str, _Function], ...]:
    return tuple((make.__name__, make()) for make in wheel.load(kit.tools))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking a whole database while it is made: 3 times faster."""
    enabled = gc.isenabled()  # whoever finds it enabled enables it again, in threads too
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _was_made(gold: Call, room: Room) -> bool:
    names = gold.arguments if gold.compared is None else gold.compared
    return any(
        name == gold.name and all(made.get(key) == gold.arguments.get(key) for key in names)
        for name, made in room.calls
    )


def _finished(work: Coroutine[None, None, object]) -> object:
    """Run a coroutine that waits for nothing, as the wheel's tools do, and return its result."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a tool of tau2 waits for something")
