"""Recipes against one another, on planted scores."""

from __future__ import annotations

import numpy as np
import pytest

from agentevo.evaluation.contest import Entry, compare, crossed_interval, holm


def entry(name: str, mean: float, *, n_tasks: int = 40, n_seeds: int = 5, seed: int = 0) -> Entry:
    """Return scores that vary by task, the same for all, and a little by themselves."""
    hardness = np.random.default_rng(7).uniform(-0.2, 0.2, n_tasks)
    noise = np.random.default_rng(seed).uniform(-0.1, 0.1, (n_tasks, n_seeds))
    scores = {
        (f"t{i}", j): float(np.clip(mean + hardness[i] + noise[i, j], 0, 1))
        for i in range(n_tasks)
        for j in range(n_seeds)
    }
    return Entry(name, scores, (1_000_000,) * n_seeds if name != "react" else (0,) * n_seeds)


def test_holms_correction_is_that_of_a_worked_example_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_is_better_stands_in_a_better_group_and_what_is_alike_in_the_same() -> None:
    table = compare(
        [entry("react", 0.4), entry("good", 0.7, seed=1), entry("as good", 0.7, seed=2),
         entry("middling", 0.55, seed=3)],
        "react",
    )  # fmt: skip
    groups = {one.recipe: one.group for one in table.places}
    assert groups == {"good": 1, "as good": 1, "middling": 2, "react": 3}
    best = table.places[0]
    assert best.gain.low < 0.3 < best.gain.high
    assert best.p_gain < 0.001
    assert best.gain_per_million == pytest.approx(30, abs=2)
    assert (table.n_tasks, table.n_seeds) == (40, 5)


def test_the_baseline_costs_nothing_and_gains_nothing() -> None:
    table = compare([entry("react", 0.4), entry("other", 0.4, seed=1)], "react")
    plain = next(one for one in table.places if one.recipe == "react")
    assert (plain.gain.estimate, plain.p_gain, plain.gain_per_million) == (0.0, 1.0, None)
    assert {one.group for one in table.places} == {1}


def test_what_is_lost_on_some_tasks_shows_beside_a_gain_on_others() -> None:
    plain = Entry("react", {(f"t{i}", 0): float(i < 5) for i in range(10)}, (0,))
    swapped = Entry("swaps", {(f"t{i}", 0): float(i >= 4) for i in range(10)}, (10,))
    place = next(one for one in compare([plain, swapped], "react").places if one.recipe == "swaps")
    assert place.gain.estimate == pytest.approx(0.1)
    assert place.lost == pytest.approx(0.4)


def test_recipes_that_are_alike_are_seldom_told_apart() -> None:
    n_wrong = 0
    for trial in range(40):
        rng = np.random.default_rng(trial)
        entries = [
            Entry(name, {(f"t{i}", j): float(rng.random() < 0.5) for i in range(20)
                         for j in range(3)}, (1, 1, 1))
            for name in ("react", "a", "b", "c")
        ]  # fmt: skip
        n_wrong += len({one.group for one in compare(entries, "react").places}) > 1
    assert n_wrong <= 5, "at most alpha of them, over all pairs together, and some luck"


def test_an_interval_lets_seeds_vary_too() -> None:
    by_seed = np.tile([0.2, 0.8, 0.5, 0.4, 0.6], (50, 1))  # tasks agree, seeds do not
    assert crossed_interval(by_seed).high - crossed_interval(by_seed).low > 0.2
    alone = crossed_interval(by_seed[:, :1])
    assert alone.high == pytest.approx(alone.low)


def test_recipes_that_played_other_tasks_are_refused() -> None:
    short = Entry("short", {("t0", 0): 1.0}, (0,))
    with pytest.raises(ValueError, match="short"):
        compare([entry("react", 0.4), short], "react")
