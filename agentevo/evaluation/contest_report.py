"""The report of a comparison of recipes: a page that opens offline, figures, and all episodes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agentevo.evaluation import page, plots
from agentevo.evaluation.plots import Mark
from agentevo.ledger import Ledger

if TYPE_CHECKING:
    from agentevo.contest_result import Result

FORMAT = 1
"""Of comparison.json; counts up when a field changes its meaning or goes."""


def write_report(folder: Path, result: Result) -> Path:
    """Write `report.html` and `comparison.json` into a folder; return the former's path."""
    told = page.clean(
        asdict(result)
        | {
            "format": FORMAT,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": page.versions(),
            "conditions": page.conditions(),
        }
    )
    page.put(folder / "comparison.json", json.dumps(told, indent=1) + "\n")
    found, table = {}, result.table
    if table is not None:
        marks = [
            (one.n_tokens / 1e6, min(one.group - 1, 3), Mark(one.recipe, one.score))
            for one in table.places
        ]
        found["scores"] = plots.against("Score against learning", marks, "millions of tokens")
        found["bars"] = plots.bars(
            "Mean score", [(one.recipe, min(one.group - 1, 3), one.score) for one in table.places]
        )
    path = folder / "report.html"
    page.put(path, page.template("contest.html").render(told=told, plots=found))
    return path


def write_trajectories(folder: Path, runs: Sequence[Path]) -> Path:
    """Write every episode of the runs, a line each, with its run; return the file's path."""
    path = folder / "trajectories.jsonl.gz"
    new = path.with_name(f".{path.name}")
    with gzip.open(new, "wt", encoding="utf-8") as file:
        for run in runs:
            with Ledger.open(run) as ledger:
                for one in ledger.episodes(run.name):
                    file.write(json.dumps({"run": run.name} | one.to_json()) + "\n")
    new.replace(path)
    return path
