"""The censor: how satisfying an episode is, and what that says is to be learned."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import torch

from agentevo.experience import Trajectory
from agentevo.refinement import censor
from agentevo.refinement.sieve import Sieve
from agentevo.settings import WeightSettings
from agentevo.updating.objectives import Tokens, preference
from tests.refinement.test_refinement import episode


def lived(name: str, *, level: int = 1, **more: Any) -> Trajectory:
    success = bool(more.get("success", True))
    one = episode(name, success=success)
    told = {"difficulty": level, "ending": "success" if success else "failure",
            "score": float(success)} | more  # fmt: skip
    return replace(one, **told)


def test_satisfaction_falls_with_the_outcome_with_retries_and_with_a_bad_ending() -> None:
    good = censor.satisfaction(lived("a"))
    again = censor.satisfaction(lived("a", attempt=2))
    half = censor.satisfaction(lived("a", success=False, score=0.5))
    stuck = censor.satisfaction(lived("a", success=False, score=0.5, ending="stalled"))
    assert good == 1.0
    assert again is not None
    assert half is not None
    assert stuck is not None
    assert good > again > half > stuck


def test_where_too_little_is_known_satisfaction_is_unknown_and_the_episode_is_dropped() -> None:
    blank = lived("a", ending="answered", steps=())
    assert censor.satisfaction(blank) is None
    assert censor.topic_aware([blank], Sieve()) == []
    assert censor.pair([blank, lived("b")]) is None


def test_topics_that_are_frequent_and_go_badly_get_the_larger_share() -> None:
    well = [lived(f"w{i}", level=1) for i in range(8)] + [lived("w-", level=1, success=False)]
    badly = [lived(f"b{i}", level=2) for i in range(8)] + [
        lived(f"b-{i}", level=2, success=False) for i in range(20)
    ]
    kept = Counter(one.difficulty for one in censor.topic_aware([*well, *badly], Sieve()))
    assert kept[2] > 3 * kept[1] > 0
    assert sum(kept.values()) <= 10
    assert all(one.success for one in censor.topic_aware([*well, *badly], Sieve()))


def test_a_pair_needs_a_margin() -> None:
    won, lost = lived("a"), lived("b", success=False)
    close = lived("c", attempt=1)
    assert censor.pair([lost, won, close]) == (won, lost)
    assert censor.pair([won, close]) is None


def test_a_topic_twice_as_frequent_gets_a_larger_share_of_the_gradient() -> None:
    some = [lived(f"a{i}", level=1) for i in range(8)] + [lived(f"b{i}", level=2) for i in range(4)]
    weights = censor.frequency_weights(some)
    often, seldom = (weights[censor.topic(lived("x", level=level))] for level in (1, 2))
    assert often == 2 * seldom

    def gradient(weight: float) -> float:
        logp = torch.tensor([-1.0, -1.0], requires_grad=True)
        tokens = Tokens(logp, torch.full((2,), -1.0), torch.full((2,), weight),
                        torch.tensor([1.0, -1.0]))  # fmt: skip
        loss, _ = preference(tokens, WeightSettings())
        (found,) = torch.autograd.grad(loss, logp)
        return float(found.abs().sum())

    assert gradient(often) == 2 * gradient(seldom)
    assert max(weights.values()) <= 2.0
