"""What the ledger keeps besides whole trajectories, as frozen rows.

How they are stored is the business of `tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

from agentevo.experience import Ending, Purpose, Recall, Trajectory

RunStatus = Literal["running", "finished", "interrupted", "failed"]
"""As last told. A run that was killed still says `running`."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as it was started."""

    id: str
    """Unique in its database."""
    name: str
    created: str
    """UTC, ISO 8601; so are all times here."""
    configuration: Mapping[str, object]
    """The merged configuration."""
    fingerprint: str
    """Of all that the results depend on; a run is resumed under the same one only."""


@dataclass(frozen=True, slots=True)
class EpisodeKey:
    """Which episode of a run; no two share one."""

    generation: int
    purpose: Purpose
    arm: str
    task_id: str
    attempt: int

    @classmethod
    def of(cls, trajectory: Trajectory) -> EpisodeKey:
        """Return the key under which a trajectory is kept."""
        return cls(
            generation=trajectory.generation,
            purpose=trajectory.purpose,
            arm=trajectory.arm,
            task_id=trajectory.task_id,
            attempt=trajectory.attempt,
        )


class EpisodeFilter(TypedDict, total=False):
    """Which episodes to return: those that agree with all that is given."""

    generation: int
    purpose: Purpose
    arm: str
    task_id: str
    benchmark: str
    split: str
    difficulty: int
    ending: Ending
    success: bool
    memory_version: int
    adapter: str


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """An episode without its steps: quick to read where thousands are counted."""

    trajectory_id: str
    key: EpisodeKey
    benchmark: str
    split: str
    difficulty: int
    ending: Ending
    success: bool
    score: float
    """Final score, 0..1."""
    best_score: float
    """Best score on the way, 0..1."""
    n_steps: int
    n_prompt_tokens: int
    n_reply_tokens: int
    seconds: float
    memory_version: int
    adapter: str
    created: str

    @property
    def task_id(self) -> str:
        """The task that was played."""
        return self.key.task_id


@dataclass(frozen=True, slots=True)
class RecalledEpisode:
    """What the memory offered to an episode, and how that ended."""

    trajectory_id: str
    generation: int
    purpose: Purpose
    arm: str
    difficulty: int
    memory_version: int
    score: float
    """Final score, 0..1."""
    success: bool
    recall: Recall


@dataclass(frozen=True, slots=True)
class Update:
    """What one update of a generation came to."""

    generation: int
    kind: str
    """Such as `memory`, `weights`, `objective`."""
    payload: Mapping[str, object]
    created: str


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """What the gate decided, and on what evidence."""

    generation: int
    kind: str
    """What stood at the gate: `memory`, `weights`, or another word of the caller's."""
    verdict: str
    evidence: Mapping[str, object]
    created: str


@dataclass(frozen=True, slots=True)
class AdapterRecord:
    """One set of trained weights."""

    name: str
    """Never used again, in any run of the database."""
    parents: tuple[str, ...]
    """Names of adapters it was trained from; empty: from the plain backbone."""
    path: str
    data_hash: str
    run: str
    generation: int
    created: str
    score_before: float | None = None
    """Mean held-out score of its parent, 0..1. None: not yet measured."""
    score_after: float | None = None
    """Mean held-out score with it, 0..1. None: not yet measured."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a run: a promotion, a rollback, a resumption."""

    at: str
    kind: str
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Usage:
    """What one phase of one generation has cost so far."""

    generation: int
    phase: str
    n_prompt_tokens: int
    n_reply_tokens: int
    seconds: float
