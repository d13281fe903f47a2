"""Files: what users write in one of their own, given as `path/to/file.py:name`, and hashes."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any


def from_file(name: str, error: type[Exception]) -> Any:
    """Return what `path/to/file.py:name` names; the file is imported once per process.

    Raises:
        error: there is no such file, or it defines no such name.
    """
    text, _, attribute = name.rpartition(":")
    path = Path(text).expanduser().resolve()
    key = f"agentevo_file_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise error(f"there is no file {text!r}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[key] = module  # dataclasses, pydantic and pickle look their own module up
        try:
            spec.loader.exec_module(module)
        except BaseException as cause:
            del sys.modules[key]
            if not isinstance(cause, Exception):
                raise
            why = f"{type(cause).__name__}: {cause}"
            raise error(f"{text} cannot be imported: {why}") from cause
    found = vars(sys.modules[key])
    if attribute not in found:
        public = sorted(one for one in found if not one.startswith("_"))
        near = get_close_matches(attribute, public, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        known = ", ".join(public) or "none"
        raise error(f"{text} has no {attribute!r}{meant} (known: {known})")
    return found[attribute]


def sha256_of(*paths: Path) -> str:
    """Return the SHA-256 of files, one after the other, as hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def all_in(folder: Path) -> list[Path]:
    """Return the files of a folder and of those below it, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def size_of(folder: Path) -> int:
    """Return the bytes of a folder's files."""
    return sum(path.stat().st_size for path in all_in(folder))


def fingerprint_of(folder: Path) -> str:
    """Return a hash that tells models apart, without reading all of their weights.

    Of each file of weights its size, its beginning and 64 stretches of it count.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin")):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for i in range(65):
                file.seek(i * max(0, size - _STRETCH) // 64)
                digest.update(file.read(_STRETCH))
    return digest.hexdigest()[:16]


_STRETCH = 4096  # bytes
