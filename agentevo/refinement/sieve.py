"""What a filter of trajectories is, and what it may know besides them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentevo.experience import Trajectory

Answer = Callable[[Sequence[list[dict[str, Any]]]], list[str]]
"""Returns what a model says to dialogues that end with a user's message."""


@dataclass(frozen=True)
class Sieve:
    """What a filter may know besides the trajectories."""

    task_ids: frozenset[str] = field(default_factory=frozenset)
    """Of the held-out tasks, none of which is learned from."""
    sights: frozenset[str] = field(default_factory=frozenset)
    """Their first observations."""
    texts: frozenset[str] = field(default_factory=frozenset)
    """What they ask for, in words, as far as it is known before they are played."""
    answer: Answer | None = None
    """Asks the weights at which the training starts; None: no model is at hand."""


Filter = Callable[[Sequence[Trajectory], Sieve], list[Trajectory]]
