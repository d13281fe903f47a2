"""`agentevo memory`: what a person does to lessons; each change is in force at once.

Every change is an event of the log, with who made it and why; nothing is ever deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from agentevo.cli import output
from agentevo.cli.memory import app, pick
from agentevo.cli.runs import RUN
from agentevo.cli.values import check_choice
from agentevo.evaluation.words import count
from agentevo.folders import user

if TYPE_CHECKING:
    from agentevo.memory import Lesson, Memory

LESSON = typer.Argument(metavar="LESSON_ID", help="Its id, or the beginning of it.")
WHY = typer.Option("by hand", help="For the history.")


@contextmanager
def opened(run: str) -> Iterator[Memory]:
    """Open a run's memory to change it by hand."""
    from agentevo.run import Run

    of = Run.open(run, write=True, to_play=False)
    try:
        with of.editing() as memory:
            yield memory
    finally:
        of.close()


def tell(memory: Memory, lesson_id: str, done: str, run: str, before: Lesson | None = None) -> None:
    """Print what became of a lesson, which was as it stood `before`."""
    from agentevo.memory import history

    found = memory.get(lesson_id)
    done = "nothing changed" if found == before else done
    print(f"{done}: {found.id} ({found.status}), memory version {memory.version}\n{found.text}")
    last = history(memory.engine, memory.scope, found.id)[-1]
    if found.status == "quarantined" and "in quarantine:" in last.why:
        print(last.why)
        print(f"to let it be recalled: {output.program()} memory release {run} {found.id}")


@app.command("add")
def add(
    run: str = RUN,
    when: str = typer.Option(help="The situation in which it applies."),
    do: str = typer.Option(help="What to do or know then."),
    kind: str = typer.Option("rule", help="rule, strategy or warning."),
    pin: bool = typer.Option(False, "--pin", help="No update may retire it."),
    why: str = WHY,
) -> None:
    """Add a lesson by hand."""
    from agentevo.memory import Kind, Lesson, Provenance

    check_choice("--kind", kind, Kind)
    with opened(run) as memory:
        lesson = Lesson(when, do, memory.scope, (Provenance(user()),), kind=kind)  # type: ignore[arg-type]
        (written,) = memory.insert([lesson], who=user(), why=why)
        found = written.lesson
        if pin and not found.pinned:
            memory.pin(found.id, who=user(), why=why)
        is_new = written.outcome == "inserted"
        done = "added" if is_new else "it is there already"
        tell(memory, found.id, done, run)
        if found.status == "retired":
            print(f"to make it active: {output.program()} memory restore {run} {found.id}")


@app.command("edit")
def edit(
    run: str = RUN,
    lesson: str = LESSON,
    when: str | None = typer.Option(None, help="The situation, in new words."),
    do: str | None = typer.Option(None, help="What to do then, in new words."),
    why: str = WHY,
) -> None:
    """Change a lesson's words; its id and its history stay."""
    if when is None and do is None:
        raise typer.BadParameter("give --when, or --do, or both")
    with opened(run) as memory:
        found = pick(lesson, memory.lessons)
        memory.revise(found.id, situation=when, advice=do, who=user(), why=why)
        tell(memory, found.id, "edited", run, found)


def _change(run: str, lesson: str, action: str, why: str, done: str) -> None:
    """Do to a lesson what the memory's method of that name does, and tell of it."""
    with opened(run) as memory:
        found = pick(lesson, memory.lessons)
        getattr(memory, action)(found.id, who=user(), why=why)
        tell(memory, found.id, done, run, found)


@app.command("retire")
def retire(run: str = RUN, lesson: str = LESSON, why: str = WHY) -> None:
    """Take a lesson out: it is no longer recalled, and does not come back in other words."""
    _change(run, lesson, "retire", why, "retired")


@app.command("restore")
def restore(run: str = RUN, lesson: str = LESSON, why: str = WHY) -> None:
    """Make a lesson active again."""
    _change(run, lesson, "restore", why, "restored")


@app.command("quarantine")
def quarantine(run: str = RUN, lesson: str = LESSON, why: str = WHY) -> None:
    """Take a lesson out until somebody has looked at it."""
    _change(run, lesson, "quarantine", why, "in quarantine")


@app.command("release")
def release(run: str = RUN, lesson: str = LESSON, why: str = WHY) -> None:
    """Make a lesson active that is pending or in quarantine."""
    _change(run, lesson, "release", why, "released")


@app.command("pin")
def pin(
    run: str = RUN,
    lesson: str = LESSON,
    off: bool = typer.Option(False, "--off", help="No longer."),
    why: str = WHY,
) -> None:
    """Protect a lesson from every update; a person can still retire it once it is unpinned."""
    with opened(run) as memory:
        found = pick(lesson, memory.lessons)
        memory.pin(found.id, not off, who=user(), why=why)
        tell(memory, found.id, "unpinned" if off else "pinned", run, found)


@app.command("merge")
def merge(
    run: str = RUN,
    lesson: str = LESSON,
    into: str = typer.Argument(metavar="INTO", help="The lesson that speaks for both."),
    why: str = WHY,
) -> None:
    """Let one lesson speak for another, with the sources of both."""
    with opened(run) as memory:
        gone, kept = pick(lesson, memory.lessons), pick(into, memory.lessons)
        memory.merge(gone.id, kept.id, who=user(), why=why)
        tell(memory, kept.id, f"{gone.id} is merged into it", run)


@app.command("review")
def review(run: str = RUN) -> None:
    """Go through the lessons that are pending or in quarantine, one by one."""
    from agentevo.memory import history, scan

    with opened(run) as memory:
        waiting = [one for one in memory.lessons if one.status in ("pending", "quarantined")]
        if not waiting:
            print("no lesson is pending or in quarantine")
        for number, one in enumerate(waiting, 1):
            print(f"\n{number} of {len(waiting)}: {one.id} ({one.status})\n{one.text}")
            for found in scan(one.text):
                print(f"  suspicious, {found}")
            for source in one.provenance:
                from_ = f", out of {', '.join(source.trajectories[:3])}" * bool(source.trajectories)
                print(f"  written by {source.distiller}{from_}")
                print("".join(f"  not vouched for: {taint}\n" for taint in source.taint), end="")
            last = history(memory.engine, memory.scope, one.id)[-1]
            print(f"  {last.who}: {last.why}")
            if (said := _reviewed(memory, one)) == "quit":
                print(f"{count(len(waiting) - number + 1, 'lesson')} still to be reviewed")
                return
            now = memory.get(one.id)
            print(f"{said}: {now.id} is {now.status}, memory version {memory.version}")


def _reviewed(memory: Memory, lesson: Lesson) -> str:
    """Ask what is to become of a lesson, and do it; return in a word what was done."""
    answers = {"a": "accepted", "r": "retired", "e": "edited", "s": "skipped", "q": "quit"}
    said = ""
    while said not in answers:
        said = typer.prompt("[a]ccept, [r]etire, [e]dit and accept, [s]kip, [q]uit", default="s")
        said = said.strip().lower()[:1]
    if said == "e":
        when = typer.prompt("when", default=lesson.situation)
        do = typer.prompt("do", default=lesson.advice)
        memory.revise(lesson.id, situation=when, advice=do, who=user(), why="reviewed")
    if said in ("a", "e"):
        memory.release(lesson.id, who=user(), why="reviewed")
    if said == "r":
        memory.retire(lesson.id, who=user(), why="reviewed")
    return answers[said]
