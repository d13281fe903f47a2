"""Documents that tasks are made from, in chunks that can be named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agentevo.config import ConfigError

ENDINGS = (".txt", ".md")


def chunks_of(path: Path, n_words: int = 120) -> list[tuple[str, str]]:
    """Return the chunks of a file, or of those of a folder and below it, as (id, text).

    An id is `NAME#N`: the file's name, or its path from the folder on, and the chunk's number
    from 1 on. Paragraphs stay whole, and short ones together; one of more than `n_words` words is
    cut at its words.

    Raises:
        ConfigError: there is no such file, it is no text of ours, or nothing stands in it.
    """
    if not path.exists():
        raise ConfigError(f"there is no file or folder {str(path)!r}")
    is_folder = path.is_dir()
    files = sorted(one for one in path.rglob("*") if one.is_file()) if is_folder else [path]
    found: list[tuple[str, str]] = []
    for file in files:
        if file.suffix.lower() in ENDINGS:
            name = file.relative_to(path).as_posix() if is_folder else file.name
            text = file.read_text(encoding="utf-8", errors="replace")
            found += [(f"{name}#{i}", chunk) for i, chunk in enumerate(_packed(text, n_words), 1)]
    if not found:
        raise ConfigError(f"there is no text in {str(path)!r} ({', '.join(ENDINGS)})")
    return found


def _packed(text: str, n_words: int) -> Iterator[str]:
    """Yield paragraphs, as many together as have room."""
    held: list[str] = []
    n_held = 0
    for paragraph in _paragraphs(text, n_words):
        n = len(paragraph.split())
        if held and n_held + n > n_words:
            yield "\n\n".join(held)
            held, n_held = [], 0
        held.append(paragraph)
        n_held += n
    if held:
        yield "\n\n".join(held)


def _paragraphs(text: str, n_words: int) -> Iterator[str]:
    """Yield what stands between empty lines, the long ones in pieces."""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.strip():
            lines.append(line.rstrip())
            continue
        words = " ".join(lines).split()
        if len(words) <= n_words and lines:
            yield "\n".join(lines)
        elif lines:
            for start in range(0, len(words), n_words):
                yield " ".join(words[start : start + n_words])
        lines = []
