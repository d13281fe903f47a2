"""What a model said to what, in a file that the runs of a comparison share.

A reply is decided by the weights, the prompt, the temperature and the seed of the sampling. Where
all of these come again, as they do wherever two recipes play the same tasks with the same weights,
it is looked up and not generated. Tokens are counted as if it were.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentevo.backbones.batching import Reply

WAIT_S = 60.0
"""For another process that writes."""


class Replies:
    """Replies in a SQLite file, which several processes may read and write at once."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it where it is not there."""
        self._lock = threading.Lock()
        self._file = sqlite3.connect(
            path, timeout=WAIT_S, isolation_level=None, check_same_thread=False
        )
        self._file.execute("PRAGMA journal_mode = wal")
        self._file.execute("PRAGMA synchronous = normal")
        self._file.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT)")

    def get(self, key: str) -> Reply | None:
        """Return a reply that is known."""
        from agentevo.backbones.batching import Reply

        with self._lock:
            row = self._file.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return Reply(**json.loads(row[0])) if row else None

    def keep(self, key: str, future: Future[Any]) -> None:
        """Keep a reply once it is there; one that broke is not kept."""
        if future.cancelled() or future.exception() is not None:
            return
        text = json.dumps(asdict(future.result()))
        with self._lock, suppress(sqlite3.ProgrammingError):  # closed meanwhile
            self._file.execute("INSERT OR IGNORE INTO replies VALUES (?, ?)", (key, text))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


def key_of(
    weights: str, ids: Sequence[int], *, max_tokens: int, temperature: float, seed: str,
    with_logprobs: bool,
) -> str:  # fmt: skip
    """Return all that decides a reply, as one name; greedy replies have no seed."""
    told = [weights, list(ids), max_tokens, temperature, seed if temperature else "", with_logprobs]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
