"""Memory: the one writer of a scope's lessons. First the log, then the index."""

import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import sqlalchemy as sa

from agentevo.memory.embedding import Embedder
from agentevo.memory.errors import LessonError
from agentevo.memory.index import Index
from agentevo.memory.intake import Written, plan_intake
from agentevo.memory.lesson import Lesson
from agentevo.memory.likeness import MergeSettings
from agentevo.memory.mending import Mended, compare, wrong_vectors
from agentevo.memory.revert import drafts_back_to
from agentevo.memory.schema import create
from agentevo.memory.snapshot import Snapshot, take_snapshot
from agentevo.memory.vectors import vectors_of
from agentevo.memory.writer import Writer


class Memory:
    """Lessons of one scope, open for writing. A context manager; safe among threads.

    Every change is an event of the log before it is in the index. Opening compares the two
    and mends the index; `mended` says what had to be done.
    """

    def __init__(
        self,
        engine: sa.Engine,
        where: str | Path,
        scope: str,
        embedder: Embedder,
        *,
        merging: MergeSettings | None = None,
        rebuild: bool = False,
    ) -> None:
        """Open a scope's memory.

        Args:
            engine: The database of the log; its tables are made if they are missing.
            where: A folder for embedded Chroma, or a Chroma server's URL.
            scope: Whose lessons.
            embedder: For situations, and for finding near-duplicates.
            merging: When two wordings are one lesson; None means the defaults.
            rebuild: Make the index anew from the log, also where another embedder made it.

        Raises:
            MemoryAccessError: It is open elsewhere, or another embedder made the index.
        """
        self.scope = scope
        self._engine, self._embedder = engine, embedder
        self._lock = threading.RLock()
        self._index = Index(where, scope, embedder, log_id=create(engine), anew=rebuild)
        self._writer = Writer(engine, scope, embedder, self._index, merging or MergeSettings())
        try:
            self.mended = self._writer.mend(expected=rebuild)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the memory itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let the index go, so that another process can have it."""
        self._index.close()

    @property
    def version(self) -> int:
        """The version as last read or written; 0 if the memory is empty."""
        return self._writer.state.version

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """Every lesson, of any status, oldest first."""
        with self._lock:
            return tuple(self._writer.state.lessons.values())

    def get(self, lesson_id: str) -> Lesson:
        """Return a lesson by id. Raises LessonNotFoundError."""
        with self._lock:
            return self._writer.state.get(lesson_id)

    def insert(self, lessons: Sequence[Lesson], *, who: str, why: str = "") -> tuple[Written, ...]:
        """Take in lessons: all in one transaction, each exactly once.

        A lesson that is there in other words is merged: the older wording stays and takes the
        sources. Words that were retired, internalised or merged before stay so; a pending
        lesson becomes active when it is learned again from new sources.

        Returns:
            What became of each, in the order given.
        """
        for lesson in lessons:
            if lesson.scope != self.scope:
                raise LessonError(
                    f"a lesson of scope {lesson.scope!r} was handed to the memory of scope "
                    f"{self.scope!r}: {lesson.text!r}"
                )
        if not lessons:
            return ()
        with self._lock:
            self._writer.read_on()
            likeness, self._writer.likeness = self._writer.texts(), None
            texts = [one.text for one in lessons]
            vectors = vectors_of(self._engine, self._embedder, texts)
            plan = plan_intake(lessons, vectors, self._writer.state, likeness, who=who, why=why)
            before = self._writer.state.version
            self._writer.write(plan.drafts)
            if self._writer.state.version - before <= len(plan.drafts):
                self._writer.likeness = likeness  # nobody else wrote meanwhile
            return tuple(Written(self._writer.state.get(i), what) for i, what in plan.decided)

    def revise(
        self,
        lesson_id: str,
        *,
        situation: str | None = None,
        advice: str | None = None,
        who: str,
        why: str,
        key: str | None = None,
    ) -> int:
        """Change a lesson's words; its id stays. Returns the version after it.

        Raises:
            LessonError: Another lesson has these words: merge the two instead.
        """
        with self._lock:
            self._writer.read_on()
            old = self._writer.state.get(lesson_id)
            new = replace(old, situation=situation or old.situation, advice=advice or old.advice)
            taken = self._writer.state.spoken_for.get(new.content_key, lesson_id)
            if taken != lesson_id:
                raise LessonError(f"lesson {taken} has these words already: merge the two")
            words: dict[str, object] = {"situation": new.situation, "advice": new.advice}
            return self._writer.change("revise", lesson_id, words, who=who, why=why, key=key)

    def merge(self, lesson_id: str, into: str, *, who: str, why: str) -> int:
        """Let one lesson speak for another, with the sources of both. Returns the version."""
        with self._lock:
            self._writer.read_on()
            gone, kept = self._writer.state.get(lesson_id), self._writer.state.get(into)
            if gone.id == kept.id:
                raise LessonError(f"lesson {into} cannot be merged into itself")
            if gone.pinned:
                raise LessonError(f"lesson {gone.id} is pinned: unpin it first")
            sources: dict[str, object] = {
                "content_key": gone.content_key,
                "absorbed": gone.id,
                "provenance": [asdict(source) for source in gone.provenance],
            }
            drafts = [
                self._writer.draft("merge", kept.id, sources, who=who, why=why),
                self._writer.draft("merge", gone.id, {"into": kept.id}, who=who, why=why),
            ]
            return self._writer.write(drafts)[-1]

    def retire(
        self,
        lesson_id: str,
        *,
        who: str,
        why: str,
        status: Literal["retired", "internalised", "pending"] = "retired",
        key: str | None = None,
    ) -> int:
        """Take a lesson out of recall. Returns the version after it.

        Raises:
            LessonError: The lesson is pinned.
        """
        with self._lock:
            self._writer.read_on()
            if self._writer.state.get(lesson_id).pinned:
                raise LessonError(f"lesson {lesson_id} is pinned: unpin it first")
            return self._writer.change(
                "retire", lesson_id, {"status": status}, who=who, why=why, key=key
            )

    def restore(self, lesson_id: str, *, who: str, why: str, key: str | None = None) -> int:
        """Make a lesson active again, or release a pending one. Returns the version."""
        with self._lock:
            self._writer.read_on()
            return self._writer.change(
                "restore", lesson_id, {"status": "active"}, who=who, why=why, key=key
            )

    def pin(self, lesson_id: str, pinned: bool = True, *, who: str, why: str = "") -> int:
        """Protect a lesson from being retired, or no longer. Returns the version."""
        with self._lock:
            self._writer.read_on()
            return self._writer.change("pin", lesson_id, {"pinned": pinned}, who=who, why=why)

    def revert(self, version: int, *, who: str, why: str) -> int:
        """Make the lessons again what they were at a version, by new events. Returns the version.

        Lessons inserted since become pending, not retired: nothing is known against them.
        Sources that were added since stay, being facts.
        """
        with self._lock:
            self._writer.read_on()
            drafts = drafts_back_to(self._engine, self._writer.state, self.scope, version, who, why)
            self._writer.write(drafts)
            return self._writer.state.version

    def snapshot(self, version: int | None = None) -> Snapshot:
        """Return the memory as of a version, read-only; None means the latest."""
        with self._lock:
            return take_snapshot(self._engine, self.scope, self._embedder, version, keep=True)

    def search(self, query: str, n: int = 10) -> tuple[tuple[Lesson, float], ...]:
        """Return the n active lessons nearest to a query, with their cosine, from the index."""
        vector = self._embedder.embed([query])[0]
        with self._lock:
            found = self._index.nearest(vector, n)
            return tuple((self._writer.state.get(i), cosine) for i, cosine in found)

    def rebuild(self) -> Mended:
        """Throw the index away and make it anew from the log."""
        with self._lock:
            self._index.empty()
            return self._writer.mend(expected=True)

    def check(self) -> tuple[str, ...]:
        """Return what is wrong between index and log, one line each; empty if they agree."""
        with self._lock:
            self._writer.read_on()
            lines = compare(self._writer.state, self._index.marks()).lines()
            return lines + wrong_vectors(
                self._writer.state, self._index.vectors(), self._engine, self._embedder
            )
