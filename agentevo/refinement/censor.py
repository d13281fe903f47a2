"""A censor of episodes: how satisfied it is with each, by topic, and what is to be learned of that.

In the style of DPSE, Sun et al. 2025 (arXiv 2507.15281), after its abstract: signals of several
kinds give satisfaction scores, which guide a choice of data by topic and by preference, and a
preference loss that knows how frequent a topic is. Signals, weights and forms are ours. There is
no user here whose words could be a signal: they are what an episode shows of itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import ceil
from statistics import fmean

from agentevo.experience import Trajectory
from agentevo.refinement.sieve import Sieve

WEIGHTS = {"outcome": 3.0, "steady": 1.0, "readable": 1.0, "first try": 1.0}
MIN_SIGNALS = 2  # with fewer, satisfaction is unknown
MARGIN = 0.2  # of satisfaction, from which on two episodes are a pair
CLIPPED = (0.5, 2.0)  # least and most weight of a topic in the preference loss


def signals(one: Trajectory) -> dict[str, float]:
    """Return what an episode shows of itself, each 0..1; what cannot be told is left out."""
    found = {"first try": 1.0 / (1 + one.attempt)}
    if one.ending != "answered":  # where nobody judged it
        found["outcome"] = 1.0 if one.success else one.score
    if one.steps:
        found["readable"] = fmean(step.action is not None for step in one.steps)
        found["steady"] = float(one.ending not in ("stalled", "malformed", "budget", "error"))
    return found


def satisfaction(one: Trajectory) -> float | None:
    """Return how satisfying an episode is, 0..1; None: too little is known of it."""
    found = signals(one)
    if len(found) < MIN_SIGNALS:
        return None
    total = sum(WEIGHTS[name] for name in found)
    return sum(WEIGHTS[name] * value for name, value in found.items()) / total


def topic(one: Trajectory) -> str:
    """Return what an episode is about: the benchmark says, by its level."""
    return f"{one.benchmark}/{one.difficulty}"


def topic_aware(
    trajectories: Sequence[Trajectory], sieve: Sieve, least: float = 0.6
) -> list[Trajectory]:
    """Keep satisfying episodes, the more of a topic the more frequent and the worse it goes.

    A topic's share is its frequency times what is missing of satisfaction; within it the most
    satisfying come first. As many are kept as half of those that satisfy, and one of each topic.

    Args:
        trajectories: of any topics.
        sieve: not looked at.
        least: satisfaction from which on an episode is worth imitating.
    """
    by_topic: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for i, one in enumerate(trajectories):
        worth = satisfaction(one)
        if worth is not None:
            by_topic[topic(one)].append((worth, i))
    shares = {
        name: len(some) * (1 - fmean(worth for worth, _ in some)) for name, some in by_topic.items()
    }
    good = {name: [one for one in some if one[0] >= least] for name, some in by_topic.items()}
    budget, total = sum(map(len, good.values())) / 2, sum(shares.values()) or 1.0
    kept: set[int] = set()
    for name, some in good.items():
        n = max(1, ceil(budget * shares[name] / total))
        kept |= {i for _, i in sorted(some, key=lambda one: (-one[0], one[1]))[:n]}
    return [one for i, one in enumerate(trajectories) if i in kept]


def pair(some: Sequence[Trajectory]) -> tuple[Trajectory, Trajectory] | None:
    """Return the most and the least satisfying episode of a task; None: they hardly differ."""
    known = [(worth, one) for one in some if (worth := satisfaction(one)) is not None]
    if len(known) < 2:
        return None
    best = max(known, key=lambda one: (one[0], -len(one[1].steps)))
    worst = min(known, key=lambda one: (one[0], len(one[1].steps)))
    return (best[1], worst[1]) if best[0] - worst[0] >= MARGIN else None


def frequency_weights(trajectories: Sequence[Trajectory]) -> dict[str, float]:
    """Return the weight of each topic: its frequency by the mean one, within bounds."""
    counts = Counter(map(topic, trajectories))
    mean = fmean(counts.values()) if counts else 1.0
    low, high = CLIPPED
    return {name: min(high, max(low, n / mean)) for name, n in counts.items()}
