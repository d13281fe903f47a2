"""What a batch of new lessons means for a memory: insert, merge, or nothing new.

Decides only; `store` writes what was decided. What was retired stays out, however reworded.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from agentevo.memory.embedding import Vectors
from agentevo.memory.fold import State
from agentevo.memory.lesson import Lesson, Provenance, to_row
from agentevo.memory.likeness import Likeness
from agentevo.memory.log import Draft

Outcome = Literal["inserted", "merged", "known"]
"""merged: an existing lesson took the sources; known: words and sources were there before."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one lesson that was handed in."""

    lesson: Lesson
    """The lesson that now speaks for it, as it stands; look at its status."""
    outcome: Outcome


@dataclass(slots=True)
class Plan:
    """Events to write, and what they mean for each lesson handed in, in order."""

    drafts: list[Draft] = field(default_factory=list)
    decided: list[tuple[str, Outcome]] = field(default_factory=list)


def plan_intake(
    lessons: Sequence[Lesson],
    vectors: Vectors,
    state: State,
    likeness: Likeness,
    *,
    who: str,
    why: str,
) -> Plan:
    """Decide for each lesson. `likeness` takes in those to be inserted.

    Args:
        lessons: What was handed in.
        vectors: Of their texts, (n, d), in the same order.
        state: The memory as it stands.
        likeness: Knows the texts of the state's lessons.
        who: Recorded with each event.
        why: Recorded with each event.
    """
    plan, new = Plan(), dict[str, Lesson]()
    spoken_for = dict[str, str]()
    for lesson, vector in zip(lessons, vectors, strict=True):
        key = lesson.content_key
        target, cosine = state.spoken_for.get(key) or spoken_for.get(key), 1.0
        if target is None and (found := likeness.find(lesson, vector)):
            target, cosine = found
        if target is None:
            draft = Draft(
                "insert", lesson.id, f"insert:{lesson.id}", who, why, {"lesson": to_row(lesson)}
            )
            plan.drafts.append(draft)
            plan.decided.append((lesson.id, "inserted"))
            new[lesson.id] = lesson
            spoken_for[key] = lesson.id
            likeness.add(lesson, vector)
            continue
        said = key in state.spoken_for or key in spoken_for
        spoken_for[key] = target
        old = new.get(target) or state.get(target)
        more = tuple(one for one in lesson.provenance if one not in old.provenance)
        if said and not more:
            plan.decided.append((target, "known"))
            continue
        plan.drafts += _merge(lesson, old, more, cosine, who=who, why=why)
        plan.decided.append((target, "merged"))
        if target in new:
            new[target] = old.with_provenance(more)
    return plan


def _merge(
    lesson: Lesson,
    into: Lesson,
    more: Sequence[Provenance],
    cosine: float,
    *,
    who: str,
    why: str,
) -> list[Draft]:
    """Return the events by which a lesson takes in another's words and sources."""
    payload: dict[str, object] = {
        "situation": lesson.situation,
        "advice": lesson.advice,
        "content_key": lesson.content_key,
        "cosine": cosine,
        "provenance": [asdict(one) for one in more],
    }
    mark = digest(payload)
    drafts = [Draft("merge", into.id, f"merge:{into.id}:{mark}", who, why, payload)]
    if into.status == "pending" and lesson.status == "active":
        drafts.append(
            Draft(
                "restore",
                into.id,
                f"restore:{into.id}:{mark}",
                who,
                "learned again from new experience",
                {"status": "active"},
            )
        )
    return drafts


def digest(payload: Mapping[str, object]) -> str:
    """Return a short hash of an event's payload, for its key."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()[:16]
