"""How results are printed: JSON for machines, tables for people, on stdout."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from agentevo.evaluation.words import count

if TYPE_CHECKING:
    from rich.console import Console

    from agentevo.evaluation.ablation import Row
    from agentevo.evaluation.gate import Evidence


class Span(Protocol):
    """Whatever has an estimate between two bounds."""

    @property
    def low(self) -> float: ...  # noqa: D102

    @property
    def high(self) -> float: ...  # noqa: D102


WIDE = 10_000
"""Columns where nobody looks at a terminal: no line is broken, so that `grep` finds it."""

AS_JSON = typer.Option(False, "--json", help="Print JSON on stdout.")


def program() -> str:
    """Return how this program is called from here: by name, or by path where that is not found."""
    called = Path(sys.argv[0])
    if called.stem != "agentevo":
        return "python -m agentevo"
    found = shutil.which("agentevo")
    if found and Path(found).resolve() == called.resolve():
        return "agentevo"
    here = Path.cwd()
    return str(called.relative_to(here) if called.is_relative_to(here) else called)


def print_json(value: object) -> None:
    """Print a value as one JSON document on stdout."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; what is no number becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)


def stdout() -> Console:
    """Return a console on stdout, which cuts nothing short where stdout is no terminal."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return a console on stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, width=WIDE)
    return console


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table on stdout, whose cells are broken rather than cut where it is too wide.

    A column whose name ends in `#` is set to the right; one whose name ends in `!` is not broken.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title) if title else None, box=box.SIMPLE, title_justify="left", pad_edge=False
    )
    for name in columns:
        table.add_column(
            name.rstrip("#!"), justify="right" if name.endswith("#") else "left",
            no_wrap=name.endswith("!"), overflow="fold",
        )  # fmt: skip
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    stdout().print(table)


def percent(value: float) -> str:
    """Return a fraction as per cent."""
    return f"{100 * value:.0f} %"


def percent_span(estimate: float, span: Span) -> str:
    """Return a fraction as per cent with its interval."""
    return f"{100 * estimate:.0f} % ({100 * span.low:.0f} to {100 * span.high:.0f})"


def gain_span(estimate: float, span: Span) -> str:
    """Return a difference of fractions, in points of a hundred, with its interval."""
    return f"{100 * estimate:+.0f} ({100 * span.low:+.0f} to {100 * span.high:+.0f})"


def print_arms(rows: Sequence[Row], title: str) -> None:
    """Print the table of arms; it fits 80 columns."""
    print_table(
        ["arm", "score#", "success#", "gain on plain#", "best#", "steps#", "tokens#"],
        [
            [
                row.arm, _short(row.score.estimate, row.score),
                _short(row.success.estimate, row.success),
                gain_span(row.gain.estimate, row.gain) if row.gain else "",
                f"{100 * row.best_score:.0f}", f"{row.steps:.1f}", f"{row.tokens:,.0f}",
            ]
            for row in rows
        ],
        f"{title}: {count(rows[0].n, 'task')}; in % with 95 % intervals; best: best score "
        "reached, as in TALES; steps and tokens per episode",
    )  # fmt: skip


def _short(estimate: float, span: Span) -> str:
    return f"{100 * estimate:.0f} ({100 * span.low:.0f}-{100 * span.high:.0f})"


def same_arms(memory_version: int, adapter: str) -> str:
    """Return in words which of a pair's four arms are one and the same; empty: none."""
    if not memory_version and not adapter:
        return "no lessons and no adapter: all four arms are the plain backbone, played once"
    if not adapter:
        return "no adapter: 'weights' is plain, and 'both' is memory alone"
    if not memory_version:
        return "no lessons: 'memory' is plain, and 'both' is the weights alone"
    return ""


def print_evidence(evidence: Evidence) -> None:
    """Print what a verdict rests on."""
    rows = [
        ("tasks", f"{evidence.n_tasks}"),
        ("incumbent", percent(evidence.incumbent_mean)),
        ("candidate", percent(evidence.candidate_mean)),
        ("difference", gain_span(evidence.difference.estimate, evidence.difference)),
        ("p, better", f"{evidence.p_value:.3g} (alpha {evidence.alpha:.3g})"),
        ("p, worse", f"{evidence.p_value_worse:.3g}"),
        ("scored higher", f"candidate {evidence.n_better}, incumbent {evidence.n_worse}"),
        (
            "won alone",
            f"candidate {evidence.n_only_candidate}, incumbent {evidence.n_only_incumbent}",
        ),
    ]
    if evidence.n_more_pairs is not None:
        rows.append(("would tell", f"about {count(evidence.n_more_pairs, 'more pair')}"))
    print_table(["evidence", ""], rows)
