"""Reading a memory from its log alone, while another process may have the index open."""

import sqlalchemy as sa

from agentevo.memory.errors import LessonNotFoundError, MemoryUseError
from agentevo.memory.fold import fold
from agentevo.memory.lesson import Lesson
from agentevo.memory.log import Event, events, latest
from agentevo.memory.schema import events_table


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
