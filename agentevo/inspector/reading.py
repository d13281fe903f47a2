"""What the pages show, read from ledgers alone: nothing writes, and no run need stand still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from agentevo.evaluation.lessons import LessonUse, Worth, uses_by_lesson
from agentevo.evaluation.overview import overview
from agentevo.evaluation.overview import status_of as overview_status
from agentevo.folders import RunError, home
from agentevo.ledger import LedgerError
from agentevo.memory import Identity, identity, lessons, metadata
from agentevo.run import Run

if TYPE_CHECKING:
    from agentevo.experience import Trajectory
    from agentevo.ledger import RecalledEpisode
    from agentevo.memory import Lesson

PAGE = 50  # rows of a list that are shown at once
MAX_KNOWN = 8  # runs whose lessons are kept in mind
ORDERS = ("newest", "oldest", "utility", "shown", "situation")

T = TypeVar("T")


class NotThereError(RunError):
    """There is no run of that name under AGENTEVO_HOME, or it has no such episode."""


def folder_of(name: str) -> Path:
    """Return the folder of a run under AGENTEVO_HOME.

    Raises:
        NotThereError: there is none.
    """
    folder = home() / "runs" / Path(name).name
    if not (folder / "ledger.db").is_file():
        raise NotThereError(f"there is no run {name!r}")
    return folder


def episode_of(run: Run, name: str) -> Trajectory:
    """Return an episode of a run by its id.

    Raises:
        NotThereError: there is none.
        LedgerError: it cannot be read.
    """
    try:
        return run.ledger.episode(run.id, name)
    except LedgerError as error:
        if name in {one.trajectory_id for one in run.ledger.summaries(run.id)}:
            raise
        raise NotThereError(f"run {run.id} has no episode {name!r}") from error


@dataclass(frozen=True)
class Known:
    """A run's lessons, as of one state of its ledger; what is known of them is found when asked."""

    lessons: dict[str, Lesson]
    """By id, oldest first."""
    episodes: Sequence[RecalledEpisode] = ()
    """All of the run."""
    identity: Identity = field(default_factory=Identity)
    """For which lesson each use counts today."""

    @cached_property
    def worth(self) -> Worth:
        """What the lessons have proven to be worth."""
        return Worth.told_by(self.episodes, self.identity)

    @cached_property
    def uses(self) -> dict[str, list[LessonUse]]:
        """The episodes that each lesson had to do with, by its id."""
        return uses_by_lesson(self.episodes)


@dataclass(frozen=True)
class Part(Generic[T]):
    """A part of a long list."""

    rows: Sequence[T]
    page: int
    """Counted from 1."""
    n_pages: int
    n: int
    """Of the whole list."""

    @classmethod
    def of(cls, rows: Sequence[T], page: int) -> Part[T]:
        """Return the part that is asked for, or the nearest that there is."""
        n_pages = max(1, -(-len(rows) // PAGE))
        page = min(max(1, page), n_pages)
        return cls(rows[(page - 1) * PAGE : page * PAGE], page, n_pages, len(rows))


@dataclass
class Library:
    """The runs under AGENTEVO_HOME. Safe among threads."""

    _known: dict[tuple[str, int, int], Known] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def run(self, name: str) -> Iterator[Run]:
        """Open a run to look at it.

        Raises:
            NotThereError: there is none of that name.
        """
        opened = Run.open(folder_of(name))
        try:
            yield opened
        finally:
            opened.close()

    def known(self, run: Run) -> Known:
        """Return a run's lessons with all that is known of them; read anew where it changed."""
        import sqlalchemy as sa

        engine = run.ledger.engine
        there = sa.inspect(engine)
        if not all(there.has_table(one.name) for one in metadata.sorted_tables):
            return Known({})
        with engine.connect() as connection:
            count = "SELECT (SELECT MAX(id) FROM memory_events), (SELECT MAX(id) FROM episodes)"
            n_events, n_episodes = connection.execute(sa.text(count)).one()
        key = (str(run.folder), n_events or 0, n_episodes or 0)
        with self._lock:
            if key not in self._known:
                found = {one.id: one for one in lessons(engine, run.scope)}
                known = Known(found, run.ledger.recalls(run.id), identity(engine, run.scope))
                for old in [one for one in self._known if one[0] == key[0]]:
                    del self._known[old]
                while len(self._known) >= MAX_KNOWN:
                    del self._known[next(iter(self._known))]
                self._known[key] = known
            return self._known[key]


def chosen(known: Known, *, status: str, words: str, order: str) -> list[Lesson]:
    """Return the lessons that have a status and all of some words, in an order.

    Args:
        known: of a run.
        status: empty: any.
        words: that must stand in a lesson's text or id, in any case and order.
        order: one of `ORDERS`.
    """
    wanted = words.casefold().split()
    found = [
        one
        for one in known.lessons.values()
        if status in ("", one.status)
        and all(word in f"{one.id} {one.text}".casefold() for word in wanted)
    ]
    if order == "newest":
        found.reverse()
    elif order == "utility":
        found.sort(key=lambda one: -_mean(known, one))
    elif order == "shown":
        found.sort(key=lambda one: -known.worth.n_shown.get(one.id, 0))
    elif order == "situation":
        found.sort(key=lambda one: one.situation.casefold())
    return found


def _mean(known: Known, lesson: Lesson) -> float:
    worth = known.worth.utility.get(lesson.id)
    return worth.mean if worth else 0.0


def runs() -> list[dict[str, Any]]:
    """Return all runs at a glance, newest first; what cannot be read says why."""
    rows = []
    for file in (home() / "runs").glob("*/ledger.db"):
        try:
            rows.append(overview(file.parent) | {"problem": ""})
        except LedgerError as error:
            rows.append({"run": file.parent.name, "status": "unreadable", "problem": str(error)})
    return sorted(rows, key=lambda row: str(row.get("created", "")), reverse=True)


def status_of(run: Run) -> str:
    """Return how a run stands."""
    return overview_status(run.folder, run.ledger.status(run.id))
