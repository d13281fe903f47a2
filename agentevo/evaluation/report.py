"""The report of a run: `report.html`, one page that opens offline, and `report.json`.

Both show the same figures, read from the ledger; nothing is played, so a run that is still
under way, or was cut short, can be reported as it stands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from agentevo.evaluation import figures, page, plots, readings, summary
from agentevo.evaluation.ablation import ARMS
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.failures import Group, groups
from agentevo.evaluation.leakage import N_WORDS, Leakage, leakage
from agentevo.evaluation.plots import Mark, Series
from agentevo.experience import Ending
from agentevo.recipes import flat

if TYPE_CHECKING:
    from markupsafe import Markup

    from agentevo.ledger import VerdictRecord
    from agentevo.run import Run

__all__ = ["arms_table", "write_report"]

arms_table = figures.arms_table

FORMAT = 1
"""Of report.json; counts up when a field changes its meaning or goes."""

TALES = "same generator and settings, not the same game files"


@dataclass(frozen=True)
class Report:
    """All that a report shows; its JSON form is `report.json`."""

    format: int
    run: str
    created: str
    """When the run was started; UTC, ISO 8601."""
    written: str
    """When this report was."""
    status: str
    """As last told; a run that was killed still says `running`."""
    summary: str
    missing: tuple[str, ...]
    """What is not there yet, a sentence each."""
    tales: str
    """How the best score reached stands to the TALES suite."""
    arms: figures.ArmsFigures
    same: str
    """Which arms are the same, and why. Empty: all differ."""
    curve: tuple[figures.GenerationFigures, ...]
    lessons: readings.LessonsFigures
    verdicts: tuple[VerdictRecord, ...]
    costs: tuple[figures.PhaseCost, ...]
    failures: tuple[Group, ...]
    """Of the pair in force on the test split."""
    leakage: Leakage
    course: tuple[Mapping[str, object], ...]
    """Of each generation: how varied it was, what came next and why."""
    endings: Mapping[str, Mapping[str, int]]
    readings: tuple[readings.Reading, ...]
    settings: Mapping[str, object]
    """By dotted name."""
    fingerprint: str
    versions: Mapping[str, str]
    conditions: Mapping[str, str]
    """Of the machine that wrote this report; the ledger knows of no other."""


def write_report(run: Run) -> Path:
    """Write `report.html` and `report.json` into the run's folder; return the former's path.

    Each is written beside and then renamed, so that no half of it is ever seen.

    Args:
        run: open for reading or writing, finished or not.

    Raises:
        LedgerError: the ledger cannot be read.
        OSError: the folder cannot be written.
    """
    report = gather(run)
    page.put(run.folder / "report.json", json.dumps(page.clean(asdict(report)), indent=1) + "\n")
    path = run.folder / "report.html"
    page.put(path, render(report))
    return path


def gather(run: Run) -> Report:
    """Return what the ledger says of a run as it stands."""
    kept = run.ledger.run(run.id)
    arms, curve = figures.arms_figures(run), figures.learning_curve(run)
    known = readings.lessons_figures(run)
    leaked = leakage(run, Arm(arms.memory_version, arms.adapter))
    tales = "The best score reached on the way is the measure of the TALES suite"
    if run.config.benchmark == "textworld-cooking":
        tales += f": {TALES}"
    return Report(
        format=FORMAT,
        run=run.id,
        created=kept.created,
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        status=run.ledger.status(run.id) or "not told",
        summary=f"{summary.summarise(run, arms, curve)} {summary.leaked_words(leaked)}".strip(),
        missing=summary.missing(run, arms, curve, known),
        tales=f"{tales}.",
        arms=arms,
        same=summary.same_words(arms),
        curve=curve,
        lessons=known,
        verdicts=run.ledger.verdicts(run.id),
        costs=figures.costs(run),
        failures=_failures(run, arms),
        leakage=leaked,
        course=tuple(
            {"generation": one.generation, **one.payload}
            for one in run.ledger.updates(run.id, kind="course")
        ),
        endings=figures.endings(run.ledger.summaries(run.id)),
        readings=readings.readings(run, arms),
        settings=flat(run.config.model_dump(mode="json")),
        fingerprint=kept.fingerprint,
        versions=page.versions(),
        conditions=page.conditions(),
    )


def _failures(run: Run, arms: figures.ArmsFigures) -> tuple[Group, ...]:
    """Return the failures of what is shown, in groups; none where it was not played."""
    most = run.config.evaluation.n_failure_groups
    arm = Arm(arms.memory_version, arms.adapter).name
    return (
        groups(list(run.ledger.episodes(run.id, purpose="report", arm=arm)), most) if most else ()
    )


def render(report: Report) -> str:
    """Return the page of a report; whatever came from episodes and lessons is escaped."""
    found = page.template("report.html")
    seen = {ending for counts in report.endings.values() for ending in counts}
    return found.render(
        report=page.clean(asdict(report)),
        plots=_plots(report),
        n_words=N_WORDS,
        endings=[ending for ending in get_args(Ending) if ending in seen],
    )


def _plots(report: Report) -> dict[str, Markup]:
    """Return the plots there is something to draw in, by name."""
    found: dict[str, Markup] = {}
    rows = report.arms.rows
    if rows:
        for name, title in (("score", "Mean score by arm"), ("success", "Success by arm")):
            values = [(row.arm, ARMS.index(row.arm), getattr(row, name)) for row in rows]
            found[f"arms_{name}"] = plots.bars(f"{title}, test split", values)
        different = [row.arm for row in rows if row.arm not in report.arms.same_as]
        by_level = [
            Series(
                arm,
                ARMS.index(arm),
                tuple(Mark(f"level {one.level}", one.score) for one in report.arms.levels[arm]),
            )
            for arm in different
        ]
        found["levels"] = plots.dots("Mean score by level and arm, test split", by_level)
    return found | curve_plots(report.curve)


def curve_plots(curve: Sequence[figures.GenerationFigures]) -> dict[str, Markup]:
    """Return the plots of a learning curve that there is something to draw in, by name."""
    found: dict[str, Markup] = {}
    for name, title, parts in (
        ("acquisition", "Acquisition by generation", (("success", 1), ("score", 2))),
        (
            "validation",
            "Validation of the pair in force by generation",
            (("validation_success", 1), ("validation_score", 2)),
        ),
    ):
        series = [
            Series(
                {1: "success", 2: "mean score"}[style],
                style,
                tuple(
                    Mark(str(one.generation), value)
                    for one in curve
                    if (value := getattr(one, field)) is not None
                ),
            )
            for field, style in parts
        ]
        if any(one.marks for one in series):
            found[name] = plots.lines(title, series, "generation")
    return found
