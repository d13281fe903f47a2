"""Vectors that are kept in the log's database, so that a text is embedded once for ever.

A cache, not a truth: every row can be made again by its embedder.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import sqlalchemy as sa

from agentevo.memory.embedding import Embedder, Vectors
from agentevo.memory.schema import vectors_table

Progress = Callable[[int, int], None]
"""Called with (texts embedded, texts to embed)."""

_CHUNK = 500


def vectors_of(
    engine: sa.Engine,
    embedder: Embedder,
    texts: Sequence[str],
    *,
    keep: bool = True,
    progress: Progress | None = None,
) -> Vectors:
    """Return float32 vectors of shape (len(texts), dimension), embedding only what is new.

    Args:
        engine: The database of the log.
        embedder: Makes what is missing, and is not asked otherwise.
        texts: What to embed.
        keep: Write new vectors to the database, some at a time; a reader does not.
        progress: Called while there is something to embed.
    """
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    found = _read(engine, embedder.name, list(dict.fromkeys(hashes)))
    missing = {h: text for h, text in zip(hashes, texts, strict=True) if h not in found}
    for start in range(0, len(missing), _CHUNK):
        part = list(missing)[start : start + _CHUNK]
        fresh = dict(zip(part, embedder.embed([missing[h] for h in part]), strict=True))
        found.update(fresh)
        if keep:
            _write(engine, embedder.name, fresh)
        if progress:
            progress(start + len(part), len(missing))
    return np.stack([found[h] for h in hashes]) if hashes else np.empty((0, 0), np.float32)


def _read(engine: sa.Engine, embedder: str, hashes: Sequence[str]) -> dict[str, Vectors]:
    table, found = vectors_table.c, dict[str, Vectors]()
    with engine.connect() as connection:
        for start in range(0, len(hashes), _CHUNK):
            query = sa.select(table.text_hash, table.vector).where(
                table.embedder == embedder,
                table.text_hash.in_(hashes[start : start + _CHUNK]),
            )
            for row in connection.execute(query):
                found[row.text_hash] = np.frombuffer(row.vector, dtype="<f4").astype(np.float32)
    return found


def _write(engine: sa.Engine, embedder: str, fresh: dict[str, Vectors]) -> None:
    """Keep new vectors; those that another writer kept meanwhile stay as they are."""
    rows = [
        {"embedder": embedder, "text_hash": h, "vector": vector.astype("<f4").tobytes()}
        for h, vector in fresh.items()
    ]
    try:
        with engine.begin() as connection:
            connection.execute(vectors_table.insert(), rows)
    except sa.exc.IntegrityError:
        known = _read(engine, embedder, list(fresh))
        rest = {h: vector for h, vector in fresh.items() if h not in known}
        if rest and len(rest) < len(fresh):
            _write(engine, embedder, rest)
