"""The nouns of an episode: its run-time context, its limits, and what is asked beside the model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool

from agentevo.agent.rules import Rules
from agentevo.benchmarks import Environment
from agentevo.experience import Ending, Given, Recall, Step


@dataclass(frozen=True)
class Limits:
    """Where an attempt is cut short."""

    max_steps: int = 100
    """Calls of the model."""
    max_tokens: int = 200_000
    """Prompt and reply tokens over all calls, those read from a cache included."""
    max_reply_tokens: int = 200
    """Of one reply."""
    n_stalled: int = 3
    """Times in a row that an action, or a few in turn, may bring the same observations."""
    n_malformed: int = 3
    """Replies in a row that may state no action."""
    reply_timeout_s: float = 300.0
    """For one reply."""
    open_timeout_s: float = 600.0
    """For opening the environment, and for its first observation. 0: none."""
    step_timeout_s: float = 120.0
    """For one step of the environment. 0: none."""


Plan = tuple[tuple[str, str], ...]
"""(action, observation) pairs of an episode that succeeded at the task at hand, whole."""


@dataclass(frozen=True)
class Recollection:
    """What the memory gave: the facts to be recorded, and the texts to be shown."""

    facts: Recall = field(default_factory=Recall)
    texts: tuple[str, ...] = ()
    plan: Plan = ()
    """What is done without asking the model, as long as all goes as in it."""


@dataclass(frozen=True)
class Explore:
    """How an agent that learns leaves its policy now and then."""

    rate: float
    """Share of steps, 0..1."""
    chat: Callable[[int], BaseChatModel]
    """Returns the model that acts then, of an attempt."""


class Recaller(Protocol):
    """Asks the memory for what helps with a task."""

    def __call__(self, instruction: str, observation: str, episode: str) -> Recollection:
        """Return lessons for a task as it is first seen; `episode` fixes what is withheld."""
        ...


@dataclass(frozen=True)
class Attempt:
    """One finished try at the task."""

    steps: tuple[Step, ...]
    ending: Ending
    score: float
    best_score: float
    success: bool
    recollection: Recollection
    reflections: tuple[str, ...]
    first_observation: str
    given: Given
    """At first."""
    n_note_tokens: tuple[int, int] = (0, 0)
    """Prompt and reply tokens of what was said about it afterwards."""


@dataclass(frozen=True)
class Look:
    """What a corrector looks at between two attempts."""

    instruction: str
    attempts: tuple[Attempt, ...]
    """So far; the last one is to be corrected."""
    notes: tuple[str, ...]
    """That the last attempt was given."""
    room: int
    """Tokens that a prompt may have."""
    count_tokens: Callable[[str], int]
    ask: Callable[[str, str], Awaitable[str]]
    """Asks the model, with a system prompt and a message."""
    call: Callable[[str], Awaitable[str | None]]
    """Calls the tool that an action names, and returns its result; None: it names none."""
    told_of_tools: str
    """What the system prompt says of them."""
    gold: Callable[[], Sequence[str] | None] | None
    """See `Episode.gold`."""


class Corrector(Protocol):
    """Says what is to be done better: a strategy of correcting (the survey's refinement)."""

    @property
    def is_blind(self) -> bool:
        """Whether it corrects without the environment's word, and so a success, too."""
        ...

    async def __call__(self, look: Look) -> tuple[str, ...] | None:
        """Return the notes that the next attempt is given; None: there is to be none."""
        ...


@dataclass(frozen=True)
class Episode:
    """The run-time context of one episode."""

    instruction: str
    environment: Environment
    chat: Callable[[int], BaseChatModel]
    """Returns the model of an attempt, counted from 0."""
    count_tokens: Callable[[str], int]
    window: int
    """Tokens that prompt and reply may have together."""
    name: str = ""
    """Fixes, with the number of the attempt, whatever is drawn at random."""
    limits: Limits = field(default_factory=Limits)
    recall: Recaller | None = None
    """None: no memory."""
    tools: Sequence[BaseTool] = ()
    rules: Rules = field(default_factory=Rules)
    """For the tools."""
    n_attempts: int = 1
    """Attempts at the task, at most."""
    corrector: Corrector | None = None
    """Says whether there is another attempt, and what it is told; None: there is none."""
    gold: Callable[[], Sequence[str] | None] | None = None
    """Returns actions that fulfil a training task; None: nobody may know them."""
    explore: Explore | None = None
    """None: every action is the model's own."""
    manner: str = ""
    """What the system prompt says of how to go about it; empty: nothing."""
    native: bool = False
    """True: the model is given its tools in its own form; False: in the system prompt."""

    @property
    def takes_answers(self) -> bool:
        """Whether a reply that states no action is an answer to the environment."""
        return bool(getattr(self.environment, "takes_answers", False))
