"""The vector index over active lessons: one Chroma collection, embedded or on a server.

It holds nothing that the log does not; `store` keeps the two together.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from agentevo.memory.embedding import Embedder, Vectors
from agentevo.memory.errors import MemoryAccessError

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection
    from filelock import BaseFileLock

_BATCH = 2_000


class Index:
    """One scope's collection. An embedded one belongs to one process, held by file locks."""

    def __init__(
        self, where: str | Path, scope: str, embedder: Embedder, *, log_id: str, anew: bool = False
    ) -> None:
        """Open the collection, or make it.

        Args:
            where: A folder for embedded Chroma, or a Chroma server's http(s) URL.
            scope: Whose lessons.
            embedder: Made the vectors; one collection has vectors of one embedder.
            log_id: Of the log it belongs to, so that two runs on one server never meet.
            anew: Throw away what is there, also what another embedder made.

        Raises:
            MemoryAccessError: Another process has it, no server answers, or another embedder
                made it.
        """
        self._locks: list[BaseFileLock] = []
        digest = hashlib.sha256(f"{log_id}\n{scope}".encode()).hexdigest()[:16]
        self.name = f"lessons-{re.sub('[^a-zA-Z0-9]+', '-', scope)[:40].strip('-')}-{digest}"
        self._embedder = embedder
        self.is_shared = isinstance(where, str) and where.startswith(("http://", "https://"))
        """Whether other processes may write to it, too."""
        if not self.is_shared:
            self._hold(Path(where), digest)
        try:
            self._client = _server(str(where)) if self.is_shared else _embedded(Path(where))
            self._collection = self._open(anew)
        except BaseException:
            self.close()
            raise

    def _hold(self, folder: Path, digest: str) -> None:
        """Take the folder for this process, and the scope for this object."""
        from filelock import FileLock, Timeout

        folder.mkdir(parents=True, exist_ok=True)
        owner = folder / "owner.txt"
        try:
            for path, shared in (
                (folder / "process.lock", True),
                (folder / f"{digest}.lock", False),
            ):
                lock = FileLock(path, thread_local=False, is_singleton=shared)
                lock.acquire(timeout=0)
                self._locks.append(lock)
        except Timeout as error:
            self._release()
            who = owner.read_text() if owner.is_file() else "unknown"
            raise MemoryAccessError(
                f"the memory in {folder} is open already (by process {who}). Embedded Chroma "
                f"serves one process: close the other, read the lessons from the log, or run "
                f"`chroma run --path {folder}` and give its URL to both"
            ) from error
        owner.write_text(str(os.getpid()))

    def _open(self, anew: bool) -> "Collection":
        """Return the collection, made if need be; refuse vectors of another embedder."""
        from chromadb.errors import NotFoundError

        if anew:
            with suppress(NotFoundError):
                self._client.delete_collection(self.name)
        collection = self._client.get_or_create_collection(
            self.name,
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}},
            metadata={"embedder": self._embedder.name},
        )
        made_by = (collection.metadata or {}).get("embedder")
        if made_by != self._embedder.name:
            raise MemoryAccessError(
                f"this index holds vectors of {made_by!r}, and the embedder at hand is "
                f"{self._embedder.name!r}: use that one, or rebuild the index with this one"
            )
        return collection

    def empty(self) -> None:
        """Throw everything in the collection away."""
        self._collection = self._open(anew=True)

    def marks(self) -> dict[str, str]:
        """Return what is in the index: the mark of each lesson's situation, by id."""
        found: dict[str, str] = {}
        for _, page in self._pages([]):
            found.update(page)
        return found

    def vectors(self) -> dict[str, Vectors]:
        """Return the vectors in the index, by id."""
        found: dict[str, Vectors] = {}
        for rows, page in self._pages(["embeddings"]):
            found.update(zip(page, rows, strict=True))
        return found

    def _pages(self, include: list[str]) -> Iterator[tuple[Vectors, dict[str, str]]]:
        """Yield the index page by page, as (vectors if included, marks by id)."""
        offset = 0
        while True:
            page = self._collection.get(
                limit=_BATCH,
                offset=offset,
                include=["metadatas", *include],  # type: ignore[list-item]
            )
            if not page["ids"]:
                return
            offset += len(page["ids"])
            rows = np.asarray(page["embeddings"] if include else [], dtype=np.float32)
            metadatas = page["metadatas"] or []
            yield (
                rows,
                {i: str(m["mark"]) for i, m in zip(page["ids"], metadatas, strict=True)},
            )

    def put(self, marks: Mapping[str, str], vectors: Vectors) -> None:
        """Add lessons, or replace them: mark by id, vectors in the same order (n, d)."""
        ids = list(marks)
        for start in range(0, len(ids), _BATCH):
            part = ids[start : start + _BATCH]
            self._collection.upsert(
                ids=part,
                embeddings=vectors[start : start + len(part)],
                metadatas=[{"mark": marks[one]} for one in part],
            )

    def remove(self, ids: Sequence[str]) -> None:
        """Take lessons out; unknown ids are passed over."""
        for start in range(0, len(ids), _BATCH):
            self._collection.delete(ids=list(ids[start : start + _BATCH]))

    def nearest(self, queries: Vectors, n: int) -> tuple[list[str], Vectors, Vectors]:
        """Return what is nearest to any of some queries, nearest first.

        Args:
            queries: Vectors, (m, d), m > 0.
            n: How many are looked for, for each query; at least 1.

        Returns:
            Ids; the cosine (-1..1) of each with its nearest query, (k,); their vectors, (k, d).
        """
        found = self._collection.query(
            query_embeddings=queries, n_results=n, include=["distances", "embeddings"]
        )
        ids = [one for some in found["ids"] for one in some]
        if not ids:
            return [], np.empty(0, np.float32), np.empty((0, queries.shape[1]), np.float32)
        cosines = 1 - np.concatenate([np.asarray(one) for one in found["distances"] or []])
        vectors = np.concatenate([np.asarray(one) for one in found["embeddings"] or [] if len(one)])
        best: dict[str, int] = {}
        for i in np.argsort(-cosines, kind="stable").tolist():
            best.setdefault(ids[i], i)
        rows = list(best.values())
        return list(best), cosines[rows], vectors[rows]

    @property
    def is_open(self) -> bool:
        """Whether it was not closed yet."""
        return "_client" in self.__dict__

    def close(self) -> None:
        """Let go of the client and the locks. May be called again."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()
            for part in (client, getattr(client, "_admin_client", None)):
                session = getattr(getattr(part, "_server", None), "_session", None)
                if session is not None:  # Chroma 1.5 leaves its HTTP sockets open
                    session.close()
        self._release()

    def _release(self) -> None:
        while self._locks:
            self._locks.pop().release()


def _embedded(folder: Path) -> "ClientAPI":
    import chromadb
    from chromadb.config import Settings
    from chromadb.errors import ChromaError

    try:
        return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    except (ChromaError, ValueError, RuntimeError) as error:
        raise MemoryAccessError(
            f"the index in {folder} cannot be read ({error}). The log has every lesson: take "
            "the folder away and start again, and the index is made anew"
        ) from error


def _server(url: str) -> "ClientAPI":
    import chromadb
    from chromadb.config import Settings

    parts = urlsplit(url)
    secure = parts.scheme == "https"
    try:
        return chromadb.HttpClient(
            host=parts.hostname or "localhost",
            port=parts.port or (443 if secure else 8000),
            ssl=secure,
            settings=Settings(anonymized_telemetry=False),
        )
    except ValueError as error:
        raise MemoryAccessError(f"no Chroma server answers at {url}: {error}") from error
