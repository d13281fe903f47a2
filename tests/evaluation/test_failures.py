"""Failures in groups that are alike."""

from __future__ import annotations

import random
from dataclasses import replace

from agentevo.evaluation.failures import groups
from agentevo.experience import Step, Trajectory
from tests.refinement.test_refinement import episode


def ended(name: str, said: str, *, success: bool = False, n: int = 1, level: int = 1) -> Trajectory:
    steps = (*[Step("", "look", "A kitchen.")] * n, Step("", "cook it", said))
    return replace(episode(name, success=success), steps=steps, difficulty=level)


BURNED = [ended(f"b{i}", f"You burned the {food}!", n=6 - i, level=2)
          for i, food in enumerate(("leek", "pork", "egg", "onion", "carrot", "plum"))]  # fmt: skip
LOST = [ended(f"l{i}", f"You are lost in room {i}.") for i in range(3)]
WON = [ended(f"w{i}", "You cooked the meal.", success=True) for i in range(5)]


def test_a_planted_group_is_found_whole_and_named_by_what_tells_it_apart() -> None:
    first, second = groups([*LOST, *WON, *BURNED])
    assert "burn" in first.name
    assert set(first.trajectories) == {one.id for one in BURNED}
    assert first.trajectories[0] == "b5", "the shortest is to be read first"
    assert (first.n, first.levels) == (6, (2,))
    assert second.trajectories == ("l0", "l1", "l2")


def test_the_order_of_the_episodes_does_not_matter() -> None:
    some = [*LOST, *WON, *BURNED]
    found = groups(some)
    random.Random(1).shuffle(some)
    assert groups(some) == found


def test_what_is_like_nothing_else_is_grouped_by_its_ending() -> None:
    odd = replace(ended("o", "xyzzy"), ending="stalled")
    assert [one.name for one in groups([odd])] == ["stalled"]


def test_every_failure_is_in_one_group_and_successes_are_in_none() -> None:
    found = groups([*LOST, *WON, *BURNED, ended("o", "xyzzy")])
    cited = [name for one in found for name in one.trajectories]
    assert sorted(cited) == sorted([one.id for one in (*LOST, *BURNED)] + ["o"])
    assert groups(WON) == ()
