"""`agentevo memory`: versions and their differences, files, and the index behind it all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from agentevo.cli import output
from agentevo.cli.memory import app, pick
from agentevo.cli.memory_edit import opened
from agentevo.cli.runs import RUN
from agentevo.cli.values import QUIET, check_choice
from agentevo.evaluation.words import count
from agentevo.folders import user

if TYPE_CHECKING:
    from agentevo.memory import Event, Lesson


def what_of(event: Event) -> str:
    """Return what an event did, in a word or two."""
    status = event.payload.get("status")
    is_plain = event.kind != "retire" or status in (None, "retired")
    return event.kind if is_plain else f"set to {status}"


OUT = typer.Option(
    None, "--out", "-o", help="A file; .md gives Markdown.", show_default="stdout, as JSONL"
)
FILE = typer.Argument(help="Our JSONL, an ACE playbook, or a mem0 history.")


@app.command("history")
def show_history(
    run: str = RUN,
    lesson: str | None = typer.Argument(
        None, metavar="LESSON_ID", help="Only of this lesson.", show_default="of all"
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """Print what happened to the memory, event by event: each makes a version."""
    from agentevo.memory import events, history, lessons, unfolded
    from agentevo.run import Run

    of = Run.open(run)
    try:
        engine = of.ledger.engine
        if lesson is None:
            told = events(engine, of.scope)
        else:
            told = history(engine, of.scope, pick(lesson, lessons(engine, of.scope)).id)
    finally:
        of.close()
    if as_json:
        output.print_json(told)
        return
    output.print_table(
        ["version#", "event", "lesson!", "at", "by", "why", "words"],
        [
            [e.version, what_of(e), e.lesson_id, f"{e.at:%Y-%m-%d %H:%M:%S}", e.who, e.why,
             then.text]
            for e, then in unfolded(told)
        ],
    )  # fmt: skip


@app.command("diff")
def diff(
    run: str = RUN,
    old: int = typer.Argument(min=0, metavar="OLD", help="A version; 0 is the empty memory."),
    new: int | None = typer.Argument(
        None, min=0, metavar="NEW", help="Another version.", show_default="the one in force"
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """Print what two versions of the memory differ in."""
    from agentevo.memory import difference
    from agentevo.run import Run

    of = Run.open(run)
    try:
        to = of.incumbent().memory_version if new is None else new
        found = difference(of.ledger.engine, of.scope, old, to)
    finally:
        of.close()
    if as_json:
        output.print_json(found)
        return
    print(f"from version {old} to version {to}")
    for sign, some in (("+", found.added), ("-", found.removed), ("?", found.waiting)):
        for one in some:
            state = "" if sign == "+" else f" ({one.status})"
            print(f"{sign} {one.id}{state} {one.text}")
    for before, after in found.changed:
        print(f"~ {after.id} {before.text}\n  {' ' * len(after.id)} {after.text}")
    if not (found.added or found.removed or found.changed or found.waiting):
        print("no difference")


@app.command("export")
def export(
    run: str = RUN,
    out: Path | None = OUT,
    version: int | None = typer.Option(
        None, min=0, help="As of this version.", show_default="the latest"
    ),
) -> None:
    """Write the lessons as JSONL, with all that is known of them, or as Markdown for people."""
    from agentevo.evaluation.lessons import Worth
    from agentevo.memory import exchange, lessons
    from agentevo.run import Run

    of = Run.open(run)
    try:
        found = lessons(of.ledger.engine, of.scope, version)
        worth = Worth.of(of)
    finally:
        of.close()
    if out is not None and out.suffix.lower() in (".md", ".markdown"):
        notes = {one.id: f"utility {worth.text(one)}" for one in found}
        text = exchange.to_markdown(found, notes)
    else:
        text = "".join(f"{line}\n" for line in exchange.to_jsonl(found))
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{out} cannot be written: {error.strerror}") from None
    print(count(len(found), "lesson"))
    print(out)


@app.command("import")
def import_(
    run: str = RUN,
    file: Path = FILE,
    format_: str | None = typer.Option(
        None, "--format", help="jsonl, ace or mem0.", show_default="by its looks"
    ),
    active: bool = typer.Option(
        False, "--active", help="Put them in force at once; else they wait for `memory review`."
    ),
) -> None:
    """Read lessons from a file; those that are there already only add their sources."""
    from dataclasses import replace
    from typing import Literal

    check_choice("--format", format_, Literal["jsonl", "ace", "mem0"])
    with opened(run) as memory:
        read = _read(file, format_, memory.scope)
        taken = [one for one in read if one.status in ("active", "pending", "internalised")]
        status = "active" if active else "pending"
        new = [replace(one, status=status, pinned=False) for one in taken]  # type: ignore[arg-type]
        written = memory.insert(new, who=user(), why=f"imported from {file.name}")
        counts = {
            "new": sum(one.outcome == "inserted" for one in written),
            "merged": sum(one.outcome == "merged" for one in written),
            "known": sum(one.outcome == "known" for one in written),
            "left out (retired or merged there)": len(read) - len(taken),
            "in quarantine": sum(one.lesson.status == "quarantined" for one in written),
        }
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    if not active and counts["new"]:
        print(f"they wait for: {output.program()} memory review {run}")


def _read(file: Path, format_: str | None, scope: str) -> tuple[Lesson, ...]:
    """Return the lessons of a file, whose format is told by its looks where none is named."""
    from agentevo.memory import MemoryUseError, exchange

    try:
        head = file.read_bytes()[:200]
    except OSError as error:
        raise MemoryUseError(f"{file} cannot be read: {error.strerror}") from None
    is_guess = format_ is None
    if is_guess:
        ours = exchange.FORMAT.encode() in head
        is_data = head.startswith(b"SQLite format 3") or re.match(rb"\s*(\[\s*)?\{", head)
        format_ = "jsonl" if ours else "mem0" if is_data else "ace"
    if format_ == "mem0":
        return exchange.from_mem0(file, scope)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MemoryUseError(f"{file} is no text: {error}") from None
    try:
        if format_ == "jsonl":
            return exchange.from_jsonl(text.split("\n"), scope)
        return exchange.from_ace(text, scope)
    except MemoryUseError as error:
        if is_guess and format_ == "ace":
            known = "our JSONL, nor an ACE playbook, nor what mem0 keeps"
            raise MemoryUseError(f"{file} is no file of lessons: neither {known}") from None
        raise type(error)(f"{file}: {error}") from None


@app.command("rebuild")
def rebuild(
    run: str = RUN,
    embedder: str | None = typer.Option(
        None, help="minilm, or a sentence-transformers model.", show_default="the one at hand"
    ),
    quiet: bool = QUIET,
) -> None:
    """Make the index anew from the log, with another embedder if one is named."""
    from rich.progress import Progress

    from agentevo.run import Run

    of = Run.open(run, write=True, to_play=False)
    try:
        screen = output.stderr()
        hidden = quiet or not screen.is_terminal
        with Progress(console=screen, disable=hidden, transient=True) as bar:
            task = bar.add_task("embedding", total=None)
            made = of.rebuild(
                embedder, lambda n_done, n_all: bar.update(task, completed=n_done, total=n_all)
            )
        n_lessons = count(len(made.mended.ids), "lesson")
        print(f"the index is made anew: {n_lessons}, by {of.embedder().name}")
    finally:
        of.close()


@app.command("check")
def check(run: str = RUN) -> None:
    """Compare the index with the log; what differs is mended and told."""
    from agentevo.run import Run

    of = Run.open(run, write=True, to_play=False)
    try:
        memory = of.memory()
        for line in memory.mended.lines():
            print(f"mended: {line}")
        problems = memory.check()
    finally:
        of.close()
    for line in problems:
        print(line)
    if problems:
        print(f"to make it anew: {output.program()} memory rebuild {run}")
        raise typer.Exit(1)
    print("index and log agree")
