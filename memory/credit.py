"""What a lesson is worth: the difference between episodes with it and without it.

A chosen lesson is left out at random with a known probability, so episodes with and without
differ in nothing else. Weights are inverse propensities, normalised (Hajek, 1971); the
interval joins the arms' Beta intervals by the square-and-add rule (Newcombe, 1998).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agentevo.memory.errors import MemoryUseError

_CAUTION = 5.0
"""Episodes of binary variance that are added to what an arm shows of its own variance."""

Verdict = Literal["helpful", "harmful", "unknown"]


@dataclass(frozen=True, slots=True)
class Use:
    """One episode for which a lesson was chosen."""

    lesson_id: str
    injected: bool
    """False: it was withheld."""
    propensity: float
    """Probability with which it was injected, above 0 and below 1 (or it tells nothing)."""
    outcome: float
    """Success or score of the episode, 0..1."""
    stratum: str = ""
    """Episodes are compared within a stratum, such as the task's difficulty."""


@dataclass(frozen=True, slots=True)
class Utility:
    """A lesson's worth, as far as its episodes tell."""

    mean: float
    """Outcome with the lesson less outcome without, -1..1, drawn towards 0 by the prior."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    n_injected: int
    """Episodes with it that had a counterpart without it in their stratum."""
    n_withheld: int
    """Episodes without it that had a counterpart with it."""

    @property
    def verdict(self) -> Verdict:
        """Helpful or harmful if the interval excludes 0, else unknown."""
        if self.low > 0:
            return "helpful"
        return "harmful" if self.high < 0 else "unknown"


_UNKNOWN = Utility(0.0, -1.0, 1.0, 0, 0)
"""Where one arm has no episodes."""


def utilities(
    uses: Iterable[Use], *, level: float = 0.95, prior: float = 2.0
) -> dict[str, Utility]:
    """Return the utility of every lesson that occurs. `level` and `prior` as in `utility`."""
    by_lesson: defaultdict[str, list[Use]] = defaultdict(list)
    for use in uses:
        by_lesson[use.lesson_id].append(use)
    return {
        lesson_id: utility(
            np.array([use.injected for use in own]),
            np.array([use.propensity for use in own]),
            np.array([use.outcome for use in own]),
            strata=[use.stratum for use in own],
            level=level,
            prior=prior,
        )
        if len({use.injected for use in own}) > 1
        else _UNKNOWN
        for lesson_id, own in by_lesson.items()
    }


def utility(
    injected: NDArray[np.bool_],
    propensity: NDArray[np.float64],
    outcome: NDArray[np.float64],
    *,
    strata: Sequence[str] | None = None,
    level: float = 0.95,
    prior: float = 2.0,
) -> Utility:
    """Estimate what one lesson does to the outcome of the episodes it was chosen for.

    Within each stratum the two arms are weighted to the same share (Mantel and Haenszel's
    weights, so a stratum with one arm only says nothing). For the mean, each arm gets a Beta
    prior about the mean of both: little evidence draws the difference to 0. The interval is
    of the difference itself, not drawn, so that it covers the truth as often as it says.
    Episodes count as independent, and looking at a lesson often widens no interval.

    Args:
        injected: Which episodes had the lesson, (n,).
        propensity: With what probability, (n,), in 0..1. Episodes with exactly 0 or 1 were
            not drawn at random and are left aside.
        outcome: Of each episode, (n,), in 0..1.
        strata: A label for each episode; None means they are all of one kind.
        level: Of the interval, such as 0.95.
        prior: Weight of the mean's prior in episodes of each arm, above 0.
    """
    _check(injected, propensity, outcome, level, prior)
    labels = np.unique(
        np.asarray(strata if strata is not None else [""] * len(outcome)), return_inverse=True
    )[1]
    drawn = (propensity > 0) & (propensity < 1)
    weights = _weights(injected[drawn], propensity[drawn], labels[drawn])
    arm, result = injected[drawn], outcome[drawn]
    if not weights.any():
        return _UNKNOWN
    with_it = _mean_and_size(result[arm], weights[arm])
    without = _mean_and_size(result[~arm], weights[~arm])
    centre = (with_it[0] + without[0]) / 2
    mean = _drawn_to(centre, *with_it, prior) - _drawn_to(centre, *without, prior)
    difference = with_it[0] - without[0]
    low1, high1 = _jeffreys(result[arm], weights[arm], level)
    low0, high0 = _jeffreys(result[~arm], weights[~arm], level)
    return Utility(
        mean=mean,
        low=difference - float(np.hypot(with_it[0] - low1, high0 - without[0])),
        high=difference + float(np.hypot(high1 - with_it[0], without[0] - low0)),
        n_injected=int((weights[arm] > 0).sum()),
        n_withheld=int((weights[~arm] > 0).sum()),
    )


def _weights(
    injected: NDArray[np.bool_], propensity: NDArray[np.float64], labels: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return episode weights that give both arms the same sum in every stratum."""
    inverse = 1 / np.where(injected, propensity, 1 - propensity)
    weights = np.zeros(len(injected))
    for label in np.unique(labels):
        one, other = (labels == label) & injected, (labels == label) & ~injected
        n_one, n_other = one.sum(), other.sum()
        if n_one and n_other:
            share = n_one * n_other / (n_one + n_other)
            weights[one] = share * inverse[one] / inverse[one].sum()
            weights[other] = share * inverse[other] / inverse[other].sum()
    return weights


def _mean_and_size(
    outcome: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the weighted mean and the effective number of episodes (Kish, 1965)."""
    total = weights.sum()
    return float(weights @ outcome / total), float(total**2 / (weights**2).sum())


def _drawn_to(centre: float, mean: float, size: float, prior: float) -> float:
    """Return the mean under a Beta prior about `centre` that weighs `prior` episodes."""
    return (size * mean + prior * centre) / (size + prior)


def _jeffreys(
    outcome: NDArray[np.float64], weights: NDArray[np.float64], level: float
) -> tuple[float, float]:
    """Return the interval of one arm's mean under Jeffreys' prior, Beta(1/2, 1/2).

    Graded outcomes vary less than binary ones of the same mean, and so count for more
    episodes, as far as the arm is large enough to show it. An arm that is all 0 or all 1 has
    its end there (Brown, Cai and DasGupta, 2001).
    """
    from scipy.special import betaincinv

    mean, size = _mean_and_size(outcome, weights)
    binary = mean * (1 - mean)
    if binary > 0:
        seen = float(weights @ (outcome - mean) ** 2 / weights.sum())
        size *= binary * (size + _CAUTION) / (seen * size + binary * _CAUTION)
    a, b, tail = size * mean + 0.5, size * (1 - mean) + 0.5, (1 - level) / 2
    low, high = float(betaincinv(a, b, tail)), float(betaincinv(a, b, 1 - tail))
    return min(low, mean), max(high, mean)


def _check(
    injected: NDArray[np.bool_],
    propensity: NDArray[np.float64],
    outcome: NDArray[np.float64],
    level: float,
    prior: float,
) -> None:
    """Refuse records that cannot be."""
    if not len(injected) == len(propensity) == len(outcome):
        raise MemoryUseError("injected, propensity and outcome differ in length")
    for name, values in (("propensity", propensity), ("outcome", outcome)):
        if not np.all((values >= 0) & (values <= 1)):
            raise MemoryUseError(f"every {name} must be in 0..1")
    if not 0 < level < 1 or prior <= 0:
        raise MemoryUseError(f"level must be in 0..1 and prior above 0: {level}, {prior}")
