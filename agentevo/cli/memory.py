"""`agentevo memory`: what an agent has learned, read from the ledger alone.

Works while the run goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from agentevo.cli import output
from agentevo.cli.runs import RUN
from agentevo.cli.values import check_choice
from agentevo.evaluation.words import count

if TYPE_CHECKING:
    from agentevo.evaluation.lessons import Worth
    from agentevo.memory import Lesson, Provenance

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
    from agentevo.evaluation.lessons import (
        Worth,
        is_active,
        merged_into,
        uses_by_lesson,
        verdicts_on,
    )
    from agentevo.memory import history, lessons, scan
    from agentevo.run import Run

    opened = Run.open(run)
    try:
        known = lessons(opened.ledger.engine, opened.scope)
        found = pick(lesson, known)
        worth = Worth.of(opened)
        events = history(opened.ledger.engine, opened.scope, found.id)
        verdicts = verdicts_on(opened, events)
        uses = uses_by_lesson(opened.ledger.recalls(opened.id)).get(found.id, [])
        in_force = is_active(events, opened.incumbent().memory_version)
    finally:
        opened.close()
    facts = worth.facts(found)
    replaced = merged_into({one.id: one for one in known}, events)
    suspicious = [str(one) for one in scan(found.text)]
    if as_json:
        told = {
            "in_force": in_force, "events": events, "suspicious": suspicious,
            "verdicts": [asdict(one) | {"memory_version": version} for one, version in verdicts],
            "uses": [
                {"role": one.role, "trajectory": one.episode.trajectory_id,
                 "score": one.episode.score, "success": one.episode.success}
                for one in uses
            ],
            "replaced": [{how: one.id if one else None} for how, one in replaced],
        }  # fmt: skip
        output.print_json(facts | told)
        return
    where = f"{'in force' if in_force else 'not in force'}, scope {found.scope}"
    pinned = ", pinned" if found.pinned else ""
    print(f"{found.id} ({found.kind}, {found.status}{pinned}; {where})")
    print(found.text)
    counts = worth.counts(found)
    print(
        f"utility: {worth.text(found)}{f', of episodes with / without: {counts}' if counts else ''}"
    )
    print(f"shown in {count(facts['n_shown'], 'episode')}, withheld from {facts['n_withheld']}")
    for one in suspicious:
        print(f"suspicious: {one}")
    for source in found.provenance:
        _print_source(source)
    for how, other in replaced:
        print(f"{'replaced' if how == 'absorbed' else 'replaced by'} {other.id if other else '?'}")
    for verdict, version in verdicts:
        reason = verdict.evidence.get("reason", "")
        print(f"generation {verdict.generation}, version {version}: {verdict.verdict}, {reason}")
    if uses:
        times = Counter((one.role, one.episode.success) for one in uses)
        parts = [
            f"{role} in {times[role, True]} that succeeded and {times[role, False]} that did not"
            for role in dict.fromkeys(one.role for one in uses)
        ]
        print(f"of all episodes: {'; '.join(parts)} (--json lists them)")
    output.print_table(
        ["version#", "event", "at", "by", "why"],
        [[e.version, e.kind, f"{e.at:%Y-%m-%d %H:%M:%S}", e.who, e.why] for e in events],
    )


def _print_source(source: Provenance) -> None:
    """Print who wrote a lesson, and from which episodes and steps."""
    when = "" if source.generation is None else f" in generation {source.generation}"
    prompt = f", prompt {source.prompt_hash}" if source.prompt_hash else ""
    print(
        f"written by {source.distiller}{when}{prompt}{', out of:' if source.trajectories else ''}"
    )
    for trajectory in source.trajectories:
        steps = [s.rpartition("#")[2] for s in source.steps if s.rpartition("#")[0] == trajectory]
        print(f"  {trajectory}" + (f", step {', '.join(steps)}" if steps else ""))
    for taint in source.taint:
        print(f"  nobody vouches for {taint}")


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
    raise LessonNotFoundError(
        f"there is no lesson {prefix!r}; the run has {count(len(found), 'lesson')}"
    )


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
