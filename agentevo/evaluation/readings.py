"""What a report gives to read: the lessons with their worth, and three whole episodes.

Reads the ledger alone; texts are kept to a bounded size, and what was left out is counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa

from agentevo.evaluation.ablation import four_arms
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.lessons import Worth
from agentevo.memory import Lesson, Utility, history, lessons, metadata

if TYPE_CHECKING:
    from agentevo.evaluation.figures import ArmsFigures
    from agentevo.experience import Trajectory
    from agentevo.ledger import EpisodeFilter, EpisodeSummary
    from agentevo.run import Run

MAX_LESSONS = 100
MAX_STEPS = 60
MAX_CHARACTERS = 3_000
"""Of one observation or thought."""
_ORDER = ("active", "internalised", "pending", "quarantined", "retired", "merged")


@dataclass(frozen=True)
class LessonFigures:
    """One lesson, what it is worth, and where it came from."""

    id: str
    text: str
    kind: str
    status: str
    pinned: bool
    utility: Utility | None
    """Mean score with it less without it. None: never drawn at random."""
    n_shown: int
    """Episodes of acquisition that had it in the prompt; the utility counts fewer."""
    n_withheld: int
    """Episodes of acquisition from which it was kept back, to measure it."""
    generation: int | None
    """In which it was first written. None: outside of any, such as by hand."""
    distiller: str
    trajectories: tuple[str, ...]
    """The first three of `n_sources`."""
    n_sources: int
    last_change: str
    """Who made it what it is now, and why. Empty for an active lesson."""


@dataclass(frozen=True)
class LessonsFigures:
    """The lessons of a run."""

    shown: tuple[LessonFigures, ...]
    """By status, then by utility; `MAX_LESSONS` at most."""
    n: int
    by_status: dict[str, int]


@dataclass(frozen=True)
class StepText:
    """One step, to be read."""

    thought: str
    action: str
    observation: str
    reward: float


@dataclass(frozen=True)
class Reading:
    """One whole episode, to be read."""

    why: str
    """Why it was chosen."""
    id: str
    task_id: str
    level: int
    purpose: str
    arm: str
    ending: str
    success: bool
    score: float
    instruction: str
    first_observation: str
    lessons: tuple[str, ...]
    steps: tuple[StepText, ...]
    n_steps: int
    """`steps` has the first `MAX_STEPS` of them."""
    n_tokens: int
    seconds: float
    error: str


def lessons_figures(run: Run) -> LessonsFigures:
    """Return the run's lessons, with what acquisition showed of their worth."""
    engine = run.ledger.engine
    there = sa.inspect(engine)
    if not all(there.has_table(one.name) for one in metadata.sorted_tables):
        return LessonsFigures((), 0, {})
    found = lessons(engine, run.scope)
    worth = Worth.of(run)

    def rank(one: Lesson) -> tuple[int, float]:
        return _ORDER.index(one.status), -(
            worth.utility[one.id].mean if one.id in worth.utility else 0.0
        )

    shown = []
    for one in sorted(found, key=rank)[:MAX_LESSONS]:
        last = history(engine, run.scope, one.id)[-1] if one.status != "active" else None
        shown.append(
            LessonFigures(
                id=one.id,
                text=one.text,
                kind=one.kind,
                status=one.status,
                pinned=one.pinned,
                utility=worth.utility.get(one.id),
                n_shown=worth.n_shown.get(one.id, 0),
                n_withheld=worth.n_withheld.get(one.id, 0),
                generation=one.provenance[0].generation,
                distiller=one.provenance[0].distiller,
                trajectories=one.trajectories[:3],
                n_sources=len(one.trajectories),
                last_change=f"{last.who}: {last.why}" if last else "",
            )
        )
    statuses = Counter[str](one.status for one in found)
    by_status = {name: statuses[name] for name in _ORDER if name in statuses}
    return LessonsFigures(tuple(shown), len(found), by_status)


def readings(run: Run, arms: ArmsFigures) -> tuple[Reading, ...]:
    """Return up to three episodes to read in full, of the test split where it is played."""
    pair = Arm(arms.memory_version, arms.adapter)
    names = {label: arm.name for label, arm in four_arms(pair).items()}
    plain, both = names["plain"], names["both"]
    failed = _of(run, success=False, purpose="report", arm=plain)
    solved = [] if both == plain else _of(run, success=True, purpose="report", arm=both)
    tasks = {one.key.task_id for one in failed} & {one.key.task_id for one in solved}
    solved_same = [one for one in solved if one.key.task_id in tasks]
    failed_same = [one for one in failed if one.key.task_id in tasks]
    chosen: list[Reading] = []
    first = (
        failed_same or failed or _of(run, success=False, purpose="gate", arm=plain)
        or _of(run, success=False, purpose="acquisition", memory_version=0, adapter="")
    )  # fmt: skip
    if first:
        chosen.append(_reading(_load(run, _easiest(first)), "A failure of the plain backbone"))
    if solved_same:
        task = chosen[0].task_id
        second = next(one for one in solved_same if one.key.task_id == task)
        why = "The same task, solved with memory and weights"
        chosen.append(_reading(_load(run, second), why))
    taken = {one.id for one in chosen}
    pools: tuple[EpisodeFilter, ...] = (
        {"success": True, "purpose": "report", "arm": names["memory"]},
        {"success": True, "purpose": "report", "arm": both},
        {"success": True, "purpose": "gate"},
        {"success": True, "purpose": "acquisition"},
    )
    for pool in pools:
        for one in run.ledger.episodes(run.id, **pool):
            if one.recall.injected and one.id not in taken:
                chosen.append(_reading(one, "A success with lessons in the prompt"))
                return tuple(chosen)
    return tuple(chosen)


def _of(run: Run, **which: Unpack[EpisodeFilter]) -> list[EpisodeSummary]:
    return list(run.ledger.summaries(run.id, **which))


def _easiest(episodes: list[EpisodeSummary]) -> EpisodeSummary:
    return min(episodes, key=lambda one: (one.difficulty, one.n_steps, one.trajectory_id))


def _load(run: Run, one: EpisodeSummary) -> Trajectory:
    return run.ledger.episode(run.id, one.trajectory_id)


def _reading(one: Trajectory, why: str) -> Reading:
    return Reading(
        why=why,
        id=one.id,
        task_id=one.task_id,
        level=one.difficulty,
        purpose=one.purpose,
        arm=one.arm,
        ending=one.ending,
        success=one.success,
        score=one.score,
        instruction=_short(one.instruction),
        first_observation=_short(one.first_observation),
        lessons=tuple(_short(text) for text in one.lessons),
        steps=tuple(
            StepText(_short(s.thought), _short(s.action or ""), _short(s.observation), s.reward)
            for s in one.steps[:MAX_STEPS]
        ),
        n_steps=len(one.steps),
        n_tokens=one.n_prompt_tokens + one.n_reply_tokens,
        seconds=one.seconds,
        error=_short(one.error),
    )


def _short(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]} … [{len(text) - MAX_CHARACTERS:,} characters left out]"
