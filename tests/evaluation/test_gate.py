"""What the gate promotes, holds and rejects, and how often it is wrong."""

import json
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy.stats import binom

from agentevo.evaluation.gate import (
    GateError,
    GateSettings,
    Outcome,
    Verdict,
    false_promotion_rate,
    judge,
)

QUICK = GateSettings(n_resamples=500)
Arm = Callable[[np.random.Generator], list[Outcome]]


def outcomes(scores: list[float], seed: int = 0) -> list[Outcome]:
    """Return one outcome for each task; success is a full score."""
    return [Outcome(f"task-{n}", seed, score, score == 1) for n, score in enumerate(scores)]


def graded(
    rng: np.random.Generator, *, n_tasks: int = 40, skill: float = 0.5, n_seeds: int = 1
) -> list[Outcome]:
    """Play tasks of 3 to 11 points with a chance of `skill` for each, harder by their number."""
    found = []
    for n in range(n_tasks):
        n_points = (3, 4, 5, 11)[n % 4]
        chance = float(np.clip(skill + (n / n_tasks - 0.5) * 0.6, 0, 1))
        for seed in range(n_seeds):
            score = int(rng.binomial(n_points, chance)) / n_points
            found.append(Outcome(f"task-{n}", seed, score, score == 1))
    return found


def all_or_nothing(rng: np.random.Generator, *, n_tasks: int = 30) -> list[Outcome]:
    return outcomes([float(one) for one in rng.random(n_tasks) < 0.6])


def continuous(rng: np.random.Generator, *, n_tasks: int = 25) -> list[Outcome]:
    return outcomes([float(one) for one in rng.beta(0.6, 0.4, n_tasks)])


def share(
    decision: str, incumbent: Arm, candidate: Arm, n: int = 400, settings: GateSettings = QUICK
) -> float:
    """Return how often a decision falls, over simulated comparisons."""
    rng = np.random.default_rng(7)
    return (
        sum(judge(incumbent(rng), candidate(rng), settings).decision == decision for _ in range(n))
        / n
    )


@pytest.mark.parametrize(
    "arm",
    [
        graded,
        partial(graded, n_tasks=10),
        partial(graded, n_seeds=3, n_tasks=20),
        all_or_nothing,
        continuous,
    ],
    ids=["graded", "few tasks", "three seeds", "all or nothing", "continuous"],
)
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_an_arm_is_promoted_over_itself_no_more_often_than_alpha(arm: Arm, alpha: float) -> None:
    n = 400
    settings = GateSettings(alpha=alpha, n_resamples=500)
    promoted = share("promote", arm, arm, n, settings)
    assert promoted <= binom.ppf(0.999, n, alpha) / n


def test_a_change_that_helps_some_tasks_and_harms_others_is_not_promoted_for_its_seeds() -> None:
    # greedy decoding: every seed repeats the episode, so 5 seeds tell no more than one
    def repeated(scores: "np.typing.NDArray[np.float64]") -> list[Outcome]:
        return [one for seed in range(5) for one in outcomes(scores.tolist(), seed)]

    rng, n, promoted = np.random.default_rng(3), 600, 0
    for _ in range(n):
        old, new = rng.integers(0, 5, 20) / 4, rng.integers(0, 5, 20) / 4
        promoted += judge(repeated(old), repeated(new), QUICK).decision == "promote"
    assert promoted <= binom.ppf(0.999, n, 0.05)


def test_verdicts_that_share_alpha_promote_no_more_often_together_than_it_says() -> None:
    rng, n, runs_with_any = np.random.default_rng(4), 150, 0
    settings = GateSettings(n_verdicts=6, n_resamples=500)
    for _ in range(n):
        decisions = {judge(graded(rng), graded(rng), settings).decision for _ in range(6)}
        runs_with_any += "promote" in decisions
    assert runs_with_any <= binom.ppf(0.999, n, 0.05)


def test_the_chance_of_promotion_rises_with_the_effect() -> None:
    shares = [
        share("promote", graded, partial(graded, skill=0.5 + gain), n=200)
        for gain in (0.0, 0.05, 0.1, 0.2)
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] > 0.95


def test_the_chance_of_promotion_rises_with_the_number_of_tasks() -> None:
    few, many = (
        share(
            "promote",
            partial(graded, n_tasks=n_tasks),
            partial(graded, n_tasks=n_tasks, skill=0.56),
            n=200,
        )
        for n_tasks in (15, 120)
    )
    assert many > few + 0.2


def test_a_worse_candidate_is_rejected() -> None:
    assert share("reject", graded, partial(graded, skill=0.3), n=100) > 0.95


