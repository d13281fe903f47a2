"""Whether experience becomes narrower, and when an evolution ends for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agentevo.evaluation.diversity import (
    PATIENCE,
    Diversity,
    alerts,
    collapsed,
    concentration,
    distinct_n,
    entropy_of,
    measure,
)
from agentevo.experience import Recall, Step
from tests.refinement.test_refinement import episode


def history(*points: tuple[float, float]) -> list[Diversity]:
    """Return generations of so much diversity and such a score."""
    return [Diversity(i, 10, d, 2.0 * d, 0.0, score) for i, (d, score) in enumerate(points, 1)]


def test_measures_are_those_of_worked_examples() -> None:
    assert distinct_n(["a b a b"], 2) == pytest.approx(2 / 3)
    assert distinct_n([], 2) == 0.0
    assert entropy_of({"go": 2, "take": 2}) == pytest.approx(1.0)
    assert entropy_of({"go": 4}) == 0.0
    assert concentration({"l1": 3, "l2": 1}) == pytest.approx(10 / 16)
    assert concentration({}) == 0.0


def test_a_generation_is_measured_by_its_replies_actions_and_lessons() -> None:
    def lived(name: str, actions: Sequence[str], lesson: str) -> object:
        steps = tuple(Step("", one, "ok", reply=f"Action: {one}") for one in actions)
        return replace(episode(name, success=True), steps=steps, recall=Recall(injected=(lesson,)))

    one, other = lived("a", ["go north", "take pan"], "l1"), lived("b", ["go north"], "l1")
    found = measure(3, [one, other])  # type: ignore[list-item]
    assert (found.generation, found.n_episodes, found.score) == (3, 2, 1.0)
    assert found.lesson_concentration == 1.0
    assert found.action_entropy == pytest.approx(
        -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    )


def test_an_evolution_that_narrows_and_gains_nothing_ends_at_its_second_bad_generation() -> None:
    points = [(0.8, 0.4), (0.75, 0.5), (0.5, 0.5), (0.4, 0.45), (0.3, 0.45)]
    stops = [bool(collapsed(history(*points[:n]))) for n in range(1, 6)]
    assert stops == [False, False, False, True, True]
    assert PATIENCE == 2
    assert "lower than at first" in collapsed(history(*points))


def test_one_that_gains_by_it_is_warned_of_and_goes_on() -> None:
    points = [(0.8, 0.4), (0.5, 0.5), (0.4, 0.6), (0.3, 0.7)]
    assert collapsed(history(*points)) == ""
    assert len(alerts(history(*points))) == 2


def test_a_healthy_one_hears_nothing() -> None:
    points = [(0.8, 0.4), (0.78, 0.4), (0.81, 0.4), (0.75, 0.4)]
    assert alerts(history(*points)) == ()
    assert collapsed(history(*points)) == ""
