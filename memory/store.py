"""Memory: the one writer of a scope's lessons. First the log, then the index."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import sqlalchemy as sa

from agentevo.memory.embedding import Embedder, Vectors
from agentevo.memory.errors import LessonError
from agentevo.memory.index import Index
from agentevo.memory.intake import Written, plan_intake
from agentevo.memory.lesson import Lesson
from agentevo.memory.likeness import MergeSettings
from agentevo.memory.mending import Mended, compare, wrong_vectors
from agentevo.memory.recall import (
    Recalled,
    RecallSettings,
    Withholding,
    choose,
    count_words,
)
from agentevo.memory.revert import drafts_back_to
from agentevo.memory.scanner import redact, scan
from agentevo.memory.schema import create
from agentevo.memory.settler import Settler
from agentevo.memory.snapshot import Snapshot, take_snapshot
from agentevo.memory.vectors import Progress, vectors_of
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
        scanning: bool = True,
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Open a scope's memory.

        Args:
            engine: The database of the log; its tables are made if they are missing.
            where: A folder for embedded Chroma, or a Chroma server's URL.
            scope: Whose lessons.
            embedder: For situations, and for finding near-duplicates.
            merging: When two wordings are one lesson; None means the defaults.
            scanning: Put suspicious lessons in quarantine; False only to measure what that is
                worth.
            rebuild: Make the index anew from the log, also where another embedder made it. What
                was embedded is kept, also when this is stopped half-way.
            progress: Called with (lessons embedded, lessons to embed) while the index is brought
                after the log.

        Raises:
            MemoryAccessError: It is open elsewhere, or another embedder made the index.
        """
        self.scope, self.engine = scope, engine
        self._embedder, self._scanning = embedder, scanning
        self._lock = threading.RLock()
        self._index = Index(where, scope, embedder, log_id=create(engine), anew=rebuild)
        self._writer = Writer(engine, scope, embedder, self._index, merging or MergeSettings())
        self._settler = Settler(self.settle)
        try:
            self.mended = self._writer.mend(expected=rebuild, progress=progress)
        except BaseException:
            self._index.close()
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
        """Settle, and let the index go, so that another process can have it."""
        self._settler.stop()
        try:
            if self._index.is_open and self._writer.is_behind:
                self.settle()
        finally:
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

    def insert(
        self,
        lessons: Sequence[Lesson],
        *,
        who: str,
        why: str = "",
        gated: bool = False,
        apart: bool = False,
        shown: Mapping[str, Collection[str]] | None = None,
        wait: bool = True,
    ) -> tuple[Written, ...]:
        """Take in lessons: all in one transaction, each exactly once.

        A lesson that is there in other words is merged: the older wording stays and takes the
        sources. Words that were retired, internalised or merged before stay so; a pending
        lesson becomes active when it is learned again from new sources. What the scanner finds
        suspicious, or nobody vouches for, is put in quarantine, and secrets are taken out.

        Args:
            lessons: Of this scope.
            who: Recorded with each event.
            why: Recorded with each event.
            gated: A gate will judge the version that these make, so that resting on a tool alone
                puts none of them in quarantine.
            apart: Each is a lesson for itself, also where another says the same.
            shown: Ids of the lessons that a source had in its prompt, by trajectory: what it says
                of these is an echo, and adds no source.
            wait: False returns as soon as the lessons are in the log. They are compared with the
                others, and indexed, in batches in the background; `settle` waits for that.

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
            while True:
                self._writer.read_on()
                likeness = vectors = None
                if wait:
                    self._writer.settle()
                    likeness = self._writer.texts()
                    texts = [one.text for one in lessons]
                    vectors = vectors_of(self.engine, self._embedder, texts)
                plan = plan_intake(
                    lessons, vectors, self._writer.state, likeness, who=who, why=why,
                    gated=gated, scanning=self._scanning, apart=apart, shown=shown,
                )  # fmt: skip
                if self._writer.take_in(plan.drafts, follow=wait):
                    break  # else somebody else wrote meanwhile, and it may mean another thing now
            if not wait:
                self._settler.soon()
            return tuple(Written(self._writer.state.get(i), what) for i, what in plan.decided)

    def settle(self) -> None:
        """Finish what `insert` did not wait for: near-duplicates are merged, the index follows."""
        with self._lock:
            self._writer.settle()

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
        """Change a lesson's words; its id stays, and secrets are taken out. Returns the version.

        Suspicious words put an active lesson in quarantine, as they do a new one.

        Raises:
            LessonError: Another lesson has these words: merge the two instead.
        """
        with self._lock:
            self._writer.read_on()
            old = self._writer.state.get(lesson_id)
            new = replace(
                old,
                situation=redact(situation or old.situation),
                advice=redact(advice or old.advice),
            )
            taken = self._writer.state.spoken_for.get(new.content_key, lesson_id)
            if taken != lesson_id:
                raise LessonError(f"lesson {taken} has these words already: merge the two")
            words: dict[str, object] = {"situation": new.situation, "advice": new.advice}
            version = self._writer.change("revise", lesson_id, words, who=who, why=why, key=key)
            found = scan(f"{situation or ''}: {advice or ''}") if self._scanning else ()
            if not found or old.status != "active":
                return version
            why = f"in quarantine: {', '.join(map(str, found))}"
            return self.quarantine(lesson_id, who=who, why=why)

    def merge(self, lesson_id: str, into: str, *, who: str, why: str) -> int:
        """Let one lesson speak for another, with the sources of both. Returns the version."""
        with self._lock:
            self._writer.read_on()
            gone, kept = self._writer.state.get(lesson_id), self._writer.state.get(into)
            if gone.id == kept.id:
                raise LessonError(f"lesson {into} cannot be merged into itself")
            if gone.pinned:
                raise LessonError(f"lesson {gone.id} is pinned: unpin it first")
            if kept.status not in ("active", "pending"):
                raise LessonError(f"lesson {into} is {kept.status}: it can speak for no other")
            drafts = self._writer.merging(gone.id, kept.id, who=who, why=why)
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

    def quarantine(self, lesson_id: str, *, who: str, why: str) -> int:
        """Take a lesson out of recall until a person has looked at it. Returns the version."""
        with self._lock:
            self._writer.read_on()
            changes: dict[str, object] = {"status": "quarantined"}
            return self._writer.change("quarantine", lesson_id, changes, who=who, why=why)

    def release(self, lesson_id: str, *, who: str, why: str) -> int:
        """Make a lesson active that is in quarantine or pending. Returns the version.

        Raises:
            LessonError: It is neither.
        """
        with self._lock:
            self._writer.read_on()
            status = self._writer.state.get(lesson_id).status
            if status not in ("quarantined", "pending", "active"):
                raise LessonError(f"lesson {lesson_id} is {status}: restore it instead")
            changes: dict[str, object] = {"status": "active"}
            return self._writer.change("release", lesson_id, changes, who=who, why=why)

    def restore(self, lesson_id: str, *, who: str, why: str, key: str | None = None) -> int:
        """Make a lesson active again. Returns the version.

        Raises:
            LessonError: It is in quarantine.
        """
        with self._lock:
            self._writer.read_on()
            if self._writer.state.get(lesson_id).status == "quarantined":
                raise LessonError(
                    f"lesson {lesson_id} is in quarantine: look at it, and release it"
                )
            return self._writer.change(
                "restore", lesson_id, {"status": "active"}, who=who, why=why, key=key
            )

    def pin(self, lesson_id: str, pinned: bool = True, *, who: str, why: str = "") -> int:
        """Protect a lesson from being retired, or no longer. Returns the version."""
        with self._lock:
            self._writer.read_on()
            return self._writer.change("pin", lesson_id, {"pinned": pinned}, who=who, why=why)

    def revert(self, version: int, *, who: str, why: str, keep: Collection[str] = ()) -> int:
        """Make the lessons again what they were at a version, by new events. Returns the version.

        Lessons inserted since become pending, not retired: nothing is known against them.
        Sources that were added since stay, being facts, and lessons whose ids are in `keep`.
        """
        with self._lock:
            self._writer.read_on()
            drafts = drafts_back_to(self.engine, self._writer.state, self.scope, version, who, why)
            self._writer.write([one for one in drafts if one.lesson_id not in keep])
            return self._writer.state.version

    def snapshot(self, version: int | None = None) -> Snapshot:
        """Return the memory as of a version, read-only; None means the latest."""
        with self._lock:
            self._writer.settle()
            return take_snapshot(self.engine, self.scope, self._embedder, version, keep=True)

    def search(self, query: str, n: int = 10) -> tuple[tuple[Lesson, float], ...]:
        """Return the n active lessons nearest to a query, with their cosine, from the index."""
        found, cosines, _ = self._nearest([query], n)
        return tuple(zip(found, cosines.tolist(), strict=True))

    def recall(
        self,
        query: str | Sequence[str],
        settings: RecallSettings | None = None,
        *,
        utility: Mapping[str, float] | None = None,
        withholding: Withholding | None = None,
        count: Callable[[str], int] = count_words,
    ) -> Recalled:
        """Choose the lessons that fit a query, as a snapshot does, by way of the index.

        The index finds the nearest without looking at all, so this is as fast in a large memory
        as in a small one; a snapshot looks at all, and always ranks the same.

        Args:
            query: What the agent faces. Several passages count by the nearest of them.
            settings: How to choose; None means the defaults.
            utility: What credit knows, by lesson id, -1..1; 0 where it is not named.
            withholding: Random leaving out, for credit.
            count: Counts tokens for the budget; words by default.
        """
        settings, known = settings or RecallSettings(), utility or {}
        passages = [query] if isinstance(query, str) else list(query)
        passages = [text for text in passages if text.strip()]
        n = settings.n_candidates if settings.n_lessons and passages else 0
        found, cosines, vectors = self._nearest(passages, n)
        born = self._writer.state.born
        rows = sorted(range(len(found)), key=lambda i: born[found[i].id])  # as in a snapshot
        return choose(
            [found[i] for i in rows],
            vectors[rows],
            np.round(cosines[rows], 5),
            passages=passages,
            utility=np.array([known.get(found[i].id, 0.0) for i in rows]),
            settings=settings,
            withholding=withholding,
            count=count,
        )

    def _nearest(self, passages: Sequence[str], n: int) -> tuple[list[Lesson], Vectors, Vectors]:
        """Return active lessons, the nearest to any passage first, their cosines and vectors."""
        if n < 1:
            return [], np.empty(0, np.float32), np.empty((0, 0), np.float32)
        queries = self._embedder.embed(passages)
        with self._lock:
            if self._writer.is_behind or self._index.is_shared:
                self._writer.settle()
            ids, cosines, vectors = self._index.nearest(queries, n)
            near = [self._writer.state.get(i) for i in ids]
        rows = [i for i, one in enumerate(near) if one.status == "active"][:n]
        return [near[i] for i in rows], cosines[rows], vectors[rows]

    def rebuild(self) -> Mended:
        """Throw the index away and make it anew from the log."""
        with self._lock:
            self._index.empty()
            return self._writer.mend(expected=True)

    def check(self) -> tuple[str, ...]:
        """Return what is wrong between index and log, one line each; empty if they agree."""
        with self._lock:
            self._writer.settle()
            lines = compare(self._writer.state, self._index.marks()).lines()
            return lines + wrong_vectors(
                self._writer.state, self._index.vectors(), self.engine, self._embedder
            )
