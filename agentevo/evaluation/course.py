"""Where an evolution heads: how varied its experience is, what comes next, and whether it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agentevo.evaluation.diversity import Diversity, alerts, collapsed, measure
from agentevo.evaluation.objectives import next_objective, standings, tree_of_levels

if TYPE_CHECKING:
    from agentevo.experience import Trajectory
    from agentevo.run import Run


def set_course(
    run: Run, generation: int, episodes: Sequence[Trajectory], levels: Sequence[int]
) -> None:
    """Record, once, how varied a generation was and what the next is to learn, with the reason.

    Args:
        run: open for writing.
        generation: that is closed.
        episodes: its acquisition.
        levels: of the benchmark.
    """
    if run.ledger.get_update(run.id, generation, "course"):
        return
    now = measure(generation, episodes)
    history = [*diversity(run), now]
    told: dict[str, object] = {"diversity": asdict(now), "alerts": alerts(history)}
    if run.config.objective.stop_on_collapse:
        told["stop"] = collapsed(history)
    if run.config.objective.policy == "weakest":
        tree = tree_of_levels(run.config.benchmark, run.config.levels or levels)
        played = run.ledger.summaries(run.id, generation=generation, purpose="acquisition")
        choice = next_objective(standings(tree, played))
        told["reason"] = choice.reason
        told["levels"] = choice.objective.levels if choice.objective else ()
    run.ledger.add_update(run.id, generation, "course", told)


def diversity(run: Run) -> list[Diversity]:
    """Return how varied each closed generation was."""
    made: list[Any] = [one.payload for one in run.ledger.updates(run.id, kind="course")]
    return [Diversity(**one["diversity"]) for one in made]


def levels_of(run: Run, generation: int) -> tuple[int, ...]:
    """Return the levels that the objective of a generation asks for; none: all of them."""
    update = run.ledger.get_update(run.id, generation - 1, "course")
    told: Any = update.payload if update is not None else {}
    return tuple(told.get("levels", ()))


def is_stopped(run: Run) -> bool:
    """Return whether a generation was told to be the last one."""
    return any(one.payload.get("stop") for one in run.ledger.updates(run.id, kind="course"))