@pytest.mark.parametrize("n", [1, 5, 1000])
def test_two_arms_that_do_exactly_the_same_are_held(n: int) -> None:
    arm = outcomes([0.25, 1.0, 0.0, 0.5, 1.0] * (n // 5) or [1.0])
    verdict = judge(arm, arm)
    assert verdict.decision == "hold"
    assert verdict.evidence.n_more_pairs is None
    assert verdict.evidence.p_value == verdict.evidence.p_value_success == 1.0


def test_nine_games_won_and_one_lost_are_promoted_on_mcnemars_figures() -> None:
    old = outcomes([0.0] * 9 + [1.0] + [1.0] * 10)
    new = outcomes([1.0] * 9 + [0.0] + [1.0] * 10)
    verdict = judge(old, new)
    evidence = verdict.evidence
    assert verdict.decision == "promote"
    assert evidence.p_value == evidence.p_value_success == pytest.approx(11 / 1024)
    assert (evidence.n_only_candidate, evidence.n_only_incumbent) == (9, 1)
    assert (evidence.incumbent_mean, evidence.candidate_mean) == pytest.approx((0.55, 0.95))
    assert evidence.difference.estimate == pytest.approx(0.4)
    assert evidence.difference.low > 0
    assert "\n" not in evidence.reason


def test_four_wins_are_too_few_and_the_gate_says_how_many_more_it_takes() -> None:
    verdict = judge(outcomes([0.0] * 4 + [1.0] * 4), outcomes([1.0] * 8))
    assert verdict.evidence.p_value == pytest.approx(1 / 16)
    assert verdict.decision == "hold"
    assert verdict.evidence.n_more_pairs is not None
    assert 1 <= verdict.evidence.n_more_pairs <= 20


def test_a_gain_too_small_to_be_of_use_is_rejected_where_the_tasks_are_many() -> None:
    old = outcomes([0.5] * 100)
    new = outcomes([0.51] * 25 + [0.49] * 25 + [0.5] * 50)
    verdict = judge(old, new)
    assert verdict.decision == "reject"
    assert "No gain" in verdict.evidence.reason
    assert judge(old[:4] + old[25:29], new[:4] + new[25:29]).decision != "promote"


def test_scores_that_rise_while_fewer_games_are_won_are_held() -> None:
    old = [Outcome(f"t{n}", 0, 0.9 if n < 8 else 0.1, n < 8) for n in range(40)]
    new = [Outcome(f"t{n}", 0, 0.8 if n < 8 else 0.5, False) for n in range(40)]
    verdict = judge(old, new)
    assert verdict.decision == "hold"
    assert "fewer tasks succeed" in verdict.evidence.reason


def test_the_order_of_outcomes_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    old, new = graded(rng, n_seeds=2), graded(rng, n_seeds=2, skill=0.6)
    assert judge(old, new) == judge(old[::-1], new)


def test_a_verdict_comes_back_from_json() -> None:
    rng = np.random.default_rng(0)
    for skill in (0.3, 0.5, 0.8):
        verdict = judge(graded(rng), graded(rng, skill=skill))
        assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    with pytest.raises(GateError, match="'perhaps' is no decision"):
        Verdict.from_json({"decision": "perhaps", "evidence": {}})


def test_an_outcome_without_a_partner_is_an_error_that_names_it() -> None:
    with pytest.raises(GateError, match="the candidate did not run task 'task-2' with seed 0"):
        judge(outcomes([1, 1, 1]), outcomes([1, 1]))
    with pytest.raises(GateError, match="the incumbent did not run"):
        judge(outcomes([1]), outcomes([1, 1]))
    with pytest.raises(GateError, match="no partner"):
        judge(outcomes([1], seed=0), outcomes([1], seed=1))


@pytest.mark.parametrize("score", [float("nan"), 1.5, -0.1])
def test_a_score_outside_its_range_is_an_error(score: float) -> None:
    with pytest.raises(GateError, match=r"not in 0\.\.1"):
        judge(outcomes([score]), outcomes([1.0]))


def test_an_outcome_that_is_there_twice_or_not_at_all_is_an_error() -> None:
    with pytest.raises(GateError, match="twice"):
        judge(outcomes([1.0]) * 2, outcomes([1.0]))
    with pytest.raises(GateError, match="no outcomes"):
        judge([], [])


@pytest.mark.parametrize("change", [{"alpha": 0.0}, {"power": 1.0}, {"n_verdicts": 0}])
def test_settings_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="alpha is"):
        GateSettings(**change)  # type: ignore[arg-type]


def test_repeats_of_one_arm_show_how_often_the_gate_is_wrong() -> None:
    rng = np.random.default_rng(8)
    found = false_promotion_rate([graded(rng) for _ in range(401)], QUICK)
    assert found.n_verdicts == 200
    assert found.rate.low <= found.alpha
    assert found.rate.estimate == found.n_promoted / 200
    assert found.n_promoted > 0


def test_a_gate_that_promotes_too_often_would_be_found_out() -> None:
    rng = np.random.default_rng(8)
    drifting = [graded(rng, skill=0.4 + 0.2 * (n % 2)) for n in range(40)]
    found = false_promotion_rate(drifting, QUICK)
    assert found.rate.low > found.alpha


def test_a_deterministic_arm_is_never_promoted_over_itself() -> None:
    arm = outcomes([0.5, 1.0, 0.0] * 10)
    found = false_promotion_rate([arm] * 20)
    assert (found.n_promoted, found.n_verdicts, found.rate.low) == (0, 10, 0.0)
    with pytest.raises(GateError, match="2 are needed"):
        false_promotion_rate([arm])
