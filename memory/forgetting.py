"""Which lessons a memory lets go when it holds more than it should: strategies of forgetting.

What is forgotten is set aside, not condemned: learned again, it comes back.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentevo.memory.lesson import Lesson


@dataclass(frozen=True, slots=True)
class Standing:
    """A lesson, and what speaks for keeping it."""

    lesson: Lesson
    utility: float = 0.0
    """Mean worth as credit knows it, -1..1; 0: unknown."""
    n_recalled: int = 0
    """Episodes for which it was chosen."""
    age: float = 0.0
    """Since it was last chosen, or written: in generations, days or any unit, never negative."""


Strength = Callable[[Standing], float]
"""How strongly a lesson is to be kept; the weakest go first."""


def by_utility(one: Standing) -> float:
    """Keep what helped most."""
    return one.utility


def by_retention(one: Standing) -> float:
    """Keep what a person would remember: R = exp(-t / S), where every recall strengthens S.

    The curve of Ebbinghaus as MemoryBank has it (Zhong et al. 2023, arXiv 2305.10250).

    Returns:
        R, 0..1.
    """
    return math.exp(-one.age / (1 + one.n_recalled))


def by_turn(one: Standing) -> float:
    """Keep what came last: first in, first out.

    As MemGPT evicts from its queue (Packer et al. 2023, arXiv 2310.08560).
    """
    return 0.0  # among equals the oldest goes


STRATEGIES: dict[str, Strength] = {
    "utility": by_utility,
    "retention": by_retention,
    "fifo": by_turn,
}


def forgotten(
    standings: Sequence[Standing], capacity: int, strength: Strength
) -> tuple[Standing, ...]:
    """Return the active lessons beyond a capacity, the weakest first; pinned ones always stay.

    Among equals, what was written last stays.

    Args:
        standings: All lessons, oldest first.
        capacity: Active lessons that may stay.
        strength: By which they are compared.
    """
    active = [one for one in standings if one.lesson.status == "active"]
    loose = sorted((one for one in active if not one.lesson.pinned), key=strength)
    return tuple(loose[: max(0, len(active) - capacity)])
