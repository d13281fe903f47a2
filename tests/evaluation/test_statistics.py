"""Tests and intervals against figures reckoned by hand, by scipy, or by full enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test

from agentevo.evaluation.statistics import (
    Interval,
    mcnemar,
    mean_interval,
    n_pairs_to_tell,
    paired_difference,
    sign_flip,
    sign_test,
    stratified_mean,
    wilson,
)

GRADES = [0.0, 0.25, -0.25, 1 / 3, -1 / 3, 3 / 11, -5 / 11, 1.0]


@pytest.mark.parametrize(("n_successes", "n"), [(0, 10), (10, 10), (3, 7), (81, 263), (0, 1)])
def test_wilsons_interval_is_scipys(n_successes: int, n: int) -> None:
    mine = wilson(n_successes, n, level=0.9)
    theirs = binomtest(n_successes, n).proportion_ci(0.9, "wilson")
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high))
    assert mine.low <= mine.estimate == n_successes / n <= mine.high


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe 1998, table I: 15 of 148
    interval = wilson(15, 148)
    assert (interval.low, interval.high) == pytest.approx((0.0624, 0.1605), abs=5e-5)


@pytest.mark.parametrize("counts", [(1, 0), (-1, 3), (4, 3)])
def test_no_rate_is_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no rate"):
        wilson(*counts)


def test_mcnemar_with_nine_against_one_is_eleven_of_1024() -> None:
    incumbent = [False] * 9 + [True] + [True] * 5 + [False] * 7
    candidate = [True] * 9 + [False] + [True] * 5 + [False] * 7
    found = mcnemar(incumbent, candidate)
    assert found.greater == pytest.approx((1 + 10) / 1024)
    assert found.two_sided == pytest.approx(2 * 11 / 1024)
    assert found.less == pytest.approx(1 - 1 / 1024)


def test_mcnemar_with_five_against_none_is_one_of_32() -> None:
    found = mcnemar([False] * 5, [True] * 5)
    assert found.greater == pytest.approx(1 / 32)
    assert found.two_sided == pytest.approx(1 / 16)


def test_mcnemar_without_discordant_pairs_tells_nothing() -> None:
    found = mcnemar([True, False], [True, False])
    assert (found.greater, found.less, found.two_sided) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("n_up", "n_down"), [(3, 4), (12, 2), (0, 6), (200, 150)])
def test_the_sign_test_is_scipys_binomial_test(n_up: int, n_down: int) -> None:
    found = sign_test(n_up, n_down)
    for mine, side in ((found.greater, "greater"), (found.less, "less")):
        assert mine == pytest.approx(binomtest(n_up, n_up + n_down, 0.5, side).pvalue)


@given(st.lists(st.sampled_from(GRADES), min_size=1, max_size=9))
def test_sign_flips_are_those_of_full_enumeration(differences: list[float]) -> None:
    observed = sum(differences)
    sums = [
        sum(sign * one for sign, one in zip(signs, differences, strict=True))
        for signs in itertools.product((-1, 1), repeat=len(differences))
    ]
    found = sign_flip(differences)
    assert found.greater == pytest.approx(np.mean([one >= observed - 1e-9 for one in sums]))
    assert found.less == pytest.approx(np.mean([one <= observed + 1e-9 for one in sums]))


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60))
def test_sign_flips_of_successes_are_mcnemars_test(differences: list[float]) -> None:
    found, exact = sign_flip(differences), sign_test(differences.count(1), differences.count(-1))
    assert (found.greater, found.less) == pytest.approx((exact.greater, exact.less))


def test_drawn_signs_agree_with_scipys_permutation_test() -> None:
    differences = np.random.default_rng(5).normal(0.1, 0.4, size=80)
    mine = sign_flip(differences)
    theirs = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    assert mine.greater == pytest.approx(theirs.pvalue, abs=0.004)
    assert mine == sign_flip(differences)


def test_graded_scores_of_many_tasks_are_still_exact() -> None:
    rng = np.random.default_rng(1)
    grades = np.array([0, 1 / 3, 2 / 3, 1, 1 / 4, 1 / 2, 1 / 5, 3 / 11, 7 / 11])
    differences = rng.choice(grades, 300) - rng.choice(grades, 300)
    assert sign_flip(differences, seed=1) == sign_flip(differences, seed=2)


def test_a_test_of_no_differences_tells_nothing() -> None:
    assert sign_flip([0.0, 0.0]).two_sided == 1.0


def test_a_bootstrap_interval_is_the_same_every_time_and_holds_the_mean() -> None:
    values = np.random.default_rng(3).uniform(size=40)
    first = mean_interval(values)
    assert first == mean_interval(values)
    assert first != mean_interval(values, seed=1)
    assert first.low < first.estimate < first.high
    assert first.estimate == pytest.approx(values.mean())


def test_a_bootstrap_interval_has_the_width_that_theory_gives() -> None:
    values = np.random.default_rng(3).normal(size=400)
    interval = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.05)


def test_bootstrap_intervals_hold_the_true_mean_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(400):
        interval = mean_interval(rng.binomial(4, 0.3, size=50) / 4, n_resamples=1000)
        hits += interval.low <= 0.3 <= interval.high
    assert wilson(hits, 400, level=0.999).high >= 0.93
    assert hits / 400 >= 0.9


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert mean_interval([0.5] * 8) == Interval(0.5, 0.5, 0.5)


def test_a_paired_difference_ignores_how_hard_the_tasks_are() -> None:
    hard = np.linspace(0, 0.8, 30)
    interval = paired_difference(hard, hard + 0.1)
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.1))
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference(hard, hard[1:])


def test_each_stratum_counts_the_same_however_many_tasks_it_has() -> None:
    values, levels = [1.0] * 30 + [0.0] * 10, [1] * 30 + [2] * 10
    assert stratified_mean(values, levels) == Interval(0.5, 0.5, 0.5)
    mixed = stratified_mean([0.0, 1.0] * 10, [1] * 10 + [2] * 10)
    assert mixed.low < 0.5 < mixed.high
    one_each = stratified_mean([1.0, 1.0, 1.0, 0.2], [1, 2, 3, 4])
    assert one_each.low < one_each.estimate < one_each.high, "four tasks are not certain"
    with pytest.raises(ValueError, match="strata"):
        stratified_mean(values, levels[1:])


@pytest.mark.parametrize("values", [[], [float("nan")], [[1.0]]])
def test_what_is_no_row_of_numbers_is_refused(values: object) -> None:
    with pytest.raises(ValueError, match=r"value"):
        mean_interval(values)  # type: ignore[arg-type]


def test_so_many_pairs_as_are_asked_for_tell_at_the_power_that_was_asked_for() -> None:
    rng = np.random.default_rng(2)
    pilot = rng.choice([0.5, 0.0, -0.5], p=[0.3, 0.6, 0.1], size=2000)
    n = n_pairs_to_tell(pilot, alpha=0.05, power=0.8)
    assert n is not None
    told = sum(
        sign_flip(rng.choice([0.5, 0.0, -0.5], p=[0.3, 0.6, 0.1], size=n)).greater <= 0.05
        for _ in range(500)
    )
    assert told / 500 == pytest.approx(0.8, abs=0.06)


def test_fewer_pairs_are_needed_for_a_larger_effect_and_never_fewer_than_the_test_needs() -> None:
    def needed(up: int, down: int, same: int) -> int:
        n = n_pairs_to_tell([1.0] * up + [-1.0] * down + [0.0] * same)
        assert n is not None
        return n

    assert needed(9, 1, 10) < needed(7, 3, 10) < needed(6, 5, 10)
    assert needed(3, 0, 0) == 5
    assert n_pairs_to_tell([0.0] * 10) is None
