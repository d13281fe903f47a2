import numpy as np
import pytest
from numpy.typing import NDArray

from agentevo.memory import MemoryUseError, Use, utilities, utility

Floats = NDArray[np.float64]


def simulate(
    rng: np.random.Generator,
    *,
    n: int = 150,
    effect: float,
    rate: float | None = 0.2,
    strata: bool = True,
    graded: bool = False,
) -> tuple[NDArray[np.bool_], Floats, Floats, list[str], Floats]:
    """Play n episodes of four difficulties; only those where the lesson was chosen count.

    The easier the task, the likelier the lesson is chosen. With `rate` None, it is withheld
    more often in easy tasks than in hard ones.

    Returns:
        injected, propensity, outcome, stratum of the chosen episodes; outcomes of the rest.
    """
    level = rng.integers(0, 4, size=n)
    base = np.array([0.85, 0.6, 0.35, 0.1])[level]
    chosen = rng.random(n) < np.array([0.95, 0.7, 0.4, 0.15])[level]
    rates = np.full(n, rate) if rate is not None else np.array([0.4, 0.3, 0.2, 0.1])[level]
    injected = chosen & (rng.random(n) >= rates)
    chance = np.clip(base + effect * injected, 0, 1)
    outcome = (rng.random(n) < chance).astype(np.float64)
    if graded:
        outcome = rng.beta(4 * chance + 0.01, 4 * (1 - chance) + 0.01)
    labels = [str(one) if strata else "" for one in level[chosen]]
    return injected[chosen], 1 - rates[chosen], outcome[chosen], labels, outcome[~chosen]


def coverage(effect: float, **how: object) -> tuple[float, float]:
    """Return how often the interval holds the true effect, and how often it is above 0."""
    rng = np.random.default_rng(7)
    held = above = 0
    n_histories = 400
    for _ in range(n_histories):
        injected, propensity, outcome, labels, _ = simulate(rng, effect=effect, **how)  # type: ignore[arg-type]
        found = utility(injected, propensity, outcome, strata=labels)
        held += found.low <= effect <= found.high
        above += found.low > 0
    return held / n_histories, above / n_histories


@pytest.mark.parametrize("effect", [0.0, 0.1, -0.1])
@pytest.mark.parametrize("strata", [True, False])
def test_the_interval_covers_the_truth_as_often_as_it_says(effect: float, strata: bool) -> None:
    held, _ = coverage(effect, strata=strata)
    assert 0.93 <= held <= 1.0


@pytest.mark.parametrize("n", [30, 600])
def test_it_covers_with_few_episodes_and_with_many(n: int) -> None:
    held, _ = coverage(0.1, n=n)
    assert 0.93 <= held <= 1.0


def test_it_covers_when_easy_tasks_are_withheld_more_often_and_strata_are_given() -> None:
    held, _ = coverage(0.0, rate=None)
    assert held >= 0.93


def test_inverse_propensity_corrects_even_where_no_strata_are_given() -> None:
    rng = np.random.default_rng(3)
    weighted, plain = [], []
    for _ in range(300):
        injected, propensity, outcome, _, _ = simulate(rng, effect=0.0, rate=None)
        weighted.append(utility(injected, propensity, outcome).mean)
        plain.append(outcome[injected].mean() - outcome[~injected].mean())
    assert abs(np.mean(weighted)) < 0.02
    assert np.mean(plain) < -0.05


def test_naive_counting_is_fooled_by_easy_tasks_where_the_interval_is_not() -> None:
    rng = np.random.default_rng(5)
    naive, false_praise = [], 0
    for _ in range(300):
        injected, propensity, outcome, labels, rest = simulate(rng, effect=0.0)
        others = np.concatenate([outcome[~injected], rest])
        naive.append(outcome[injected].mean() - others.mean())
        false_praise += utility(injected, propensity, outcome, strata=labels).verdict != "unknown"
    assert np.mean(naive) > 0.2
    assert false_praise / 300 <= 0.06


def test_graded_scores_are_covered_too() -> None:
    held, _ = coverage(0.1, graded=True)
    assert held >= 0.93


def test_a_strong_effect_is_seen_and_its_sign_is_right() -> None:
    rng = np.random.default_rng(1)
    injected = rng.random(300) < 0.8
    propensity = np.full(300, 0.8)
    good = (rng.random(300) < np.where(injected, 0.8, 0.4)).astype(np.float64)
    assert utility(injected, propensity, good).verdict == "helpful"
    assert utility(injected, propensity, 1 - good).verdict == "harmful"
    found = utility(injected, propensity, good)
    assert 0.25 < found.mean < 0.55
    assert found.n_injected + found.n_withheld == 300


def test_one_lucky_episode_proves_nothing() -> None:
    found = utility(np.array([True, False]), np.array([0.8, 0.8]), np.array([1.0, 0.0]))
    assert found.verdict == "unknown"
    assert 0 < found.mean < 0.5


def test_episodes_that_were_not_drawn_at_random_tell_nothing() -> None:
    found = utility(np.ones(50, bool), np.ones(50), np.ones(50))
    assert (found.mean, found.low, found.high, found.n_injected) == (0, -1, 1, 0)


def test_a_stratum_with_one_arm_only_tells_nothing() -> None:
    injected = np.array([True] * 20 + [False] * 20)
    found = utility(
        injected, np.full(40, 0.5), injected.astype(np.float64), strata=["a"] * 20 + ["b"] * 20
    )
    assert found.n_injected == found.n_withheld == 0


def test_each_lesson_is_judged_by_its_own_uses() -> None:
    uses = [
        Use(name, injected=i % 2 == 0, propensity=0.5, outcome=float((i % 2 == 0) == good))
        for name, good in (("good", True), ("bad", False))
        for i in range(60)
    ]
    found = utilities(uses)
    assert (found["good"].verdict, found["bad"].verdict) == ("helpful", "harmful")


def test_impossible_records_are_refused() -> None:
    with pytest.raises(MemoryUseError, match="outcome"):
        utility(np.array([True]), np.array([0.5]), np.array([2.0]))
    with pytest.raises(MemoryUseError, match="length"):
        utility(np.array([True]), np.array([0.5]), np.array([1.0, 0.0]))
