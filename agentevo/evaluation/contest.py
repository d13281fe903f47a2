"""Recipes against one another: what each came to over several seeds, and which are tied.

Pure functions of scores. The same test tasks are played by every recipe under every seed, so that
all differences are paired by task and seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from agentevo.evaluation.statistics import N_RESAMPLES, SEED, Interval, sign_flip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grid = NDArray[np.float64]
    """Scores in 0..1, shape (n_tasks, n_seeds)."""


@dataclass(frozen=True)
class Entry:
    """What one recipe came to."""

    recipe: str
    scores: Mapping[tuple[str, int], float]
    """Final score on the test split, 0..1, by task and seed."""
    n_tokens: tuple[int, ...]
    """What learning took, seed by seed; see `Spending.n_tokens`."""
    n_test_tokens: float = 0.0
    """Of an episode of the test, on average."""


@dataclass(frozen=True)
class Place:
    """One row of the table."""

    recipe: str
    group: int
    """1: those that cannot be told from the best; 2: those of the rest that cannot be told from
    the best of the rest; and so on."""
    score: Interval
    """Mean over tasks and seeds, with an interval that lets both vary."""
    gain: Interval
    """On the baseline, paired by task and seed."""
    p_gain: float
    """Of the gain, two-sided, Holm-corrected over the recipes."""
    lost: float
    """Score lost where the baseline was better, mean over all tasks: what was forgotten, 0..1."""
    n_tokens: float
    """What learning took, mean over seeds."""
    gain_per_million: float | None
    """Points of score (of 100) for a million tokens of learning. None: nothing was spent."""
    n_test_tokens: float


@dataclass(frozen=True)
class Duel:
    """Two recipes, paired by task and seed."""

    better: str
    worse: str
    difference: Interval
    p: float
    """Two-sided, Holm-corrected over all pairs."""


@dataclass(frozen=True)
class Table:
    """The whole comparison."""

    baseline: str
    places: tuple[Place, ...]
    """The best first."""
    duels: tuple[Duel, ...]
    n_tasks: int
    n_seeds: int
    alpha: float


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979, Scand. J. Statist. 6:65-70)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    found, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        found[i] = highest
    return found


@cache
def _draws(n_tasks: int, n_seeds: int) -> tuple[Grid, Grid]:
    """Return weights of tasks and of seeds, shapes (n_resamples, n), the same for all grids."""
    rng = np.random.default_rng(SEED)
    tasks = rng.multinomial(n_tasks, np.full(n_tasks, 1 / n_tasks), N_RESAMPLES) / n_tasks
    seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), N_RESAMPLES) / n_seeds
    return tasks, seeds


def crossed_interval(grid: Grid, *, level: float = 0.95) -> Interval:
    """Return the mean of a grid with an interval in which tasks and seeds both vary.

    Both are drawn anew, each with replacement (the pigeonhole bootstrap, Owen 2007,
    doi:10.1214/07-AOAS122, which is on the safe side). With one seed only tasks vary.
    """
    tasks, seeds = _draws(*grid.shape)
    means = ((tasks @ grid) * seeds).sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(grid.mean()), float(low), float(high), level)


def compare(entries: Sequence[Entry], baseline: str, *, alpha: float = 0.05) -> Table:
    """Return recipes ranked, with what tells them apart.

    A pair differs where its paired permutation test over tasks, each task's difference averaged
    over the seeds, is below `alpha` after Holm's correction, and its interval, in which seeds vary
    too, leaves out 0.

    Args:
        entries: of every recipe, on the same tasks and seeds.
        baseline: the recipe that gains are counted from.
        alpha: below which a pair differs.

    Raises:
        ValueError: recipes have not played the same tasks under the same seeds.
    """
    grids = _grids(entries)
    by_name = {one.recipe: one for one in entries}
    plain = grids[baseline]
    ranked = sorted(grids, key=lambda name: (-grids[name].mean(), name != baseline, name))
    others = [name for name in ranked if name != baseline]
    p_gains = holm([_p(grids[name] - plain) for name in others])
    duels = _duels(ranked, grids)
    group = _groups(ranked, duels, alpha)
    places = []
    for name in ranked:
        entry, difference = by_name[name], grids[name] - plain
        n_tokens = float(np.mean(entry.n_tokens))
        gain = crossed_interval(difference)
        places.append(
            Place(
                recipe=name,
                group=group[name],
                score=crossed_interval(grids[name]),
                gain=gain,
                p_gain=1.0 if name == baseline else p_gains[others.index(name)],
                lost=float(np.maximum(-difference, 0.0).mean()),
                n_tokens=n_tokens,
                gain_per_million=100 * gain.estimate / (n_tokens / 1e6) if n_tokens else None,
                n_test_tokens=entry.n_test_tokens,
            )
        )
    n_tasks, n_seeds = plain.shape
    return Table(baseline, tuple(places), tuple(duels), n_tasks, n_seeds, alpha)


def _grids(entries: Sequence[Entry]) -> dict[str, Grid]:
    keys = {one.recipe: set(one.scores) for one in entries}
    common = set.union(*keys.values())
    short = [name for name, own in keys.items() if own != common]
    if short:
        raise ValueError(f"not every task was played under every seed by: {', '.join(short)}")
    tasks = sorted({task for task, _ in common})
    seeds = sorted({seed for _, seed in common})
    return {
        one.recipe: np.array([[one.scores[task, seed] for seed in seeds] for task in tasks])
        for one in entries
    }


def _p(difference: Grid) -> float:
    """Return the two-sided p-value of a grid of differences."""
    return sign_flip(difference.mean(axis=1)).two_sided


def _duels(ranked: Sequence[str], grids: Mapping[str, Grid]) -> list[Duel]:
    pairs = list(combinations(ranked, 2))
    corrected = holm([_p(grids[better] - grids[worse]) for better, worse in pairs])
    return [
        Duel(better, worse, crossed_interval(grids[better] - grids[worse]), p)
        for (better, worse), p in zip(pairs, corrected, strict=True)
    ]


def _groups(ranked: Sequence[str], duels: Sequence[Duel], alpha: float) -> dict[str, int]:
    """Return which recipes stand together; see `Place.group`."""
    differs = {(one.better, one.worse) for one in duels if one.p < alpha and one.difference.low > 0}
    group: dict[str, int] = {}
    left, number = list(ranked), 0
    while left:
        number += 1
        best = left[0]
        tied = [name for name in left if (best, name) not in differs]
        group |= dict.fromkeys(tied, number)
        left = [name for name in left if name not in tied]
    return group
