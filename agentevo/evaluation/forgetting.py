"""What agents still know of earlier benchmarks after they have evolved on later ones.

The matrix of scores after each benchmark on each, and what is read from it: backward transfer
(Lopez-Paz and Ranzato 2017, arXiv 1706.08840) and forgetting (Chaudhry et al. 2018, arXiv
1801.10112).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from agentevo.evaluation.statistics import Interval, mean_interval, paired_difference
from agentevo.experience import Trajectory


@dataclass(frozen=True)
class Forgetting:
    """Scores of several agents, each following the one before, on several benchmarks."""

    scores: tuple[tuple[Interval, ...], ...]
    """By agent, by benchmark; agent i has evolved on the benchmarks up to i."""
    since: tuple[Interval, ...]
    """Of each benchmark but the last: the last agent's score less that of the agent that evolved
    on it, paired by task."""
    backward_transfer: float
    """The mean of `since`; below 0, later benchmarks cost what was known of earlier ones."""
    forgetting: float
    """Mean over all benchmarks but the last: the best score of an earlier agent that had evolved
    on it, less the last agent's."""
    average: float
    """The last agent's mean score over all benchmarks."""


def forgetting_of(played: Sequence[Sequence[Sequence[Trajectory]]]) -> Forgetting:
    """Return what is read from the episodes of each agent on each benchmark.

    Args:
        played: by agent, by benchmark; of one benchmark all agents have the same tasks in one
            order.

    Raises:
        ValueError: there are fewer than two, or not as many agents as benchmarks.
    """
    n = len(played)
    if n < 2 or any(len(row) != n for row in played):
        raise ValueError("forgetting wants two agents or more, and a benchmark for each")
    values = [[[one.score for one in cell] for cell in row] for row in played]
    means = [[fmean(cell) for cell in row] for row in values]
    since = tuple(paired_difference(values[j][j], values[-1][j]) for j in range(n - 1))
    lost = [max(means[i][j] for i in range(j, n - 1)) - means[-1][j] for j in range(n - 1)]
    return Forgetting(
        scores=tuple(tuple(mean_interval(cell) for cell in row) for row in values),
        since=since,
        backward_transfer=fmean(one.estimate for one in since),
        forgetting=fmean(lost),
        average=fmean(means[-1]),
    )
