"""Several runs side by side: what each came to on the test split, and what they differ by.

Runs whose tasks or environments are not the same are not comparable, and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentevo.evaluation.attempts import by_task
from agentevo.evaluation.figures import arms_figures
from agentevo.evaluation.spending import spending
from agentevo.evaluation.statistics import Interval, paired_difference
from agentevo.folders import RunError

if TYPE_CHECKING:
    from agentevo.ledger import EpisodeSummary
    from agentevo.run import Run


@dataclass(frozen=True)
class Compared:
    """One run among others."""

    run: str
    recipe: str
    backbone: str
    benchmark: str
    fingerprint: str
    """Of the benchmark, as the run began. Empty: it was not noted."""
    n_tasks: int
    plain: Interval | None
    """Score on the test split. None: not played."""
    evolved: Interval | None
    """Score of what is in force."""
    gain: Interval | None
    """Evolved over plain, paired by task."""
    difference: Interval | None
    """Of what is in force to that of the first run, on the tasks that both have played. None: it
    is the first, or they share none."""
    n_shared: int
    n_tokens: int
    """What learning took, as `Spending.n_tokens` counts it; the test is left out."""
    seconds: float


def compare(runs: Sequence[Run], *, anyway: bool = False) -> list[Compared]:
    """Return runs side by side, the first of them being what the others are compared with.

    Args:
        runs: open for reading.
        anyway: True: also where the benchmarks' fingerprints differ.

    Raises:
        RunError: they differ.
    """
    prints = {run.id: fingerprint_of(run) for run in runs}
    if len(set(prints.values())) > 1 and not anyway:
        told = "; ".join(f"{name}: {one or 'not noted'}" for name, one in prints.items())
        raise RunError(
            f"these runs played different tasks or environments ({told}): their scores do not "
            "compare; --anyway shows them all the same"
        )
    first = played(runs[0])
    found = []
    for run in runs:
        rows = {row.arm: row for row in arms_figures(run).rows}
        own = played(run)
        shared = sorted(first.keys() & own.keys())
        difference = None
        if run is not runs[0] and shared:
            old, new = ([one[task].score for task in shared] for one in (first, own))
            difference = paired_difference(old, new)
        both = rows.get("both")
        costs = [one for one in run.ledger.usage(run.id) if not one.phase.startswith("test")]
        found.append(
            Compared(
                run=run.id,
                recipe=run.config.recipe,
                backbone=run.config.backbone,
                benchmark=run.config.benchmark,
                fingerprint=prints[run.id],
                n_tasks=both.n if both else 0,
                plain=rows["plain"].score if "plain" in rows else None,
                evolved=both.score if both else None,
                gain=both.gain if both else None,
                difference=difference,
                n_shared=len(shared),
                n_tokens=spending(run).n_tokens,
                seconds=sum(one.seconds for one in costs),
            )
        )
    return found


def fingerprint_of(run: Run) -> str:
    """Return the fingerprint of a run's benchmark as it began; empty: it was not noted."""
    noted = run.ledger.events(run.id, kind="benchmark")
    return str(noted[0].payload["fingerprint"]) if noted else ""


def played(run: Run) -> dict[str, EpisodeSummary]:
    """Return what is in force on the test tasks, by task."""
    figures = arms_figures(run)
    if not any(row.arm == "both" for row in figures.rows):
        return {}
    version, adapter = figures.memory_version, figures.adapter
    name = f"m{version}+{adapter or 'plain'}"
    return by_task(run.ledger.summaries(run.id, purpose="report", arm=name))
