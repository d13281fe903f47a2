"""Updating in context: drafts become lessons, and lessons shown to be harmful are retired."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentevo.experience import Trajectory
from agentevo.memory import Lesson, Memory, Provenance, Use, Utility, utilities
from agentevo.refinement.distill import PROMPT_HASH, Draft

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


def uses_of(trajectories: Iterable[Trajectory]) -> list[Use]:
    """Return every draw of the withholding: lesson, injected or not, chance, outcome."""
    uses = []
    for one in trajectories:
        if one.purpose != "acquisition" or one.recall.propensity >= 1:
            continue
        for lessons, injected in ((one.recall.injected, True), (one.recall.withheld, False)):
            uses += [
                Use(lesson, injected, one.recall.propensity, one.score, str(one.difficulty))
                for lesson in lessons
            ]
    return uses


def update_memory(
    memory: Memory,
    drafts: Sequence[Draft],
    history: Iterable[Trajectory],
    *,
    since: int,
    generation: int,
    distiller: str,
    retire_level: float,
) -> tuple[MemoryUpdate, dict[str, Utility]]:
    """Take in drafts and retire what credit shows to be harmful.

    Every write carries a key, so that an update that was cut short may be done again.

    Args:
        memory: open for writing.
        drafts: what was distilled.
        history: all episodes of the run so far, for credit.
        since: the memory's version before the update, also where it is done for a second time.
        generation: for the provenance.
        distiller: name of the model that wrote the drafts.
        retire_level: confidence at which a harmful lesson is retired.
    """
    credit = utilities(uses_of(history), level=retire_level)
    retired = []
    for lesson in memory.lessons:
        worth = credit.get(lesson.id)
        if (
            lesson.status == "active"
            and not lesson.pinned
            and worth is not None
            and worth.verdict == "harmful"
            and min(worth.n_injected, worth.n_withheld) >= MIN_EPISODES
        ):
            memory.retire(
                lesson.id,
                who=f"generation {generation}",
                why=f"harmful: {worth.mean:+.2f} ({worth.low:+.2f} to {worth.high:+.2f})",
                key=f"retire/{generation}/{lesson.id}",
            )
            retired.append(lesson.id)
    lessons = [
        Lesson(
            situation=draft.situation,
            advice=draft.advice,
            scope=memory.scope,
            provenance=(
                Provenance(
                    distiller=distiller,
                    trajectories=draft.sources,
                    generation=generation,
                    prompt_hash=PROMPT_HASH,
                ),
            ),
        )
        for draft in drafts
    ]
    written = memory.insert(lessons, who=f"generation {generation}", why="distilled")
    outcomes = [one.outcome for one in written]
    return (
        MemoryUpdate(
            version_before=since,
            version_after=memory.version,
            n_inserted=outcomes.count("inserted"),
            n_merged=outcomes.count("merged"),
            n_known=outcomes.count("known"),
            retired=tuple(retired),
        ),
        credit,
    )
