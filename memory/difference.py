"""What two versions of a memory differ in, read from the log alone."""

from dataclasses import dataclass

import sqlalchemy as sa

from agentevo.memory.errors import MemoryUseError
from agentevo.memory.fold import after_event
from agentevo.memory.lesson import Lesson
from agentevo.memory.log import events, latest


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of the lessons between two versions of a scope."""

    added: tuple[Lesson, ...]
    """Active in the new version, and not there, or not active, in the old."""
    removed: tuple[Lesson, ...]
    """Active in the old version, and no longer in the new; as the new version has them."""
    changed: tuple[tuple[Lesson, Lesson], ...]
    """Active in both, in other words or with another kind or pin: old and new."""
    waiting: tuple[Lesson, ...]
    """New since the old version, and not active: pending or in quarantine."""


def difference(engine: sa.Engine, scope: str, old: int, new: int) -> Difference:
    """Return what changed from one version to another.

    Raises:
        MemoryUseError: The scope has no such version.
    """
    before, after = _as_of(engine, scope, old, new)
    are = {i for i, one in after.items() if one.status == "active"}
    were = {i for i, one in before.items() if one.status == "active"}
    new_ones, gone = are - were, were - are
    return Difference(
        added=tuple(one for i, one in after.items() if i in new_ones),
        removed=tuple(after.get(i, one) for i, one in before.items() if i in gone),
        changed=tuple(
            (before[i], one)
            for i, one in after.items()
            if i in are and i in were and _said(before[i]) != _said(one)
        ),
        waiting=tuple(
            one
            for i, one in after.items()
            if i not in before and one.status in ("pending", "quarantined")
        ),
    )


def _as_of(engine: sa.Engine, scope: str, old: int, new: int) -> list[dict[str, Lesson]]:
    """Return the lessons that changed between two versions, by id, as of each of them."""
    low, high = sorted((old, new))
    if high > (last := latest(engine, scope)):
        raise MemoryUseError(f"scope {scope!r} has no version {high}; the latest is {last}")
    now: dict[str, Lesson] = {}
    before: dict[str, Lesson] = {}
    for event in events(engine, scope, up_to=high, changed_after=low):
        now[event.lesson_id] = after_event(now.get(event.lesson_id), event)
        if event.version <= low:
            before[event.lesson_id] = now[event.lesson_id]
    return [before, now] if old < new else [now, before]


def _said(lesson: Lesson) -> tuple[str, str, str, bool]:
    """Return what of a lesson a person would call a change."""
    return lesson.situation, lesson.advice, lesson.kind, lesson.pinned
