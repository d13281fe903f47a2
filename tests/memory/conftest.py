"""A small deterministic embedder, lessons about a kitchen, and a memory of its own per test."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from agentevo.memory import Lesson, Memory, MiniLM, Provenance, connect
from agentevo.memory.embedding import Vectors
from agentevo.memory.words import content_words

MakeLesson = Callable[..., Lesson]
Open = Callable[..., Memory]


class HashEmbedder:
    """Adds a fixed random direction for each content word: no model, same on any machine."""

    dimension = 64

    def __init__(self, name: str = "hash-64") -> None:
        self.name = name
        self.n_embedded = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.n_embedded += len(texts)
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in (*content_words(text), "always the same"):
                seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
                row += np.random.default_rng(seed).standard_normal(self.dimension)
            row /= np.linalg.norm(row)
        return rows


def lesson(situation: str, advice: str, source: str = "t1", scope: str = "kitchen") -> Lesson:
    """Return a lesson drawn from one trajectory."""
    sources = (Provenance("tests", trajectories=(source,), generation=1, prompt_hash="p"),)
    return Lesson(situation, advice, scope, sources)


@pytest.fixture
def embedder() -> HashEmbedder:
    return HashEmbedder()


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    return MiniLM()


@pytest.fixture(name="lesson")
def _lesson() -> MakeLesson:
    return lesson


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = connect(tmp_path / "log.db")
    yield engine
    engine.dispose()


@pytest.fixture
def open_memory(engine: sa.Engine, tmp_path: Path, embedder: HashEmbedder) -> Iterator[Open]:
    """Open memories on one log and one folder; all are closed at the end."""
    opened = []

    def open_it(scope: str = "kitchen", **options: object) -> Memory:
        by = options.pop("embedder", embedder)
        memory = Memory(engine, tmp_path / "index", scope, by, **options)  # type: ignore[arg-type]
        opened.append(memory)
        return memory

    yield open_it
    for memory in opened:
        memory.close()


@pytest.fixture
def memory(open_memory: Open) -> Memory:
    return open_memory()
