"""Which trajectories are trained on: the metric-based filters of the survey.

A filter takes trajectories and a `Sieve`, and returns those that it lets pass, whole or in part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentevo.experience import Trajectory
from agentevo.memory import scan
from agentevo.refinement.censor import topic_aware
from agentevo.refinement.sieve import Filter, Sieve
from agentevo.strategies import configured


def success(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep what the environment called a success."""
    return [one for one in trajectories if one.success]


def gained(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep successes whole, and of other episodes what led to their last reward, if any."""
    kept = []
    for one in trajectories:
        last = max((i for i, step in enumerate(one.steps, 1) if step.reward > 0), default=0)
        if one.success or last:
            kept.append(one if one.success else replace(one, steps=one.steps[:last]))
    return kept


def near_duplicate(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep one of those that did the same in the same place, the shortest."""
    best: dict[tuple[str, str], Trajectory] = {}
    for one in trajectories:
        key = (one.first_observation, " ".join(sorted({s.action or "" for s in one.steps})))
        if key not in best or len(one.steps) < len(best[key].steps):
            best[key] = one
    kept = {id(one) for one in best.values()}
    return [one for one in trajectories if id(one) in kept]


def held_out(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep only episodes of the training split that begin unlike any held-out task."""
    return [
        one
        for one in trajectories
        if one.split == "train"
        and one.task_id not in sieve.task_ids
        and one.first_observation not in sieve.sights
    ]


def safe(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep episodes in which nothing that the world or a tool said speaks to the model.

    What was read there may have steered it; see `agentevo.memory.scan`.
    """
    return [
        one
        for one in trajectories
        if not any(scan(step.observation) for step in one.steps) and not scan(one.first_observation)
    ]


STRATEGIES: dict[str, Filter] = {
    "success": success,
    "gained": gained,
    "near_duplicate": near_duplicate,
    "held_out": held_out,
    "safe": safe,
    "topic-aware": topic_aware,
}


def apply(
    names: Sequence[str], trajectories: Sequence[Trajectory], sieve: Sieve
) -> tuple[list[Trajectory], dict[str, int]]:
    """Pass trajectories through filters; return what is left, and how many each took out."""
    left, taken = list(trajectories), {}
    for name in names:
        passed = configured("refinement.filters", name, STRATEGIES)(left, sieve)
        taken[name] = len(left) - len(passed)
        left = passed
    return left, taken
