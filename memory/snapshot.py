"""Snapshot: the active lessons as of one version, read-only, made from the log alone."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa

from agentevo.memory.embedding import Embedder, Vectors
from agentevo.memory.errors import MemoryUseError
from agentevo.memory.fold import fold
from agentevo.memory.lesson import Lesson
from agentevo.memory.log import events
from agentevo.memory.recall import (
    Recalled,
    RecallSettings,
    Withholding,
    choose,
    count_words,
    similarities,
)
from agentevo.memory.vectors import vectors_of


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A memory that no longer changes. Plain data: it can be pickled to another process."""

    scope: str
    version: int
    """The version it shows; 0 is the empty memory."""
    lessons: tuple[Lesson, ...]
    """Those that may be recalled, oldest first: the active ones, and others that were asked for."""
    vectors: Vectors
    """Of their situations: float32, (n, d), each of length 1."""
    utility: tuple[float, ...]
    """By lesson, -1..1; 0 where nothing is known."""
    embedder: Embedder

    def with_utility(self, utility: Mapping[str, float]) -> "Snapshot":
        """Return the snapshot with utilities by lesson id; those not named become 0."""
        return replace(self, utility=tuple(utility.get(one.id, 0.0) for one in self.lessons))

    def without(self, lesson_id: str) -> "Snapshot":
        """Return the snapshot less one lesson."""
        left = [i for i, one in enumerate(self.lessons) if one.id != lesson_id]
        return replace(
            self,
            lessons=tuple(self.lessons[i] for i in left),
            vectors=self.vectors[left],
            utility=tuple(self.utility[i] for i in left),
        )

    def recall(
        self,
        query: str | Sequence[str],
        settings: RecallSettings | None = None,
        *,
        withholding: Withholding | None = None,
        count: Callable[[str], int] = count_words,
    ) -> Recalled:
        """Choose the lessons that fit a query.

        Args:
            query: What the agent faces. Several passages (task, first observation, its
                sentences) count by the nearest of them; MiniLM reads 256 tokens of each.
            settings: How to choose; None means the defaults.
            withholding: Random leaving out, for credit; None in evaluation.
            count: Counts tokens for the budget; words by default.
        """
        passages = [query] if isinstance(query, str) else list(query)
        passages = [text for text in passages if text.strip()]
        settings = settings or RecallSettings()
        if self.lessons and passages and settings.n_lessons:
            near = similarities(self.vectors, self.embedder.embed(passages))
        else:
            near = np.full(len(self.lessons), -1.0)
        return choose(
            self.lessons,
            self.vectors,
            near,
            passages=passages,
            utility=np.array(self.utility, dtype=np.float64),
            settings=settings,
            withholding=withholding,
            count=count,
        )


def take_snapshot(
    engine: sa.Engine,
    scope: str,
    embedder: Embedder,
    version: int | None = None,
    *,
    keep: bool = False,
    also: Collection[str] = (),
) -> Snapshot:
    """Make a snapshot from the log, also while another process has the index open.

    Args:
        engine: The database of the log.
        scope: Whose memory.
        embedder: Embeds what the database has no vector of, and later the queries.
        version: As of which version; None means the latest, 0 the empty memory.
        keep: Write new vectors to the database; a reader does not.
        also: Ids of lessons that are shown where they are internalised, as if they were active:
            for weights that do not know them.

    Raises:
        MemoryUseError: There is no such version.
    """
    state = fold(events(engine, scope, up_to=version))
    if version is not None and state.version != version:
        raise MemoryUseError(
            f"scope {scope!r} has no version {version}; the latest is {state.version}"
        )
    lessons = tuple(
        one
        for one in state.lessons.values()
        if one.status == "active" or (one.status == "internalised" and one.id in also)
    )
    vectors = vectors_of(engine, embedder, [one.situation for one in lessons], keep=keep)
    return Snapshot(scope, state.version, lessons, vectors, (0.0,) * len(lessons), embedder)
