"""What a batch of new lessons means for a memory: insert, merge, quarantine, or nothing new.

Decides only; `store` writes what was decided. What was retired stays out, however reworded.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from agentevo.memory.embedding import Vectors
from agentevo.memory.fold import State
from agentevo.memory.lesson import Lesson, Provenance, to_row
from agentevo.memory.likeness import Likeness
from agentevo.memory.log import Draft
from agentevo.memory.scanner import redact, scan

Outcome = Literal["inserted", "merged", "known"]
"""merged: an existing lesson took the sources; known: words and sources were there before, or the
lesson only repeats what its sources had been shown."""


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
    vectors: Vectors | None,
    state: State,
    likeness: Likeness | None,
    *,
    who: str,
    why: str,
    gated: bool = False,
    scanning: bool = True,
    apart: bool = False,
    shown: Mapping[str, Collection[str]] | None = None,
) -> Plan:
    """Decide for each lesson. `likeness` takes in those to be inserted.

    A lesson that the scanner finds suspicious is put in quarantine, where it speaks for no other
    wording; so is one whose source is, or that rests on a tool, unless a gate is to judge that.
    Secrets are never written.

    Args:
        lessons: What was handed in.
        vectors: Of their texts, (n, d), in the same order. None: only equal words are one lesson
            as yet, and `settle` looks for near-duplicates later.
        state: The memory as it stands.
        likeness: Knows the texts of the state's lessons; None where `vectors` is.
        who: Recorded with each event.
        why: Recorded with each event.
        gated: A gate will judge the version that these lessons make.
        scanning: False puts nothing in quarantine.
        apart: Each is a lesson for itself, also where another says the same.
        shown: Ids of the lessons that a source had in its prompt, by trajectory: what it says of
            these is an echo, and no new source.
    """
    plan, new = Plan(), dict[str, Lesson]()
    spoken_for = dict[str, str]()
    for i, given in enumerate(lessons):
        lesson, suspicion = inspected(given, gated=gated) if scanning else (given, "")
        key = lesson.content_key
        target, cosine = state.spoken_for.get(key) or spoken_for.get(key), 1.0
        target = None if apart else target
        if (
            target is None
            and not apart
            and not suspicion
            and likeness is not None
            and vectors is not None
        ):
            target, cosine = likeness.find(lesson, vectors[i]) or (None, cosine)
        if target is None:
            while lesson.id in state.lessons or lesson.id in new:  # of one that was reworded since
                lesson = replace(lesson, id=f"L{digest({'not': lesson.id})[:12]}")
            row: dict[str, object] = {"lesson": to_row(lesson)}
            if likeness is None and not apart:
                row["settled"] = False
            reason = f"{why}; {suspicion}" if why and suspicion else why or suspicion
            plan.drafts.append(Draft("insert", lesson.id, f"insert:{lesson.id}", who, reason, row))
            plan.decided.append((lesson.id, "inserted"))
            new[lesson.id] = lesson
            spoken_for[key] = lesson.id
            is_alike = not suspicion and lesson.kind != "policy"
            if is_alike and likeness is not None and vectors is not None:
                likeness.add(lesson, vectors[i])
            continue
        said = key in state.spoken_for or key in spoken_for
        spoken_for[key] = target
        old = new.get(target) or state.get(target)
        fresh = without_echoes(lesson.provenance, target, shown or {})
        more = tuple(one for one in fresh if one not in old.provenance)
        if not more and (said or not fresh):
            plan.decided.append((target, "known"))
            continue
        plan.drafts += _merge(lesson, old, more, cosine, who=who, why=why)
        plan.decided.append((target, "merged"))
        if target in new:
            new[target] = old.with_provenance(more)
    return plan


def inspected(lesson: Lesson, *, gated: bool) -> tuple[Lesson, str]:
    """Return a lesson as it may be written, and why it is put in quarantine, or nothing."""
    if lesson.status not in ("active", "pending"):
        return lesson, ""
    found = [str(one) for one in scan(f"{lesson.situation}: {lesson.advice}")]
    taint = [t for source in lesson.provenance for t in source.taint]
    if gated:
        taint = [one for one in taint if not one.startswith("tool:")]
    suspicion = ", ".join(dict.fromkeys([*found, *(f"read from {one}" for one in taint)]))
    if not suspicion:
        return lesson, ""
    situation, advice = redact(lesson.situation), redact(lesson.advice)
    same = (situation, advice) == (lesson.situation, lesson.advice)
    name = lesson.id if same else ""
    clean = replace(lesson, situation=situation, advice=advice, id=name, status="quarantined")
    return clean, f"in quarantine: {suspicion}"


def without_echoes(
    sources: Sequence[Provenance], lesson_id: str, shown: Mapping[str, Collection[str]]
) -> tuple[Provenance, ...]:
    """Return sources less the trajectories that had the lesson in their prompt."""
    left = []
    for source in sources:
        own = tuple(t for t in source.trajectories if lesson_id not in shown.get(t, ()))
        if own or not source.trajectories:
            steps = tuple(step for step in source.steps if step.rpartition("#")[0] in own)
            left.append(replace(source, trajectories=own, steps=steps))
    return tuple(left)


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
