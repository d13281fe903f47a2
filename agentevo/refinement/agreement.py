"""Metric-free filters: consistency decides what is kept, and no score of anybody's.

What a model says to a question again and again is more often right than what it says once.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from agentevo.experience import Trajectory
from agentevo.refinement.sieve import Sieve


def answer_of(one: Trajectory) -> str:
    """Return what an episode came to: its last action, without case, spaces and a final mark."""
    last = next((step.action for step in reversed(one.steps) if step.action), None)
    return " ".join((last or "").casefold().split()).rstrip(".!")


def vote(trajectories: Sequence[Trajectory], sieve: Sieve, least: float = 0.5) -> list[Trajectory]:
    """Keep, of the episodes of one task, those whose answer most of them share.

    Self-consistency, Wang et al. 2022 (arXiv 2203.11171), as LMSI filters by it (Huang et al.
    2022, arXiv 2210.11610).

    Args:
        trajectories: several of each task.
        sieve: not looked at.
        least: share of a task's episodes that must agree, 0..1; where two answers have as many,
            neither is kept.
    """
    winners: dict[str, str] = {}
    for task, counts in _answers(trajectories).items():
        ranked = counts.most_common(2)
        n, total = ranked[0][1], counts.total()
        if n / total >= least and (len(ranked) == 1 or ranked[1][1] < n) and ranked[0][0]:
            winners[task] = ranked[0][0]
    return [one for one in trajectories if winners.get(one.task_id) == answer_of(one)]


def entropy(
    trajectories: Sequence[Trajectory], sieve: Sieve, most: float = 0.5
) -> list[Trajectory]:
    """Keep the episodes of tasks whose answers scatter little; of one episode nothing is known.

    Memory of Thought, Li and Qiu 2023 (arXiv 2305.05181).

    Args:
        trajectories: several of each task.
        sieve: not looked at.
        most: entropy of a task's answers, by that of as many different ones, 0..1.
    """
    kept = {
        task
        for task, counts in _answers(trajectories).items()
        if counts.total() > 1 and scatter(list(counts.values())) <= most
    }
    return [one for one in trajectories if one.task_id in kept]


def scatter(counts: Sequence[int]) -> float:
    """Return the entropy of how often each answer came, 0 where all agree, 1 where none do."""
    total = sum(counts)
    if total < 2:
        return 0.0
    return -sum(n / total * math.log(n / total) for n in counts) / math.log(total)


def _answers(trajectories: Sequence[Trajectory]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in trajectories:
        found[one.task_id][answer_of(one)] += 1
    return found
