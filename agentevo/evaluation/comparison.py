"""Several runs side by side: what each came to on the test split, and what they differ by.

All figures are of the test tasks that all of the runs have played, however many more one of them
played. Runs whose tasks or environments are not the same are not comparable, and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentevo.evaluation.ablation import table
from agentevo.evaluation.attempts import by_task
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.figures import arms_figures
from agentevo.evaluation.spending import spending
from agentevo.evaluation.statistics import Interval, paired_difference
from agentevo.folders import RunError

if TYPE_CHECKING:
    from agentevo.ledger import EpisodeSummary
    from agentevo.run import Run

    Played = dict[str, EpisodeSummary]


@dataclass(frozen=True)
class Compared:
    """One run among others."""

    run: str
    recipe: str
    backbone: str
    benchmark: str
    fingerprint: str
    """Of the benchmark, as the run began. Empty: it was not noted."""
    n_played: int
    """Test tasks that the run has played with what is in force."""
    n_tasks: int
    """Test tasks that its scores are of: those that all runs have played, or, where they share
    none, its own."""
    plain: Interval | None
    """Score on these. None: not played."""
    evolved: Interval | None
    """Score of what is in force."""
    gain: Interval | None
    """Evolved over plain, paired by task."""
    difference: Interval | None
    """Of what is in force to that of the first run, paired by task. None: it is the first, or they
    share no task."""
    n_tokens: int
    """What learning took, as `Spending.n_tokens` counts it; the test is left out."""
    seconds: float


def compare(runs: Sequence[Run], *, anyway: bool = False) -> list[Compared]:
    """Return runs side by side, the first of them being what the others are compared with.

    Args:
        runs: open for reading.
        anyway: True: also where the benchmarks' fingerprints differ, or no test task is shared.

    Raises:
        RunError: they differ, or share none.
    """
    prints = {run.id: fingerprint_of(run) for run in runs}
    if len(set(prints.values())) > 1 and not anyway:
        told = "; ".join(f"{name}: {one or 'not noted'}" for name, one in prints.items())
        raise RunError(
            f"these runs played different tasks or environments ({told}): their scores do not "
            "compare; --anyway shows them all the same"
        )
    all_of = [played(run) for run in runs]
    some = [one.keys() for one in all_of if one]
    shared = sorted(set.intersection(*map(set, some))) if some else []
    if some and not shared and not anyway:
        told = "; ".join(f"{run.id}: {len(one)}" for run, one in zip(runs, all_of, strict=True))
        raise RunError(
            f"no test task was played by all of these runs ({told}): their scores do not compare; "
            "--anyway shows them all the same"
        )
    return [
        _compared(run, prints[run.id], own, all_of[0] if run is not runs[0] else {}, shared)
        for run, own in zip(runs, all_of, strict=True)
    ]


def _compared(
    run: Run, fingerprint: str, own: Played, first: Played, shared: Sequence[str]
) -> Compared:
    """Return one run among others.

    Args:
        run: which.
        fingerprint: of its benchmark.
        own: what it played with what is in force.
        first: what it is compared with; empty: with nothing.
        shared: tasks that all runs have played.
    """
    plain = by_task(run.ledger.summaries(run.id, purpose="report", arm=Arm(0, "").name))
    tasks = [one for one in shared or sorted(own) if one in own]
    arms = {
        label: [episodes[task] for task in tasks]
        for label, episodes in (("plain", plain), ("both", own))
        if tasks and all(task in episodes for task in tasks)
    }
    rows = {row.arm: row for row in table(arms)}
    both = rows.get("both")
    difference = None
    if shared and own and first:
        old, new = ([some[task].score for task in shared] for some in (first, own))
        difference = paired_difference(old, new)
    costs = [one for one in run.ledger.usage(run.id) if not one.phase.startswith("test")]
    return Compared(
        run=run.id,
        recipe=run.config.recipe,
        backbone=run.config.backbone,
        benchmark=run.config.benchmark,
        fingerprint=fingerprint,
        n_played=len(own),
        n_tasks=len(tasks),
        plain=rows["plain"].score if "plain" in rows else None,
        evolved=both.score if both else None,
        gain=both.gain if both else None,
        difference=difference,
        n_tokens=spending(run).n_tokens,
        seconds=sum(one.seconds for one in costs),
    )


def fingerprint_of(run: Run) -> str:
    """Return the fingerprint of a run's benchmark as it began; empty: it was not noted."""
    noted = run.ledger.events(run.id, kind="benchmark")
    return str(noted[0].payload["fingerprint"]) if noted else ""


def played(run: Run) -> Played:
    """Return what is in force on the test tasks, by task."""
    figures = arms_figures(run)
    if not any(row.arm == "both" for row in figures.rows):
        return {}
    name = Arm(figures.memory_version, figures.adapter).name
    return by_task(run.ledger.summaries(run.id, purpose="report", arm=name))
