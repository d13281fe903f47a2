"""Whether what an agent lives through becomes narrower, generation by generation.

Models that learn from their own output can collapse (Shumailov et al. 2023, arXiv 2305.17493); SOFT
stops when a validation set says so (Wang et al. 2024, arXiv 2402.07610). Here it is diversity that
falls while nothing is gained.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from agentevo.experience import Trajectory

DROP = 0.3  # share of the first generation's diversity that may be lost
PATIENCE = 2  # generations in a row


@dataclass(frozen=True)
class Diversity:
    """How varied a generation's episodes are."""

    generation: int
    n_episodes: int
    distinct_2: float
    """Share of different pairs of words in all that was said, 0..1."""
    action_entropy: float
    """Of the first words of actions, in bits: what kinds of things are done."""
    lesson_concentration: float
    """1 where one lesson is shown always, 0 where none is: the Herfindahl index."""
    score: float
    """Mean, 0..1."""


def distinct_n(texts: Iterable[str], n: int) -> float:
    """Return the share of different n-grams of words (Li et al. 2015, arXiv 1510.03055).

    Returns:
        0..1; 0 where there is none.
    """
    grams: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        words = text.lower().split()
        grams.update(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    return len(grams) / grams.total() if grams else 0.0


def entropy_of(counts: Mapping[str, int]) -> float:
    """Return the entropy of counts, in bits."""
    total = sum(counts.values())
    return -sum(n / total * math.log2(n / total) for n in counts.values() if n) + 0.0


def concentration(counts: Mapping[str, int]) -> float:
    """Return the Herfindahl index of counts, 0 where there is none."""
    total = sum(counts.values())
    return sum((n / total) ** 2 for n in counts.values()) if total else 0.0


def measure(generation: int, trajectories: Sequence[Trajectory]) -> Diversity:
    """Return how varied some episodes are."""
    steps = [step for one in trajectories for step in one.steps]
    kinds = Counter((step.action or "").split(" ")[0].lower() for step in steps if step.action)
    shown = Counter(lesson for one in trajectories for lesson in one.recall.injected)
    return Diversity(
        generation=generation,
        n_episodes=len(trajectories),
        distinct_2=distinct_n((step.reply for step in steps), 2),
        action_entropy=entropy_of(kinds) if kinds else 0.0,
        lesson_concentration=concentration(shown),
        score=fmean(one.score for one in trajectories) if trajectories else 0.0,
    )


def alerts(history: Sequence[Diversity]) -> tuple[str, ...]:
    """Return what of diversity was lost since the first generation, a sentence each."""
    if len(history) < 2:
        return ()
    first, last = history[0], history[-1]
    told = []
    for name, what in (("distinct_2", "different pairs of words"), ("action_entropy", "actions")):
        before, now = getattr(first, name), getattr(last, name)
        if now < (1 - DROP) * before:
            lost = 100 * (1 - now / before)
            told.append(f"diversity of {what} is {lost:.0f} % lower than at first")
    return tuple(told)


def collapsed(history: Sequence[Diversity]) -> str:
    """Return why an evolution should end here, or nothing.

    For `PATIENCE` generations in a row diversity is down, and the score is not above its best
    before them.
    """
    if len(history) <= PATIENCE:
        return ""
    recent = range(len(history) - PATIENCE, len(history))
    best = max(one.score for one in history[: recent[0]])
    if any(history[i].score > best or not alerts(history[: i + 1]) for i in recent):
        return ""
    return f"{alerts(history)[0]}, {PATIENCE} generations in a row, and nothing is gained by it"
