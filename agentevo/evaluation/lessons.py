"""What is known of a run's lessons: their worth, and every episode that they had to do with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agentevo.memory import after_event, identity, utilities
from agentevo.updating.in_context import uses_of

if TYPE_CHECKING:
    from agentevo.ledger import RecalledEpisode, VerdictRecord
    from agentevo.memory import Event, Identity, Lesson, Utility
    from agentevo.run import Run

Role = Literal["shown", "withheld", "gave way", "candidate"]
"""shown: it stood in the prompt. withheld: left out at random. gave way: to a lesson that
contradicts it. candidate: near enough to be looked at, and not chosen."""


@dataclass(frozen=True)
class LessonUse:
    """One episode that a lesson had to do with."""

    role: Role
    episode: RecalledEpisode


@dataclass(frozen=True)
class Worth:
    """What the lessons of a run were worth in acquisition, as far as its episodes tell."""

    utility: dict[str, Utility] = field(default_factory=dict)
    """By lesson id."""
    n_shown: dict[str, int] = field(default_factory=dict)
    """Episodes of acquisition that had it in the prompt; the utility counts fewer."""
    n_withheld: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run) -> Worth:
        """Read it from a run's episodes."""
        episodes = run.ledger.recalls(run.id, purpose="acquisition")
        return cls.told_by(episodes, identity(run.ledger.engine, run.scope)) if episodes else cls()

    @classmethod
    def told_by(cls, episodes: Iterable[RecalledEpisode], known: Identity) -> Worth:
        """Return what episodes tell; only those of acquisition count."""
        learned_from = [one for one in episodes if one.purpose == "acquisition"]
        n_shown = Counter(lesson for one in learned_from for lesson in one.recall.injected)
        n_withheld = Counter(lesson for one in learned_from for lesson in one.recall.withheld)
        return cls(utilities(uses_of(learned_from, known)), dict(n_shown), dict(n_withheld))

    def facts(self, lesson: Lesson) -> dict[str, Any]:
        """Return a lesson with its worth, ready for JSON."""
        worth = self.utility.get(lesson.id)
        return asdict(lesson) | {
            "text": lesson.text,
            "utility": asdict(worth) | {"verdict": worth.verdict} if worth else None,
            "n_shown": self.n_shown.get(lesson.id, 0),
            "n_withheld": self.n_withheld.get(lesson.id, 0),
        }

    def text(self, lesson: Lesson) -> str:
        """Return a lesson's utility in a few words."""
        worth = self.utility.get(lesson.id)
        if worth is None or not min(worth.n_injected, worth.n_withheld):
            return "not known yet"
        return f"{worth.mean:+.2f} ({worth.low:+.2f} to {worth.high:+.2f})"

    def counts(self, lesson: Lesson) -> str:
        """Return how many episodes with and without a lesson its utility rests on."""
        worth = self.utility.get(lesson.id)
        return f"{worth.n_injected} / {worth.n_withheld}" if worth else ""


def uses_by_lesson(episodes: Iterable[RecalledEpisode]) -> dict[str, list[LessonUse]]:
    """Return every episode that a lesson had to do with, by lesson id, in their order."""
    found = defaultdict[str, list[LessonUse]](list)
    for one in episodes:
        roles: dict[str, Role] = dict.fromkeys(one.recall.candidates, "candidate")
        roles |= dict.fromkeys((i for some in one.recall.rivals.values() for i in some), "gave way")
        roles |= dict.fromkeys(one.recall.withheld, "withheld")
        roles |= dict.fromkeys(one.recall.injected, "shown")
        for lesson, role in roles.items():
            found[lesson].append(LessonUse(role, one))
    return dict(found)


def verdicts_on(run: Run, told: Sequence[Event]) -> list[tuple[VerdictRecord, int]]:
    """Return the gate's verdicts on versions of the memory that showed a lesson, with the version.

    Those on words that it no longer has are left out.

    Args:
        run: whose.
        told: the lesson's history.
    """
    found = []
    worded = max((event.version for event in told if event.kind == "revise"), default=0)
    for update in run.ledger.updates(run.id, kind="memory"):
        version = int(str(update.payload["version_after"]))
        if not is_active(told, version) or version < worded:
            continue
        for kind in ("memory", "weights with lessons"):
            verdict = run.ledger.get_verdict(run.id, update.generation, kind)
            if verdict is not None:
                found.append((verdict, version))
    return found


def is_active(told: Sequence[Event], version: int) -> bool:
    """Whether a lesson was active as of a version, by its history."""
    lesson: Lesson | None = None
    for event in told:
        if event.version <= version:
            lesson = after_event(lesson, event)
    return lesson is not None and lesson.status == "active"


def merged_into(
    lessons: Mapping[str, Lesson], told: Sequence[Event]
) -> list[tuple[str, Lesson | None]]:
    """Return what a lesson absorbed or was merged into, as its history tells.

    Args:
        lessons: of the run, by id.
        told: the lesson's history.
    """
    return [
        (word, lessons.get(str(event.payload[word])))
        for event in told
        for word in ("absorbed", "into")
        if event.payload.get(word)
    ]
