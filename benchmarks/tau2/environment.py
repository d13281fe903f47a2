"""One episode: an agent with tools and a policy, and somebody who wants something of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from langchain_core.tools import ToolException

from agentevo.benchmarks.task import Observation
from agentevo.benchmarks.tau2.calls import called
from agentevo.benchmarks.tau2.cases import Case
from agentevo.benchmarks.tau2.customer import Customer
from agentevo.benchmarks.tau2.domains import Domain
from agentevo.benchmarks.tau2.room import Room, parts, tools

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_TRANSFER = "transfer_to_human_agents"
_OVER = "The conversation is over."
_SILENCE = "(The customer says nothing.)"


class Episode:
    """Plays one case; an Environment.

    A reply that calls no tool is a message to the customer. The databases are read when they are
    first needed, so that an episode in which nothing is done costs nothing.
    """

    takes_answers = True

    def __init__(
        self,
        domain: Domain,
        case: Case,
        *,
        customer: Callable[[Sequence[BaseTool]], Customer],
        solo: bool,
        policy: str,
        max_steps: int,
    ) -> None:
        """Open a conversation.

        Args:
            domain: The domain.
            case: What the customer wants, and what is scored.
            customer: Returns the customer, who is given the tools that are the user's alone.
            solo: The agent has the user's tools too, and the customer none.
            policy: Stands in the first observation, after the customer's message.
            max_steps: After that many steps the episode is truncated.
        """
        self._domain = domain
        self._case = case
        self._customer = customer
        self._policy = policy
        self._max_steps = max_steps
        sides = {side: tools(kit, self._call) for side, kit in domain.kits.items()}
        theirs = sides.get("user", [])
        self.tools: Sequence[BaseTool] = [*sides["assistant"], *(theirs if solo else ())]
        """The agent's tools, over this episode's databases."""
        self._by_name = {tool.name: tool for tool in self.tools}
        self._user_tools = () if solo else tuple(theirs)
        self._talk: Customer | None = None
        self._room: Room | None = None
        self._said: list[str] = []
        self._n_steps = 0

    def reset(self) -> Observation:
        """Begin, or begin again; where a callable plays the user, as repeatable as that is."""
        self._room, self._said, self._n_steps = None, [], 0
        self._talk = self._customer(self._user_tools)
        return Observation(f"{self._talk.open() or _SILENCE}\n\nYour policy:\n{self._policy}")

    def step(self, action: str) -> Observation:
        """Pass a message on to the customer, or call a tool by `name {arguments as JSON}`."""
        if self._talk is None:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        self._n_steps += 1
        result = called(self._by_name, action)
        if result is not None:
            return self._go_on(result)
        self._said.append(action)
        if self._is_transferred():
            return self._end("")
        answer, is_over = self._talk.answer(action)
        return self._end(answer) if is_over else self._go_on(answer or _SILENCE)

    def close(self) -> None:
        """Forget the databases."""
        self._talk = self._room = None

    def _call(self, name: str, arguments: Mapping[str, object]) -> str:
        if self._talk is None:
            raise ToolException(_OVER)
        return self._open_room().call(name, arguments)

    def _open_room(self) -> Room:
        if self._room is None:
            self._room = Room(self._domain, self._case)
        return self._room

    def _is_transferred(self) -> bool:
        return self._room is not None and any(name == _TRANSFER for name, _ in self._room.calls)

    def _go_on(self, text: str) -> Observation:
        truncated = self._n_steps >= self._max_steps
        if truncated:
            self.close()
        return Observation(text, truncated=truncated)

    def _end(self, text: str) -> Observation:
        """Score the conversation as tau2 does: all parts or nothing."""
        reached = parts(self._open_room(), self._domain, self._case, self._said)
        self.close()
        success = all(reached.values())
        score = 1.0 if success else 0.0
        return Observation(
            text or _OVER, score, terminated=True, score=score, success=success, info=reached
        )
