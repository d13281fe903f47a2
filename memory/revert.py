"""Going back to an earlier version by new events; the log never forgets."""

import sqlalchemy as sa

from agentevo.memory.errors import MemoryUseError
from agentevo.memory.fold import State, fold
from agentevo.memory.lesson import Lesson
from agentevo.memory.log import Draft, EventKind, events


def drafts_back_to(
    engine: sa.Engine, now: State, scope: str, version: int, who: str, why: str
) -> list[Draft]:
    """Return the events that make every lesson what it was at a version, sources apart.

    Raises:
        MemoryUseError: There is no such version.
    """
    then = fold(events(engine, scope, up_to=version))
    if then.version != version:
        raise MemoryUseError(
            f"scope {scope!r} has no version {version}; the latest is {now.version}"
        )
    drafts = []
    for lesson_id, lesson in now.lessons.items():
        for kind, payload in _changes(lesson, then.lessons.get(lesson_id)):
            key = f"revert:{version}:{now.version}:{lesson_id}:{kind}"
            drafts.append(Draft(kind, lesson_id, key, who, why, payload))
    return drafts


def _changes(now: Lesson, then: Lesson | None) -> list[tuple[EventKind, dict[str, object]]]:
    """Return kind and payload of what leads a lesson back."""
    if then is None:
        away = now.status == "active"
        return [("retire", {"status": "pending"})] if away else []
    changes: list[tuple[EventKind, dict[str, object]]] = []
    if (now.situation, now.advice) != (then.situation, then.advice):
        changes.append(("revise", {"situation": then.situation, "advice": then.advice}))
    if now.status != then.status and now.status != "quarantined":  # that takes a person
        kind: EventKind = "restore" if then.status == "active" else "retire"
        changes.append((kind, {"status": then.status}))
    if now.pinned != then.pinned:
        changes.append(("pin", {"pinned": then.pinned}))
    return changes
