"""Bringing the index after the log: comparing the two, and putting right what differs."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from agentevo.memory.embedding import Embedder, Vectors
from agentevo.memory.fold import State
from agentevo.memory.index import Index
from agentevo.memory.vectors import Progress, vectors_of


@dataclass(frozen=True, slots=True)
class Mended:
    """How the index differed from the log, by lesson id."""

    missing: tuple[str, ...] = ()
    """Active lessons that the index lacked."""
    extra: tuple[str, ...] = ()
    """Entries in the index that are no active lessons."""
    stale: tuple[str, ...] = ()
    """Lessons whose situation in the index was an older one."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them."""
        return self.missing + self.extra + self.stale

    def lines(self) -> tuple[str, ...]:
        """One line for each kind of difference that there is."""
        parts = (
            ("missing from the index", self.missing),
            ("in the index, but not active in the log", self.extra),
            ("older in the index than in the log", self.stale),
        )
        return tuple(f"{what}: {', '.join(ids)}" for what, ids in parts if ids)

    def __str__(self) -> str:
        """The numbers in words."""
        return f"{len(self.missing)} added, {len(self.extra)} removed, {len(self.stale)} renewed"


def compare(state: State, marks: Mapping[str, str]) -> Mended:
    """Return how an index with these marks differs from the log's state."""
    wanted = {one.id: mark(one.situation) for one in state.active}
    return Mended(
        missing=tuple(i for i in wanted if i not in marks),
        extra=tuple(i for i in marks if i not in wanted),
        stale=tuple(i for i, m in wanted.items() if i in marks and marks[i] != m),
    )


def bring_after(
    state: State,
    ids: Collection[str],
    index: Index,
    engine: sa.Engine,
    embedder: Embedder,
    progress: Progress | None = None,
) -> None:
    """Put these lessons into the index, or take them out, as their status asks."""
    active = {
        i: state.lessons[i].situation
        for i in ids
        if i in state.lessons and state.lessons[i].status == "active"
    }
    if gone := [i for i in ids if i not in active]:
        index.remove(gone)
    if active:
        vectors = vectors_of(engine, embedder, list(active.values()), progress=progress)
        index.put({i: mark(text) for i, text in active.items()}, vectors)


def wrong_vectors(
    state: State, found: Mapping[str, Vectors], engine: sa.Engine, embedder: Embedder
) -> tuple[str, ...]:
    """Return a line if vectors in the index are not those of their situations."""
    known = [one for one in state.active if one.id in found]
    right = vectors_of(engine, embedder, [one.situation for one in known], keep=False)
    wrong = [
        one.id
        for one, vector in zip(known, right, strict=True)
        if not np.allclose(found[one.id], vector, atol=1e-4)
    ]
    return (f"wrong vector in the index: {', '.join(wrong)}",) if wrong else ()


def mark(situation: str) -> str:
    """Return what the index keeps beside a vector, to know later of which words it is."""
    return hashlib.sha256(situation.encode()).hexdigest()[:16]
