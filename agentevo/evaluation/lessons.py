"""What is known of a run's lessons: their worth, and every episode that they had to do with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agentevo.memory import utilities
from agentevo.updating.in_context import uses_of

if TYPE_CHECKING:
    from agentevo.ledger import RecalledEpisode
    from agentevo.memory import Lesson, Utility
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
        return cls.told_by(run.ledger.recalls(run.id, purpose="acquisition"))

    @classmethod
    def told_by(cls, episodes: Iterable[RecalledEpisode]) -> Worth:
        """Return what episodes tell; only those of acquisition count."""
        learned_from = [one for one in episodes if one.purpose == "acquisition"]
        n_shown = Counter(lesson for one in learned_from for lesson in one.recall.injected)
        n_withheld = Counter(lesson for one in learned_from for lesson in one.recall.withheld)
        return cls(utilities(uses_of(learned_from)), dict(n_shown), dict(n_withheld))

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
