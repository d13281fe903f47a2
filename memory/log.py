"""The append-only log of lesson events: the one truth about a memory.

Nothing here knows of an index or of vectors; `fold` makes lessons of events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa

from agentevo.memory.errors import MemoryAccessError
from agentevo.memory.schema import events_table

EventKind = Literal[
    "insert", "revise", "merge", "retire", "restore", "pin", "quarantine", "release"
]

_MAX_TRIES = 20
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is not yet written."""

    kind: EventKind
    lesson_id: str
    key: str
    """What is done, named so that doing it again has the same key (at most 300 characters)."""
    who: str
    why: str
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one lesson, as the log has it."""

    scope: str
    version: int
    """The memory's version after this event, counted from 1 in each scope."""
    kind: EventKind
    lesson_id: str
    key: str
    at: datetime
    who: str
    why: str
    payload: Mapping[str, object]


def append(engine: sa.Engine, scope: str, drafts: Sequence[Draft]) -> tuple[int, ...]:
    """Write events in one transaction and return their versions, in the order given.

    A draft whose key the scope already has is not written again; its old version is returned.
    """
    for _ in range(_MAX_TRIES):
        known = _versions_of(engine, scope, [draft.key for draft in drafts])
        fresh = {draft.key: draft for draft in drafts if draft.key not in known}
        try:
            if fresh:
                known.update(_write(engine, scope, tuple(fresh.values())))
        except sa.exc.IntegrityError:
            continue  # another writer took a version or a key meanwhile
        return tuple(known[draft.key] for draft in drafts)
    raise MemoryAccessError(
        f"the log of scope {scope!r} was taken by other writers {_MAX_TRIES} times in a row: "
        "try again when they have done"
    )


def append_after(engine: sa.Engine, scope: str, drafts: Sequence[Draft], version: int) -> bool:
    """Write events in one transaction, if the scope still has this version.

    Returns:
        Whether they were written; False: somebody else wrote meanwhile.
    """
    try:
        _write(engine, scope, drafts, first=version + 1)
    except sa.exc.IntegrityError:
        if latest(engine, scope) > version:
            return False
        append(engine, scope, drafts)  # a key is there already
    return True


def _versions_of(engine: sa.Engine, scope: str, keys: Sequence[str]) -> dict[str, int]:
    """Return the versions of those keys that are already written."""
    table, found = events_table.c, dict[str, int]()
    with engine.connect() as connection:
        for start in range(0, len(keys), _CHUNK):
            query = sa.select(table.key, table.version).where(
                table.scope == scope, table.key.in_(keys[start : start + _CHUNK])
            )
            found.update({row.key: row.version for row in connection.execute(query)})
    return found


def _write(
    engine: sa.Engine, scope: str, drafts: Sequence[Draft], *, first: int | None = None
) -> dict[str, int]:
    """Insert events; each takes the next version in its own statement, or they count from one."""
    next_version = (
        sa.select(sa.func.coalesce(sa.func.max(events_table.c.version), 0) + 1)
        .where(events_table.c.scope == scope)
        .scalar_subquery()
    )
    written = {}
    with engine.begin() as connection:
        for i, draft in enumerate(drafts):
            statement = (
                events_table.insert()
                .values(
                    scope=scope,
                    version=next_version if first is None else first + i,
                    kind=draft.kind,
                    lesson_id=draft.lesson_id,
                    key=draft.key,
                    at=datetime.now(UTC).isoformat(),
                    who=draft.who,
                    why=draft.why,
                    payload=dict(draft.payload),
                )
                .returning(events_table.c.version)
            )
            written[draft.key] = int(connection.execute(statement).scalar_one())
    return written


def events(
    engine: sa.Engine,
    scope: str,
    *,
    after: int = 0,
    up_to: int | None = None,
    lesson_id: str | None = None,
    changed_after: int | None = None,
) -> tuple[Event, ...]:
    """Return the events of a scope in their order.

    Args:
        engine: The database of the log.
        scope: Whose events.
        after: Only versions greater than this; 0 means from the beginning.
        up_to: Only versions up to and with this one; None means to the end.
        lesson_id: Only of this lesson; None means of all.
        changed_after: Only of lessons that have an event after this version, but not after `up_to`;
            None means of all.
    """
    table = events_table.c
    query = sa.select(events_table).where(table.scope == scope, table.version > after)
    if up_to is not None:
        query = query.where(table.version <= up_to)
    if lesson_id is not None:
        query = query.where(table.lesson_id == lesson_id)
    if changed_after is not None:
        changed = sa.select(table.lesson_id).where(
            table.scope == scope, table.version > changed_after
        )
        if up_to is not None:
            changed = changed.where(table.version <= up_to)
        query = query.where(table.lesson_id.in_(changed))
    with engine.connect() as connection:
        return tuple(
            Event(
                scope=row.scope,
                version=row.version,
                kind=row.kind,
                lesson_id=row.lesson_id,
                key=row.key,
                at=datetime.fromisoformat(row.at),
                who=row.who,
                why=row.why,
                payload=row.payload,
            )
            for row in connection.execute(query.order_by(table.version))
        )


def latest(engine: sa.Engine, scope: str) -> int:
    """Return the version of a scope; 0 if nothing was ever written to it."""
    query = sa.select(sa.func.max(events_table.c.version)).where(events_table.c.scope == scope)
    with engine.connect() as connection:
        return int(connection.execute(query).scalar() or 0)
