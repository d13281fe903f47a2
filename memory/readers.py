"""Reading a memory from its log alone, while another process may have the index open."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from agentevo.memory.errors import LessonNotFoundError, MemoryUseError
from agentevo.memory.fold import fold
from agentevo.memory.lesson import Lesson
from agentevo.memory.log import Event, events, latest
from agentevo.memory.schema import events_table


@dataclass(frozen=True, slots=True)
class Identity:
    """Which lesson an earlier use of a lesson counts for, since words change and lessons merge."""

    into: Mapping[str, str] = field(default_factory=dict)
    """By id of a merged lesson: the one that speaks for it."""
    since: Mapping[str, int] = field(default_factory=dict)
    """By id: the version with which the words, or a person's restoring it, made it what it is. What
    was seen under an earlier version says nothing of it."""

    def now(self, lesson_id: str, version: int) -> str | None:
        """Return for which lesson a use counts, or None where it counts for none.

        Args:
            lesson_id: Of the lesson that was used.
            version: Of the memory that it was used in.
        """
        seen = [lesson_id]
        while (other := self.into.get(seen[-1])) is not None and other not in seen:
            seen.append(other)
        return seen[-1] if all(version >= self.since.get(one, 0) for one in seen) else None


def identity(engine: sa.Engine, scope: str) -> Identity:
    """Return for which lesson of a scope the uses of each count today."""
    table = events_table.c
    query = (
        sa.select(table.kind, table.lesson_id, table.version, table.who, table.payload)
        .where(table.scope == scope, table.kind.in_(("revise", "restore", "merge")))
        .order_by(table.version)
    )
    into, since = dict[str, str](), dict[str, int]()
    with engine.connect() as connection:
        for row in connection.execute(query):
            if row.kind == "merge":
                if "into" in row.payload:
                    into[row.lesson_id] = row.payload["into"]
            elif row.kind == "revise" or row.who.split(":")[0] == "user":
                since[row.lesson_id] = row.version
            if row.kind == "restore":
                into.pop(row.lesson_id, None)
    return Identity(into, since)


def scopes(engine: sa.Engine) -> tuple[str, ...]:
    """Return the scopes that were ever written to, in alphabetical order."""
    query = sa.select(events_table.c.scope).distinct().order_by(events_table.c.scope)
    with engine.connect() as connection:
        return tuple(connection.execute(query).scalars())


def lessons(engine: sa.Engine, scope: str, version: int | None = None) -> tuple[Lesson, ...]:
    """Return every lesson of a scope, of any status, oldest first.

    Args:
        engine: The database of the log.
        scope: Whose lessons.
        version: As of which version; None means the latest, 0 gives none.
    """
    state = fold(events(engine, scope, up_to=version))
    if version is not None and state.version != version:
        raise MemoryUseError(
            f"scope {scope!r} has no version {version}; the latest is {latest(engine, scope)}"
        )
    return tuple(state.lessons.values())


def history(engine: sa.Engine, scope: str, lesson_id: str) -> tuple[Event, ...]:
    """Return all events of a scope's lesson, oldest first. Raises LessonNotFoundError."""
    told = events(engine, scope, lesson_id=lesson_id)
    if not told:
        raise LessonNotFoundError(f"scope {scope!r} has no lesson {lesson_id!r}")
    return told
