"""What is to be learned next, and who may choose it."""

from __future__ import annotations

from typing import get_args

import pytest

from agentevo.config import ConfigError
from agentevo.evaluation.objectives import (
    Autonomy,
    Choice,
    Objective,
    Standing,
    check,
    may_choose,
    next_objective,
    standings,
    tree_of_levels,
)
from agentevo.evaluation.statistics import Interval, mean_interval
from agentevo.ledger import EpisodeKey, EpisodeSummary


def summary(level: int, task: int, score: float, attempt: int = 0) -> EpisodeSummary:
    key = EpisodeKey(1, "gate", "", f"boxes/{level}/{task}", attempt)
    return EpisodeSummary(
        trajectory_id=f"{level}/{task}/{attempt}", key=key, benchmark="boxes", split="validation",
        difficulty=level, ending="success" if score == 1 else "failure", success=score == 1,
        score=score, best_score=score, n_steps=3, n_prompt_tokens=0, n_reply_tokens=0,
        seconds=0.0, memory_version=0, adapter="", created="",
    )  # fmt: skip


def standing(ability: str, mean: float, half: float = 0.02, direction: str = "performance",
             n: int = 40) -> Standing:  # fmt: skip
    return Standing(Objective(ability, direction), n, Interval(mean, mean - half, mean + half))


def chosen(*some: Standing, noise: float = 0.05) -> str:
    choice = next_objective(some, noise=noise)
    return choice.objective.ability if choice.objective else "all"


def test_the_default_tree_has_a_leaf_for_each_level() -> None:
    root, *leaves = tree_of_levels("boxes", (1, 4))
    assert (root.ability, root.direction, root.parent, root.levels) == (
        "boxes", "performance", "", ()
    )  # fmt: skip
    assert [(one.parent, one.levels) for one in leaves] == [("boxes", (1,)), ("boxes", (4,))]


def test_each_leaf_that_was_played_stands_at_the_mean_of_its_tasks() -> None:
    tree = tree_of_levels("boxes", (1, 2, 3))
    played = [summary(1, i, score) for i, score in enumerate((1, 1, 0, 0.5))]
    played += [summary(2, 0, 0.25), summary(9, 0, 1.0)]
    first, second = standings(tree, played)
    assert (first.objective, first.n) == (tree[1], 4)
    assert first.score == mean_interval([1, 1, 0, 0.5])
    assert (second.objective, second.n, second.score.estimate) == (tree[2], 1, 0.25)


def test_several_attempts_at_a_task_count_as_one_task() -> None:
    played = [summary(1, 0, 0.0, attempt) for attempt in range(3)] + [summary(1, 1, 1.0)]
    (found,) = standings(tree_of_levels("boxes", (1,)), played)
    assert (found.n, found.score.estimate) == (2, 0.5)


def test_a_leaf_of_several_levels_takes_the_tasks_of_all_and_a_group_takes_none() -> None:
    tree = (
        Objective("boxes", "performance", levels=(3,)),
        Objective("easy", "performance", "boxes", (1, 2)),
        Objective("hard", "performance", "boxes", (3,)),
    )
    found = standings(tree, [summary(1, 0, 1.0), summary(2, 0, 0.0), summary(3, 0, 0.75)])
    assert [(one.objective.ability, one.n, one.score.estimate) for one in found] == [
        ("easy", 2, 0.5), ("hard", 1, 0.75)
    ]  # fmt: skip


def test_a_parent_that_does_not_exist_is_answered_with_the_nearest() -> None:
    tree = (Objective("reasoning", "performance"), Objective("maths", "performance", "reasonign"))
    with pytest.raises(ConfigError, match="did you mean 'reasoning'"):
        standings(tree, [])


def test_objectives_that_are_each_others_parents_are_refused() -> None:
    tree = (Objective("a", "performance", "b"), Objective("b", "performance", "a"),
            Objective("c", "performance"))  # fmt: skip
    with pytest.raises(ConfigError, match="part of itself"):
        standings(tree, [])


def test_the_lowest_leaf_above_the_noise_floor_is_next() -> None:
    some = standing("a", 0.9), standing("b", 0.4), standing("c", 0.6)
    assert chosen(*some) == "b"
    assert chosen(*reversed(some)) == "b"


def test_leaves_that_differ_by_no_more_than_the_noise_are_all_next() -> None:
    some = standing("a", 0.80, 0.001), standing("b", 0.75, 0.001)
    assert chosen(*some) == "all"
    assert chosen(*some, noise=0.04) == "b"


def test_a_leaf_that_chance_explains_is_passed_over_for_one_that_it_does_not() -> None:
    rough = standing("rough", 0.4, 0.35)
    assert chosen(standing("best", 0.8, 0.1), rough) == "all"
    assert chosen(standing("best", 0.8, 0.1), rough, standing("sure", 0.5, 0.1)) == "sure"


def test_by_episodes_the_level_that_goes_worst_is_next() -> None:
    tree = tree_of_levels("boxes", (1, 2, 3))
    shares = {1: 18, 2: 4, 3: 17}  # successes of 20
    played = [summary(level, i, float(i < n)) for level, n in shares.items() for i in range(20)]
    assert next_objective(standings(tree, played)).objective == tree[2]
    level = [one for one in played if one.difficulty != 2]
    assert next_objective(standings(tree, level)).objective is None


def test_safety_that_is_lacking_comes_before_a_weaker_ability() -> None:
    weak = standing("plan", 0.1), standing("act", 0.9)
    safe = standing("harm none", 0.94, direction="safety")
    worse = standing("keep secrets", 0.92, direction="safety")
    assert chosen(*weak, safe, worse) == "keep secrets"
    assert chosen(*weak, standing("harm none", 0.95, direction="safety")) == "plan"


def test_safety_that_is_in_order_is_no_measure_for_abilities() -> None:
    some = standing("plan", 0.5), standing("harm none", 1.0, 0.0, direction="safety")
    assert chosen(*some) == "all"
    assert chosen(*some, standing("act", 0.52)) == "all"


@pytest.mark.parametrize(
    ("some", "words"),
    [
        ((), "nothing is measured"),
        ((standing("plan", 0.5),), "nothing else is measured"),
        ((standing("plan", 0.5), standing("act", 0.5)), "none lies below the best"),
        ((standing("plan", 0.1), standing("act", 0.9)), "plan at 0.10 (0.08 to 0.12, 40 tasks)"),
        ((standing("harm none", 0.5, direction="safety"),), "safety comes before all else"),
    ],
)
def test_every_choice_has_a_reason(some: tuple[Standing, ...], words: str) -> None:
    reason = next_objective(some).reason
    assert words in reason
    assert reason.endswith(".")


def test_a_choice_without_a_reason_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no reason"):
        Choice(None, " ")


def test_at_low_the_framework_chooses_nothing_at_medium_strategies_at_high_both() -> None:
    levels: tuple[Autonomy, ...] = get_args(Autonomy)
    assert [may_choose(one, "objective") for one in levels] == [False, False, True]
    assert [may_choose(one, "strategy") for one in levels] == [False, True, True]


def test_a_choice_that_is_the_users_raises_and_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"autonomy is low.*a strategy.*set autonomy to medium"):
        check("low", "strategy")
    with pytest.raises(ConfigError, match=r"autonomy is low.*an objective.*to high"):
        check("low", "objective")
    with pytest.raises(ConfigError, match="autonomy is medium"):
        check("medium", "objective")
    check("medium", "strategy")
    check("high", "objective")
