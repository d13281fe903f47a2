"""`agentevo memory`: what an agent has learned, read from the ledger alone.

Works while the run goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from agentevo.cli import output
from agentevo.cli.runs import RUN
from agentevo.cli.values import check_choice

if TYPE_CHECKING:
    from agentevo.evaluation.lessons import Worth
    from agentevo.memory import Lesson

app = typer.Typer(help="Lessons of a run: look into them, and change them.", no_args_is_help=True)


@app.command("list")
def list_(
    run: str = RUN,
    status: str | None = typer.Option(
        None,
        help="Only active, pending, quarantined, retired, internalised or merged.",
        show_default="all",
    ),
    version: int | None = typer.Option(
        None, min=0, help="As of this version.", show_default="the latest"
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """List the lessons of a run with what they have proven to be worth."""
    from agentevo.evaluation.lessons import Worth
    from agentevo.memory import Status, lessons
    from agentevo.run import Run

    check_choice("--status", status, Status)
    opened = Run.open(run)
    try:
        found = [
            one
            for one in lessons(opened.ledger.engine, opened.scope, version)
            if status in (None, one.status)
        ]
        worth = Worth.of(opened)
    finally:
        opened.close()
    if as_json:
        output.print_json([worth.facts(one) for one in found])
    elif not found:
        print("no lessons" + (f" that are {status}" if status else ""))
    else:
        _print_lessons(found, worth)


@app.command("search")
def search(
    run: str = RUN,
    query: str = typer.Argument(help="A situation, in words."),
    n: int = typer.Option(10, "-n", min=1, help="How many at most."),
    as_json: bool = output.AS_JSON,
) -> None:
    """Find the active lessons whose situation is nearest to a query."""
    from agentevo.evaluation.lessons import Worth
    from agentevo.memory import take_snapshot
    from agentevo.run import Run

    if not query.strip():
        raise typer.BadParameter("the query is empty")
    opened = Run.open(run)
    try:
        snapshot = take_snapshot(opened.ledger.engine, opened.scope, opened.embedder())
        worth = Worth.of(opened)
        least = opened.config.memory.abstain_below
        near: list[float] = []
        if snapshot.lessons:
            near = (snapshot.vectors @ opened.embedder().embed([query])[0]).tolist()
    finally:
        opened.close()
    ranked = sorted(zip(near, snapshot.lessons, strict=False), key=lambda pair: -pair[0])[:n]
    if as_json:
        output.print_json([{"similarity": near} | worth.facts(one) for near, one in ranked])
    elif not ranked:
        print("no active lessons to search")
    else:
        _print_lessons([one for _, one in ranked], worth, [near for near, _ in ranked])
        print(f"an agent recalls nothing where the nearest is below {least} (memory.abstain_below)")


@app.command("show")
def show(
    run: str = RUN,
    lesson: str = typer.Argument(metavar="LESSON_ID", help="Its id, or the beginning of it."),
    as_json: bool = output.AS_JSON,
) -> None:
    """Show one lesson: its words, its worth, where it came from, and its history."""
    from agentevo.evaluation.lessons import Worth
    from agentevo.memory import history, lessons
    from agentevo.run import Run

    opened = Run.open(run)
    try:
        found = pick(lesson, lessons(opened.ledger.engine, opened.scope))
        worth = Worth.of(opened)
        events = history(opened.ledger.engine, opened.scope, found.id)
    finally:
        opened.close()
    facts = worth.facts(found)
    if as_json:
        output.print_json(facts | {"events": events})
        return
    print(f"{found.id} ({found.kind}, {found.status}{', pinned' if found.pinned else ''})")
    print(found.text)
    counts = worth.counts(found)
    print(
        f"utility: {worth.text(found)}{f', of episodes with / without: {counts}' if counts else ''}"
    )
    print(f"shown in {facts['n_shown']} episodes, withheld from {facts['n_withheld']}")
    for source in found.provenance:
        print(f"from generation {source.generation}, written by {source.distiller}, out of:")
        for trajectory in source.trajectories:
            print(f"  {trajectory}")
    output.print_table(
        ["version#", "event", "at", "by", "why"],
        [[e.version, e.kind, f"{e.at:%Y-%m-%d %H:%M:%S}", e.who, e.why] for e in events],
    )


def pick(prefix: str, found: tuple[Lesson, ...]) -> Lesson:
    """Return the lesson whose id begins so.

    Raises:
        LessonNotFoundError: none does, or several do.
    """
    from agentevo.memory import LessonNotFoundError

    exact = [one for one in found if one.id == prefix]
    matches = exact or [one for one in found if prefix and one.id.startswith(prefix)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        ids = ", ".join(one.id for one in matches[:5])
        raise LessonNotFoundError(f"{len(matches)} lessons begin with {prefix!r}: {ids}")
    raise LessonNotFoundError(f"there is no lesson {prefix!r}; there are {len(found)} lessons")


def _print_lessons(lessons: list[Lesson], worth: Worth, near: list[float] | None = None) -> None:
    head = ["near#"] if near else []
    output.print_table(
        [*head, "id!", "status", "utility", "with / without#", "lesson"],
        [
            [*([f"{near[i]:.2f}"] if near else []), one.id, one.status, worth.text(one),
             worth.counts(one), one.text]
            for i, one in enumerate(lessons)
        ],
    )  # fmt: skip
