"""Which trajectories are trained on: the metric-based filters of the survey.

A filter takes trajectories, and the instructions of held-out tasks' first sights, and
returns those that it lets pass, whole or in part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agentevo.experience import Trajectory
from agentevo.strategies import find


@dataclass(frozen=True)
class HeldOut:
    """What is known of the held-out tasks, so that none of them is learned from."""

    task_ids: frozenset[str] = field(default_factory=frozenset)
    sights: frozenset[str] = field(default_factory=frozenset)
    """Their first observations."""


Filter = Callable[[Sequence[Trajectory], HeldOut], list[Trajectory]]


def success(trajectories: Sequence[Trajectory], held_out: HeldOut) -> list[Trajectory]:
    """Keep what the environment called a success."""
    return [one for one in trajectories if one.success]


def gained(trajectories: Sequence[Trajectory], held_out: HeldOut) -> list[Trajectory]:
    """Keep successes whole, and of other episodes what led to their last reward, if any."""
    kept = []
    for one in trajectories:
        last = max((i for i, step in enumerate(one.steps, 1) if step.reward > 0), default=0)
        if one.success or last:
            kept.append(one if one.success else replace(one, steps=one.steps[:last]))
    return kept


def near_duplicate(trajectories: Sequence[Trajectory], held_out: HeldOut) -> list[Trajectory]:
    """Keep one of those that did the same in the same place, the shortest."""
    best: dict[tuple[str, str], Trajectory] = {}
    for one in trajectories:
        key = (one.first_observation, " ".join(sorted({s.action or "" for s in one.steps})))
        if key not in best or len(one.steps) < len(best[key].steps):
            best[key] = one
    kept = {id(one) for one in best.values()}
    return [one for one in trajectories if id(one) in kept]


def held_out(trajectories: Sequence[Trajectory], held_out: HeldOut) -> list[Trajectory]:
    """Keep only episodes of the training split that begin unlike any held-out task."""
    return [
        one
        for one in trajectories
        if one.split == "train"
        and one.task_id not in held_out.task_ids
        and one.first_observation not in held_out.sights
    ]


STRATEGIES: dict[str, Filter] = {
    "success": success,
    "gained": gained,
    "near_duplicate": near_duplicate,
    "held_out": held_out,
}


def apply(
    names: Sequence[str], trajectories: Sequence[Trajectory], held_out: HeldOut
) -> tuple[list[Trajectory], dict[str, int]]:
    """Pass trajectories through filters; return what is left, and how many each took out."""
    left, taken = list(trajectories), {}
    for name in names:
        passed = find("refinement.filters", name, STRATEGIES)(left, held_out)
        taken[name] = len(left) - len(passed)
        left = passed
    return left, taken
