"""Intervals and exact tests: pure functions of arrays, the same result every time.

Scores are 0..1. Nothing here knows of episodes or decides anything; that is `gate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, lcm, log, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

N_RESAMPLES = 10_000
SEED = 0
_SLACK = 1e-9
"""Values that differ by less are equal: scores are fractions of small maxima."""
_MAX_ENUMERATED = 16
_MAX_LATTICE = 100_000_000
"""Additions, about 0.1 s; beyond, `sign_flip` draws at random."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval, both ends included."""

    estimate: float
    low: float
    high: float
    level: float = 0.95
    """Chance that such an interval holds the true value."""


@dataclass(frozen=True, slots=True)
class PValues:
    """How likely differences at least such as these are, if there were none in truth."""

    greater: float
    """One-sided: the differences are above zero."""
    less: float
    """One-sided: the differences are below zero."""

    @property
    def two_sided(self) -> float:
        """Twice the smaller side, at most 1."""
        return min(1.0, 2.0 * min(self.greater, self.less))


def wilson(n_successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a rate (Wilson 1927, doi:10.2307/2276774).

    Raises:
        ValueError: There are no trials, or more successes than trials.
    """
    if not 0 <= n_successes <= n or n == 0:
        raise ValueError(f"{n_successes} successes of {n} trials are no rate")
    z = _quantile((1 + level) / 2)
    rate, weight = n_successes / n, 1 + z * z / n
    middle = (rate + z * z / (2 * n)) / weight
    half = z / weight * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if n_successes == 0 else middle - half
    high = 1.0 if n_successes == n else middle + half
    return Interval(rate, low, high, level)


def sign_test(n_up: int, n_down: int) -> PValues:
    """Return the exact sign test: under no difference, up and down are equally likely.

    Ties are left out beforehand. With counts of pairs in which one arm alone succeeded, this
    is the exact McNemar test; see `mcnemar`.
    """
    from scipy.special import bdtr

    n = n_up + n_down
    if n == 0:
        return PValues(1.0, 1.0)
    return PValues(greater=float(bdtr(n_down, n, 0.5)), less=float(bdtr(n_up, n, 0.5)))


def mcnemar(incumbent: Sequence[bool], candidate: Sequence[bool]) -> PValues:
    """Return the exact McNemar test of paired successes (doi:10.1007/BF02295996).

    `greater` is the side on which the candidate succeeds more often.
    """
    pairs = list(zip(incumbent, candidate, strict=True))
    return sign_test(
        n_up=sum(new and not old for old, new in pairs),
        n_down=sum(old and not new for old, new in pairs),
    )


def sign_flip(differences: ArrayLike, *, n_draws: int = 20_000, seed: int = SEED) -> PValues:
    """Return the paired permutation test of a mean difference (Fisher 1935, The Design §21).

    Under no difference every sign is as likely as its opposite. The distribution of the sum is
    exact where there are at most 16 differences other than zero, and where they are fractions
    with a common denominator, as graded scores are. Otherwise signs are drawn, and the observed
    ones counted among the draws, so that the test keeps its level (Phipson and Smyth 2010,
    doi:10.2202/1544-6115.1585).

    Args:
        differences: One for each independent unit, shape (n,).
        n_draws: How many times signs are drawn, where they must be.
        seed: Of the draws.
    """
    values = _finite(differences)
    values = values[np.abs(values) > _SLACK]
    sizes, observed = np.abs(values), float(values.sum())
    if len(sizes) <= _MAX_ENUMERATED:
        sums = np.zeros(1)
        for size in sizes.tolist():
            sums = np.concatenate([sums - size, sums + size])
        weights = np.full(len(sums), 0.5 ** len(sizes))
    elif (steps := _on_lattice(sizes)) is not None:
        sums, weights = _lattice_sums(sizes, steps)
    else:
        signs = 2 * np.random.default_rng(seed).integers(0, 2, (n_draws, len(sizes))) - 1
        sums = np.append(signs @ sizes, observed)
        weights = np.full(n_draws + 1, 1 / (n_draws + 1))
    slack = _SLACK * (len(sizes) + 1)
    return PValues(
        greater=min(1.0, float(weights[sums >= observed - slack].sum())),
        less=min(1.0, float(weights[sums <= observed + slack].sum())),
    )


def _on_lattice(sizes: Floats) -> list[int] | None:
    """Return sizes as multiples of one fraction; None if there is none, or too fine a one."""
    exact = [Fraction(size).limit_denominator(1000) for size in sizes.tolist()]
    if any(abs(float(one) - size) > _SLACK for one, size in zip(exact, sizes, strict=True)):
        return None
    denominator = lcm(*(one.denominator for one in exact))
    steps = [int(one * denominator) for one in exact]
    return steps if len(steps) * sum(steps) <= _MAX_LATTICE else None


def _lattice_sums(sizes: Floats, steps: Sequence[int]) -> tuple[Floats, Floats]:
    """Return all sums with random signs, and their chances, by adding one size at a time."""
    total = sum(steps)
    chances = np.zeros(total + 1)
    chances[0] = 1.0  # of the sum of those sizes that have a positive sign, in steps
    for step in steps:
        moved = chances[: total + 1 - step].copy()
        chances *= 0.5
        chances[step:] += 0.5 * moved
    sums = (2.0 * np.arange(total + 1) / total - 1.0) * float(sizes.sum())
    return sums, chances


def mean_interval(
    values: ArrayLike, *, level: float = 0.95, n_resamples: int = N_RESAMPLES, seed: int = SEED
) -> Interval:
    """Return a mean with its bootstrap interval (Efron 1979, doi:10.1214/aos/1176344552).

    The interval is the percentile one: unlike BCa it is also there when all values are equal.
    For fewer than about 15 values it is somewhat too narrow. Values are one for each independent
    unit, shape (n,): paired differences, or a mean for each task.
    """
    found = _finite(values)
    means = _resampled_means(found, n_resamples, np.random.default_rng(seed))
    return _percentile(float(found.mean()), means, level)


def paired_difference(
    incumbent: ArrayLike,
    candidate: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Return the mean of candidate minus incumbent, pair by pair, with its bootstrap interval."""
    old, new = _finite(incumbent), _finite(candidate)
    if old.shape != new.shape:
        raise ValueError(f"{len(old)} values cannot be paired with {len(new)}")
    return mean_interval(new - old, level=level, n_resamples=n_resamples, seed=seed)


def stratified_mean(
    values: ArrayLike,
    strata: Sequence[int | str],
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Return the mean of the strata's means, each counting the same, with its interval.

    Resampled within strata, as with levels of difficulty whose number of tasks is chosen; among all
    values where a stratum has a single one, which by itself tells nothing of how values vary.
    """
    found, names = _finite(values), np.asarray([str(one) for one in strata])
    if found.shape != names.shape:
        raise ValueError(f"{len(found)} values have {len(names)} strata")
    rng = np.random.default_rng(seed)
    groups = [found[names == name] for name in np.unique(names)]
    mean = float(np.mean([group.mean() for group in groups]))
    if min(map(len, groups)) == 1 < len(groups):
        means = _resampled_means(found - found.mean() + mean, n_resamples, rng)
    else:
        means = np.mean([_resampled_means(group, n_resamples, rng) for group in groups], axis=0)
    return _percentile(mean, means, level)


def n_pairs_to_tell(
    differences: ArrayLike, *, alpha: float = 0.05, power: float = 0.8, smallest: float = 0.02
) -> int | None:
    """Return how many pairs in all would show a mean difference, one-sided, at this power.

    By the normal approximation with a continuity correction (Fleiss 1981, section 3.2), from the
    observed spread and the observed mean (or the smallest one worth knowing, if that is more);
    never fewer than an exact test needs. An estimate from
    few pairs is rough. None: no pair differs yet, so there is nothing to reckon from.
    """
    values = _finite(differences)
    differing_rate = float(np.mean(values != 0))
    if differing_rate == 0:
        return None
    effect = max(float(values.mean()), smallest)
    spread = float(values.std(ddof=1)) if len(values) > 1 else abs(float(values[0]))
    by_spread = ((_quantile(1 - alpha) + _quantile(power)) * spread / effect) ** 2
    typical = float(np.median(np.abs(values[values != 0])))  # sums move in steps of twice that
    by_spread = ((sqrt(by_spread) + sqrt(by_spread + 4 * typical / effect)) / 2) ** 2
    by_signs = log(1 / alpha) / log(2) / differing_rate
    return max(ceil(by_spread), ceil(by_signs))


def _resampled_means(values: Floats, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Return the means of resamples with replacement, shape (n_resamples,).

    Drawn as counts of the different values, which for graded scores are few.
    """
    different, counts = np.unique(values, return_counts=True)
    n = len(values)
    means: Floats = rng.multinomial(n, counts / n, size=n_resamples) @ different / n
    return means


def _percentile(estimate: float, means: Floats, level: float) -> Interval:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)


def _finite(values: ArrayLike) -> Floats:
    """Return values as a flat array; refuse none at all, and what is no number."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or found.size == 0:
        raise ValueError(f"values of shape {found.shape}: at least one, in one row, is needed")
    if not np.isfinite(found).all():
        raise ValueError("a value is not a finite number")
    return found


def _quantile(probability: float) -> float:
    """Return the standard normal quantile."""
    from scipy.special import ndtri

    return float(ndtri(probability))
