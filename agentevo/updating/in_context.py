"""Updating in context: drafts become lessons, and lessons shown to be harmful are retired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentevo.experience import Recall, Trajectory
from agentevo.memory import (
    FORGETTING,
    Event,
    Identity,
    Lesson,
    Memory,
    Provenance,
    Standing,
    Use,
    Utility,
    events,
    forgotten,
    identity,
    utilities,
)
from agentevo.refinement.distill import PROMPT_HASH, Draft
from agentevo.settings import MemorySettings
from agentevo.strategies import find

MIN_EPISODES = 10  # on either side, before a lesson is judged by its credit


@dataclass(frozen=True)
class MemoryUpdate:
    """What an update of the memory came to."""

    version_before: int
    version_after: int
    n_inserted: int
    n_merged: int
    n_known: int
    retired: tuple[str, ...]
    """Ids of lessons that were retired."""
    forgotten: tuple[str, ...]
    """Ids of lessons that were set aside, since the memory was full."""


class Recalling(Protocol):
    """An episode, as far as credit looks at it."""

    @property
    def purpose(self) -> str: ...  # noqa: D102

    @property
    def recall(self) -> Recall: ...  # noqa: D102

    @property
    def score(self) -> float: ...  # noqa: D102

    @property
    def difficulty(self) -> int: ...  # noqa: D102

    @property
    def memory_version(self) -> int: ...  # noqa: D102


def uses_of(trajectories: Iterable[Recalling], known: Identity | None = None) -> list[Use]:
    """Return every draw: lesson, shown or not, its chance, and the episode's outcome.

    Lessons that contradict each other drew for their place first; those that gave way count as
    not shown. Where nothing was drawn, nothing is told.

    Args:
        trajectories: of a run.
        known: for which lesson each use counts today; None: for the one that was used.
    """
    known, uses = known or Identity(), list[Use]()
    for one in trajectories:
        recall = one.recall
        if one.purpose != "acquisition" or recall.propensity >= 1:
            continue
        draws: list[tuple[str, bool, float]] = []
        for lessons, injected in ((recall.injected, True), (recall.withheld, False)):
            for lesson in lessons:
                away = recall.rivals.get(lesson, ())
                chance = recall.propensity / (1 + len(away))
                draws += [(lesson, injected, chance), *((other, False, chance) for other in away)]
        own: dict[str, Use] = {}
        for lesson, injected, chance in draws:
            today = known.now(lesson, one.memory_version)
            if today is not None and (injected or today not in own):
                own[today] = Use(today, injected, chance, one.score, str(one.difficulty))
        uses += own.values()
    return uses


def beaten(
    trajectories: Iterable[Recalling], level: float, known: Identity
) -> dict[str, tuple[str, Utility]]:
    """Return lessons that did worse than one that contradicts them: id to that one, and how much.

    Which of the two was to be shown was drawn, so the episodes with the one are compared with those
    with the other. A pair with few episodes is left open.

    Args:
        trajectories: of the run so far.
        level: of the interval that must exclude 0.
        known: for which lesson each use counts today.
    """
    duels: dict[tuple[str, str], list[Use]] = {}
    for one in trajectories:
        if one.purpose != "acquisition" or one.recall.propensity >= 1:
            continue
        for shown in one.recall.injected:
            lesson = known.now(shown, one.memory_version)
            for away in one.recall.rivals.get(shown, ()):
                other = known.now(away, one.memory_version)
                if lesson is None or other is None or lesson == other:
                    continue
                for pair in ((lesson, other), (other, lesson)):
                    use = Use(pair[0], pair[0] == lesson, 0.5, one.score, str(one.difficulty))
                    duels.setdefault(pair, []).append(use)
    found = {pair: utilities(uses, level=level)[pair[0]] for pair, uses in duels.items()}
    return {
        lesson: (other, worth) for (lesson, other), worth in found.items() if _is_harmful(worth)
    }


def _is_harmful(worth: Utility) -> bool:
    enough = min(worth.n_injected, worth.n_withheld) >= MIN_EPISODES
    return enough and worth.verdict == "harmful"


def update_memory(
    memory: Memory,
    drafts: Sequence[Draft],
    history: Iterable[Trajectory],
    *,
    since: int,
    generation: int,
    distiller: str,
    settings: MemorySettings,
) -> tuple[MemoryUpdate, dict[str, Utility]]:
    """Take in drafts, retire what credit shows to be harmful, and forget what is too much.

    Every write carries a key, so that an update that was cut short may be done again.

    Args:
        memory: open for writing.
        drafts: what was distilled.
        history: all episodes of the run so far, for credit.
        since: the memory's version before the update, also where it is done for a second time.
        generation: for the provenance.
        distiller: name of the model that wrote the drafts.
        settings: how sure credit must be of harm, how many lessons stay, and which.
    """
    history = list(history)
    known = identity(memory.engine, memory.scope)
    credit = utilities(uses_of(history, known), level=settings.retire_level)
    lost = beaten(history, settings.retire_level, known)
    for lesson in memory.lessons:
        if lesson.status != "active" or lesson.pinned:
            continue
        if lesson.id in lost:
            other, worth = lost[lesson.id]
            why = f"{other} contradicts it and does better"
        elif lesson.id in credit and _is_harmful(credit[lesson.id]):
            why, worth = "harmful", credit[lesson.id]
        else:
            continue
        memory.retire(
            lesson.id,
            who=f"generation {generation}",
            why=f"{why}: {worth.mean:+.2f} ({worth.low:+.2f} to {worth.high:+.2f})",
            key=f"retire/{generation}/{lesson.id}",
        )
    who = f"generation {generation}"
    lessons = [
        Lesson(
            situation=draft.situation,
            advice=draft.advice,
            scope=memory.scope,
            kind=draft.kind,
            provenance=(
                Provenance(
                    distiller=distiller,
                    trajectories=draft.sources,
                    generation=generation,
                    prompt_hash=PROMPT_HASH,
                    steps=draft.steps,
                    taint=draft.taint,
                ),
            ),
        )
        for draft in drafts
    ]
    shown = {one.id: one.recall.injected for one in history}
    policies = [one for one in lessons if one.kind == "policy"]
    lessons = [one for one in lessons if one.kind != "policy"]
    written = memory.insert(lessons, who=who, why="distilled", gated=True, shown=shown)
    for policy in policies:
        _follow(memory, policy, who)
    _forget(memory, history, credit, generation, settings)
    # what an update that was cut short had written already counts, too: the log has it all
    told = events(memory.engine, memory.scope, after=since)
    n_inserted = sum(one.kind == "insert" for one in told)
    n_merged = sum(one.kind == "merge" and "into" not in one.payload for one in told)
    return (
        MemoryUpdate(
            version_before=since,
            version_after=memory.version,
            n_inserted=n_inserted,
            n_merged=n_merged,
            n_known=max(0, len(written) - n_inserted - n_merged),
            retired=_ids(told, f"retire/{generation}/"),
            forgotten=_ids(told, f"forget/{generation}/"),
        ),
        credit,
    )


def _follow(memory: Memory, policy: Lesson, who: str) -> None:
    """Put a policy in the place of the one before it; one that is in quarantine takes no place."""
    active = [one for one in memory.lessons if one.kind == "policy" and one.status == "active"]
    if not any(one.content_key == policy.content_key for one in active):
        [written] = memory.insert(
            [policy], who=who, why="it paid more on replays", gated=True, apart=True
        )
        if written.lesson.status != "active":
            return
    for other in active:
        if other.content_key != policy.content_key and not other.pinned:
            memory.retire(other.id, who=who, why="another policy paid more",
                          key=f"follow/{who}/{other.id}")  # fmt: skip


def _ids(told: Iterable[Event], begins: str) -> tuple[str, ...]:
    """Return the lessons of events whose key begins so."""
    return tuple(one.lesson_id for one in told if one.key.startswith(begins))


def _forget(
    memory: Memory,
    history: Sequence[Trajectory],
    credit: Mapping[str, Utility],
    generation: int,
    settings: MemorySettings,
) -> None:
    """Set aside what is beyond the memory's capacity."""
    n_recalled, last = Counter[str](), dict[str, int]()
    for one in history:
        n_recalled.update(one.recall.injected)
        last |= dict.fromkeys(one.recall.injected, one.generation)
    standings = [
        Standing(
            lesson,
            utility=credit[lesson.id].mean if lesson.id in credit else 0.0,
            n_recalled=n_recalled[lesson.id],
            age=generation - max(last.get(lesson.id, 0), _learned(lesson, generation)),
        )
        for lesson in memory.lessons
        if lesson.kind != "policy"
    ]
    strength = find("memory.forgetting", settings.forgetting, FORGETTING)
    gone = forgotten(standings, settings.capacity, strength)
    for standing in gone:
        memory.retire(
            standing.lesson.id,
            who=f"generation {generation}",
            why=f"forgotten: more than {settings.capacity} lessons, {settings.forgetting} "
            f"{strength(standing):.2f}",
            status="pending",
            key=f"forget/{generation}/{standing.lesson.id}",
        )


def _learned(lesson: Lesson, now: int) -> int:
    """Return the last generation in which a lesson was learned; what came by hand is new."""
    return max(now if one.generation is None else one.generation for one in lesson.provenance)
