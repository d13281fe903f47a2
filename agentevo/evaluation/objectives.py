"""What is to be learned next: objectives as data, how each stands, and who may choose among them.

The survey's objective E = (ability, direction), which the evaluation of one round gives to the
next, and its levels of autonomy (arXiv 2404.14387, sections 3 and 8). Choosing spends tasks and
promotes nothing, so an interval is enough here; what is adopted is the gate's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from agentevo.config import ConfigError
from agentevo.evaluation.statistics import Interval, mean_interval
from agentevo.strategies import hint

if TYPE_CHECKING:
    from agentevo.ledger import EpisodeSummary

PERFORMANCE, SAFETY = "performance", "safety"
NOISE = 0.05
_SLACK = 1e-9  # means of fractions are not exact

Autonomy = Literal["low", "medium", "high"]
"""Who chooses: at `low` the user sets the objective and every module, at `medium` the user sets
the objective and the framework may choose strategies, at `high` the framework may choose both."""
Matter = Literal["objective", "strategy"]
_LEAST: dict[Matter, Autonomy] = {"objective": "high", "strategy": "medium"}
_ORDER: tuple[Autonomy, ...] = ("low", "medium", "high")


@dataclass(frozen=True)
class Objective:
    """An ability, and in which direction it is to change."""

    ability: str
    """Its name; what others have as parent is their group, and is not measured by itself."""
    direction: str
    """For example `performance`, or `safety`, which comes before all others."""
    parent: str = ""
    """The ability of which it is a part; empty: a root."""
    levels: tuple[int, ...] = ()
    """Of difficulty, whose episodes show it; of a leaf alone."""


@dataclass(frozen=True)
class Standing:
    """How an objective stands."""

    objective: Objective
    n: int
    """Tasks, at least one."""
    score: Interval
    """Mean score over tasks, 0..1."""


@dataclass(frozen=True)
class Choice:
    """What is to be learned next.

    Raises:
        ValueError: it has no reason.
    """

    objective: Objective | None
    """None: all of them, no single one."""
    reason: str
    """A sentence."""

    def __post_init__(self) -> None:
        """See that it has a reason."""
        if not self.reason.strip():
            raise ValueError("a choice has no reason")


def tree_of_levels(benchmark_name: str, levels: Sequence[int]) -> tuple[Objective, ...]:
    """Return the default tree: a benchmark's performance, with a leaf for each of its levels."""
    root = Objective(benchmark_name, PERFORMANCE)
    leaves = (Objective(f"level {n}", PERFORMANCE, benchmark_name, (n,)) for n in levels)
    return (root, *leaves)


def leaves_of(tree: Sequence[Objective]) -> tuple[Objective, ...]:
    """Return the objectives that no other has as its parent.

    Raises:
        ConfigError: a parent does not exist, or objectives are each other's parents.
    """
    abilities, parents = {one.ability for one in tree}, {one.parent for one in tree}
    for one in tree:
        if one.parent and one.parent not in abilities:
            told = hint(one.parent, sorted(abilities))
            raise ConfigError(f"objective {one.ability!r}: there is no {one.parent!r}{told}")
    above = {one.ability: one.parent for one in tree}
    for one in tree:
        name, seen = one.ability, set[str]()
        while name := above[name]:
            if name in seen:
                raise ConfigError(f"objective {one.ability!r}: {name!r} is a part of itself")
            seen.add(name)
    return tuple(one for one in tree if one.ability not in parents)


def standings(
    tree: Sequence[Objective], summaries: Sequence[EpisodeSummary]
) -> tuple[Standing, ...]:
    """Return how each leaf stands, by the episodes at its levels.

    Episodes of one task are averaged first, since they are not independent. A leaf whose levels
    were not played has no standing.

    Raises:
        ConfigError: it is no tree; see `leaves_of`.
    """
    by_task: dict[tuple[int, str], list[float]] = defaultdict(list)
    for one in summaries:
        by_task[one.difficulty, one.task_id].append(one.score)
    found = []
    for leaf in leaves_of(tree):
        means = [fmean(some) for (level, _), some in by_task.items() if level in leaf.levels]
        if means:
            found.append(Standing(leaf, len(means), mean_interval(means)))
    return tuple(found)


def next_objective(standings: Sequence[Standing], *, noise: float = NOISE) -> Choice:
    """Return the weakest leaf that chance does not explain, with the reason.

    First comes the worst leaf of the direction `safety` that is below 1 - `noise`. Else the best
    of the other leaves is the measure: one lags where its mean is lower by more than `noise` and
    its interval ends below the best one's. Of those that lag, the lowest mean is chosen; where
    none does, all are. Equal means go by the order of the standings.

    Args:
        standings: of leaves; those of few tasks have intervals that are somewhat too narrow.
        noise: difference of mean scores that is of no account, 0..1.
    """
    unsafe = [
        one
        for one in standings
        if one.objective.direction == SAFETY and one.score.estimate < 1 - noise - _SLACK
    ]
    if unsafe:
        worst = min(unsafe, key=lambda one: one.score.estimate)
        return Choice(
            worst.objective,
            f"{_said(worst)}, is below {1 - noise:.2f}, and safety comes before all else.",
        )
    rest = [one for one in standings if one.objective.direction != SAFETY]
    if len(rest) < 2:
        n = "nothing else is" if standings else "nothing is"
        return Choice(None, f"All objectives: {n} measured that could be told apart.")
    best = max(rest, key=lambda one: one.score.estimate)
    behind = [one for one in rest if _lags(one, best, noise)]
    if not behind:
        return Choice(
            None, f"All objectives: none lies below the best, {_said(best)}, by more than "
            f"{noise:.2f} and beyond what chance explains."
        )  # fmt: skip
    worst = min(behind, key=lambda one: one.score.estimate)
    return Choice(
        worst.objective,
        f"{_said(worst)}, is the lowest that lies below the best, {_said(best)}, by more than "
        f"{noise:.2f} and beyond what chance explains.",
    )


def may_choose(autonomy: Autonomy, what: Matter) -> bool:
    """Return whether the framework may choose an objective, or a strategy, by itself."""
    return _ORDER.index(autonomy) >= _ORDER.index(_LEAST[what])


def check(autonomy: Autonomy, what: Matter) -> None:
    """See that the framework may choose.

    Raises:
        ConfigError: it is for the user to choose.
    """
    if not may_choose(autonomy, what):
        an = "an objective" if what == "objective" else "a strategy"
        raise ConfigError(
            f"autonomy is {autonomy}, so the framework may not choose {an}: name one yourself, "
            f"or set autonomy to {_LEAST[what]}"
        )


def _lags(one: Standing, best: Standing, noise: float) -> bool:
    is_lower = best.score.estimate - one.score.estimate > noise + _SLACK
    return is_lower and one.score.high < best.score.low


def _said(one: Standing) -> str:
    score = one.score
    return (
        f"{one.objective.ability} at {score.estimate:.2f} "
        f"({score.low:.2f} to {score.high:.2f}, {one.n} {'task' if one.n == 1 else 'tasks'})"
    )
