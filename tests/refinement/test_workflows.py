"""Workflows: what succeeded, as a way to go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from agentevo.agent.recollection import Remembering
from agentevo.experience import Step
from agentevo.refinement.distill import Distilled
from agentevo.refinement.reading import Reading
from agentevo.refinement.workflows import common_words, left_open, workflows
from agentevo.settings import RefinementSettings
from tests.refinement.test_refinement import episode
from tests.worlds import Scripted

ONION = ["open fridge", "take red onion", "take red onion", "fry red onion", "eat meal"]
LEEK = ["open fridge", "take leek", "fry leek", "eat meal"]


def way(name: str, actions: Sequence[str], *, success: bool = True) -> object:
    steps = tuple(Step("", one, "ok") for one in actions)
    return replace(episode(name, success=success), task_id=name, steps=steps)


def distilled(*episodes: object) -> Distilled:
    reading = Reading(list(episodes), Scripted(), RefinementSettings(), 10.0)  # type: ignore[arg-type]
    return asyncio.run(workflows(reading))


def test_ways_that_differ_in_their_things_alone_are_one_workflow_with_places() -> None:
    made = distilled(way("a", ONION), way("b", LEEK), way("c", ["wait"], success=False))
    (draft,) = made.drafts
    assert draft.advice == "go this way: open fridge; take X1; fry X1; eat meal"
    assert draft.sources == ("a", "b")
    assert draft.kind == "strategy"
    assert made.n_calls == 0


def test_a_way_that_is_alone_is_told_as_it_was() -> None:
    (draft,) = distilled(way("a", ONION)).drafts
    assert "take red onion; fry red onion" in draft.advice


def test_two_things_are_two_places() -> None:
    shared = common_words([["take a from b"], ["take c from d"], ["take e from f"]])
    assert left_open(["take a from b", "put a on b"], shared | {"put", "on"}) == [
        "take X1 from X2", "put X1 on X2",
    ]  # fmt: skip


def test_what_is_too_long_is_refused_with_the_reason() -> None:
    made = distilled(way("a", [f"go {i}" for i in range(50)]))
    assert made.drafts == ()
    assert made.refused == (("a", "50 steps are no workflow"),)


def test_a_known_way_is_in_mind_where_its_very_task_comes_again() -> None:
    plan = (("open door", "It opens."),)
    mind = Remembering(("be kind",), None, {("Get out.", "A door."): plan})
    same = mind("Get out.", "A door.", "e")
    assert (same.texts, same.plan) == (("be kind",), plan)
    assert mind("Get out.", "Another door.", "e").plan == ()
