"""Lessons in files: our JSONL, Markdown for people, and what other memories export.

A JSONL file has one lesson a line, as `lesson.to_row` writes it, after a first line that names
the format. Reading makes `Lesson`s and writes nothing: hand them to `Memory.insert`.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentevo.memory.errors import LessonError, MemoryUseError
from agentevo.memory.lesson import Lesson, Provenance, from_row, to_row

FORMAT = "agentevo lessons"
FORMAT_VERSION = 1


def to_jsonl(lessons: Iterable[Lesson]) -> Iterator[str]:
    """Yield the lines of a JSONL file."""
    yield json.dumps({"format": FORMAT, "version": FORMAT_VERSION})
    for lesson in lessons:
        yield json.dumps(to_row(lesson), ensure_ascii=False)


def from_jsonl(lines: Iterable[str], scope: str | None = None) -> tuple[Lesson, ...]:
    """Read lessons of a JSONL file.

    Args:
        lines: Of the file.
        scope: Whose lessons they become, with ids of their own; None keeps theirs.

    Raises:
        MemoryUseError: It is another file, or of a newer format; the message names the line.
    """
    rows = list(_rows(lines))
    head = rows[0][1] if rows else {}
    if head.get("format") != FORMAT:
        raise MemoryUseError(f"this is no file of lessons: its first line names no {FORMAT!r}")
    if head.get("version") != FORMAT_VERSION:
        raise MemoryUseError(
            f"these lessons are in version {head.get('version')!r} of the format, and this "
            f"agentevo reads {FORMAT_VERSION}: upgrade agentevo"
        )
    found = []
    for number, row in rows[1:]:
        try:
            lesson = from_row(row)
            found.append(lesson if scope is None else replace(lesson, scope=scope, id=""))
        except LessonError as error:
            raise LessonError(f"line {number}: {error}") from None
    return tuple(found)


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of every line that is not empty."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise MemoryUseError(f"line {number} is no JSON: {error}") from None
        if not isinstance(row, dict):
            raise MemoryUseError(f"line {number} holds no object")
        yield number, row


def to_markdown(lessons: Sequence[Lesson], notes: Mapping[str, str] | None = None) -> str:
    """Return lessons as a page for people, by status.

    Args:
        lessons: In the order in which they are to stand.
        notes: What to say of each, by id, such as its utility.
    """
    parts = ["# Lessons"]
    for status in dict.fromkeys(one.status for one in lessons):
        own = [one for one in lessons if one.status == status]
        parts.append(f"## {status} ({len(own)})")
        lines = []
        for one in own:
            facts = [one.id, one.kind, *(["pinned"] if one.pinned else [])]
            facts += [note] if (note := (notes or {}).get(one.id, "")) else []
            said = f"**When {_escaped(one.situation)}**: {_escaped(one.advice)}"
            lines.append(f"- {said}  \n  {', '.join(facts)}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#|!~])", r"\\\1", text)


_BULLET = re.compile(r"^\s*\[(?P<id>[\w-]+)\]\s*(?P<counts>(?:\w+=\d+\s*)*)::\s*(?P<text>.+)$")


def from_ace(text: str, scope: str) -> tuple[Lesson, ...]:
    """Read the playbook of ACE (Zhang et al. 2025, arXiv 2510.04618).

    Its bullets, `[id] helpful=5 harmful=0 :: text`, stand under headings. A bullet says no
    situation of its own; it gets its heading's. Its counts are votes of a model, and are left.

    Raises:
        MemoryUseError: It has no bullet.
    """
    found, heading = [], ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            heading = line.strip("# \t")
        elif match := _BULLET.match(line):
            about = _spoken(heading) or "anything of this kind"
            source = (Provenance(f"import:ace:{match['id']}"),)
            found.append(
                Lesson(f"the task has to do with {about}", match["text"], scope, source, "strategy")
            )
    if not found:
        raise MemoryUseError("this is no ACE playbook: it has no line `[id] helpful=0 … :: text`")
    return tuple(found)


def _spoken(heading: str) -> str:
    """Return a heading as plain words."""
    return " ".join(re.sub(r"[^\w]+|_", " ", heading).lower().split())


def from_mem0(path: Path, scope: str) -> tuple[Lesson, ...]:
    """Read what mem0 kept: its history database (SQLite), or JSON of `get_all` or `history`.

    Of a memory that changed, the last words count; one that was deleted is left out. mem0 keeps
    facts without a situation: the fact is its own.

    Raises:
        MemoryUseError: It is neither.
    """
    rows = _mem0_rows(path)
    last: dict[str, tuple[str, bool]] = {}
    for row in rows:
        key = str(row.get("memory_id") or row.get("id") or "")
        is_event = "event" in row
        names = ("new_memory", "new_value") if is_event else ("memory", "data")
        words = next((row[name] for name in names if row.get(name)), "")
        gone = str(row.get("event", "")).upper() == "DELETE" or bool(row.get("is_deleted"))
        if key and (words or gone):
            last[key] = (str(words or ""), gone)
    if not last:
        raise MemoryUseError(f"{path} holds no memories of mem0")
    return tuple(
        Lesson(
            f"the task touches on this: {words}", f"know that {words}", scope,
            (Provenance(f"import:mem0:{key}"),),
        )
        for key, (words, gone) in last.items()
        if not gone
    )  # fmt: skip


def _mem0_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a history, oldest first, or those of a list of memories."""
    with path.open("rb") as file:
        is_sqlite = file.read(16).startswith(b"SQLite format 3")
    if is_sqlite:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                query = "SELECT * FROM history ORDER BY rowid"
                return [dict(row) for row in connection.execute(query)]
            except sqlite3.DatabaseError as error:
                raise MemoryUseError(f"{path} is no history of mem0: {error}") from None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MemoryUseError(f"{path} is neither SQLite nor JSON: {error}") from None
    rows = data.get("results", data.get("memories")) if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MemoryUseError(f"{path} holds no list of memories")
    return sorted(rows, key=lambda row: str(row.get("updated_at") or row.get("created_at") or ""))
