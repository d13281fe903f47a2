"""What a benchmark gives and what an agent gets back: Task, Observation, Environment.

Values only, and the one protocol an episode talks to. Where tasks come from is in benchmark.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args, runtime_checkable

from agentevo.benchmarks.errors import ScoreError

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Task:
    """One thing to do, the same for ever."""

    id: str
    """Unique over all benchmarks: `benchmark/split/difficulty/index` for ours."""
    benchmark: str
    split: Split
    instruction: str
    """What is asked for, in the words an agent reads."""
    seed: int
    difficulty: int
    """The level, in the benchmark's own count."""
    data: Mapping[str, JSON] = field(default_factory=dict, hash=False)
    """Whatever else opens it again. Never the solution."""


@dataclass(frozen=True)
class Observation:
    """What the environment says after `reset` or one `step`."""

    text: str
    reward: float = 0.0
    """What this step added to `score`."""
    terminated: bool = False
    """The task itself ended: won, lost or answered."""
    truncated: bool = False
    """The step limit ended it."""
    score: float = 0.0
    """Reached so far, 0..1."""
    success: bool = False
    """The environment says that the task is done."""
    info: Mapping[str, JSON] = field(default_factory=dict, hash=False)

    @property
    def done(self) -> bool:
        """Whether the episode is over, for either reason."""
        return self.terminated or self.truncated


def check_score(seen: Observation, who: str) -> None:
    """Refuse a score that is no share of what can be reached.

    Raises:
        ScoreError: it is not within 0..1, or the reward is no number.
    """
    if not _is_share(seen.score):
        raise ScoreError(f"{who} states the score {seen.score!r}: a score is a number in 0..1")
    if not isinstance(seen.reward, Real) or not isfinite(seen.reward):
        raise ScoreError(
            f"{who} states the reward {seen.reward!r}: a reward is what a step adds to the score"
        )


def _is_share(score: object) -> bool:
    return isinstance(score, Real) and 0.0 <= float(score) <= 1.0


@runtime_checkable
class Environment(Protocol):
    """One episode of one task. Synchronous, and safe to call from any one thread at a time.

    Where it has `takes_answers = True`, its task is a question: a reply that calls no tool is the
    answer, whole, and `step` takes that.
    """

    @property
    def tools(self) -> Sequence[BaseTool]:
        """LangChain tools bound to this episode's state; mostly none."""

    def reset(self) -> Observation:
        """Begin, or begin again; the same task gives the same first observation."""

    def step(self, action: str) -> Observation:
        """Take one action. After the end of the episode this is a RuntimeError."""

    def close(self) -> None:
        """Free what the episode holds; harmless when called twice."""
