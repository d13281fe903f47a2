"""What two versions of a memory differ in, read from the log alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from agentevo.memory.lesson import Lesson
from agentevo.memory.readers import lessons


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
    before, after = (_by_id(engine, scope, version) for version in (old, new))
    are = {i for i, one in after.items() if one.status == "active"}
    were = {i for i, one in before.items() if one.status == "active"}
    gone = {i: after.get(i, before[i]) for i in before if i in were - are}
    return Difference(
        added=tuple(one for i, one in after.items() if i in are - were),
        removed=tuple(gone.values()),
        changed=tuple(
            (before[i], one)
            for i, one in after.items()
            if i in are & were and _said(before[i]) != _said(one)
        ),
        waiting=tuple(
            one
            for i, one in after.items()
            if i not in before and one.status in ("pending", "quarantined")
        ),
    )


def _by_id(engine: sa.Engine, scope: str, version: int) -> Mapping[str, Lesson]:
    return {one.id: one for one in lessons(engine, scope, version)}


def _said(lesson: Lesson) -> tuple[str, str, str, bool]:
    """Return what of a lesson a person would call a change."""
    return lesson.situation, lesson.advice, lesson.kind, lesson.pinned
