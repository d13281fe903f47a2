"""Lessons that contradict each other: the same situation, and another advice in its place.

Nothing is decided here by taste. Of two that contradict each other recall shows one; where an
agent learns it is drawn, so that credit tells which of them is right.
"""

from collections.abc import Sequence
from itertools import combinations

from agentevo.memory.lesson import Lesson
from agentevo.memory.words import agree, overlap

MIN_SITUATION_SHARE = 0.75
MIN_ADVICE_OVERLAP = 0.3
"""Of content words (Jaccard): with fewer in common, two advices are two things to do, not one
thing said in two ways that exclude each other."""


def contradict(one: Lesson, other: Lesson) -> bool:
    """Whether two lessons advise, in the same situation, the one instead of the other."""
    return (
        one.id != other.id
        and agree(one.situation, other.situation, share=MIN_SITUATION_SHARE)
        and overlap(one.advice, other.advice) >= MIN_ADVICE_OVERLAP
        and not agree(one.advice, other.advice, share=0.5)
    )


def conflicts(lessons: Sequence[Lesson]) -> tuple[tuple[Lesson, Lesson], ...]:
    """Return the pairs that contradict each other, the earlier one first."""
    return tuple(pair for pair in combinations(lessons, 2) if contradict(*pair))
