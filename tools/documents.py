"""Search over a folder of documents, by their words and by their meaning.

Words are ranked by BM25 (SQLite's full-text index), meaning by cosine of vectors, where somebody
embeds; both rankings are joined by reciprocal ranks (Cormack et al. 2009,
doi:10.1145/1571941.1572114).
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from langchain_core.tools import BaseTool, ToolException

from agentevo.tools.context import Context, Embed
from agentevo.tools.decorator import tool
from agentevo.tools.errors import ToolError

ENDINGS = (".txt", ".md", ".rst", ".html", ".csv", ".json", ".jsonl", ".tex", ".py", ".log")
N_WORDS = 120  # of a passage; embedders read little more
K = 60  # of reciprocal rank fusion, as in its paper
LARGEST = 20_000_000  # bytes of a file that is read


@dataclass(frozen=True)
class Passage:
    """A piece of a document."""

    title: str
    """Of the document: its path from the folder on."""
    line: int
    """Where it begins, from 1 on."""
    text: str


def passages_of(title: str, text: str) -> list[Passage]:
    """Cut a document into passages at its paragraphs, long ones at their words."""
    found: list[Passage] = []
    words: list[str] = []
    began = 1
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split()
        is_full = len(words) + len(parts) > N_WORDS and len(words) >= N_WORDS // 4
        if words and (not parts or is_full):
            found.append(Passage(title, began, " ".join(words)))
            words = []
        if not words:
            began = number
        words += parts
        while len(words) > 2 * N_WORDS:
            found.append(Passage(title, began, " ".join(words[:N_WORDS])))
            words = words[N_WORDS:]
    if words:
        found.append(Passage(title, began, " ".join(words)))
    return found


def passages_in(folder: Path) -> list[Passage]:
    """Return the passages of a folder's documents.

    Raises:
        ToolError: it is no folder, or has none.
    """
    if not folder.is_dir():
        raise ToolError(f"documents: {folder} is no folder")
    found: list[Passage] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in ENDINGS and path.is_file() and path.stat().st_size <= LARGEST:
            text = path.read_text(encoding="utf-8", errors="replace")
            if path.suffix.lower() == ".html":
                from agentevo.tools.pages import text_of

                text = text_of(text)
            found += passages_of(path.relative_to(folder).as_posix(), text)
    if not found:
        raise ToolError(f"documents: {folder} has no document ({', '.join(ENDINGS)})")
    return found


class Index:
    """Passages, to be searched from any thread; embedded with the first search.

    Args:
        passages: what is searched.
        embed: None: by words alone.
    """

    def __init__(self, passages: Sequence[Passage], embed: Embed | None = None) -> None:
        """Index the words."""
        self.passages, self._embed = list(passages), embed
        self._vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]] | None = None
        self._lock = threading.Lock()
        self._words = sqlite3.connect(":memory:", check_same_thread=False)
        self._words.execute(
            "create virtual table passages using fts5(title, text, tokenize=porter)"
        )
        rows = [(one.title, one.text) for one in self.passages]
        self._words.executemany("insert into passages values (?, ?)", rows)

    def search(self, query: str, n: int = 5) -> list[Passage]:
        """Return the `n` best passages, the best first."""
        with self._lock:
            rankings = [self._by_words(query), self._by_meaning(query)]
        scores: dict[int, float] = {}
        for ranking in rankings:
            for rank, i in enumerate(ranking):
                scores[i] = scores.get(i, 0.0) + 1 / (K + rank)
        best = sorted(scores, key=lambda i: (-scores[i], i))[:n]
        return [self.passages[i] for i in best]

    def _by_words(self, query: str) -> list[int]:
        words = re.findall(r"\w+", query)
        if not words:
            return []
        asked = " OR ".join(f'"{word}"' for word in words)
        found = self._words.execute(
            "select rowid from passages where passages match ? order by bm25(passages) limit 50",
            (asked,),
        )
        return [row - 1 for (row,) in found]

    def _by_meaning(self, query: str) -> list[int]:
        if self._embed is None or not query.strip():
            return []
        if self._vectors is None:
            self._vectors = self._embed([one.text for one in self.passages])
        cosines = self._vectors @ self._embed([query])[0]
        return [int(i) for i in np.argsort(-cosines, kind="stable")[:50]]

    def document(self, title: str) -> list[Passage]:
        """Return the passages of a document; none: there is no such document."""
        return [one for one in self.passages if one.title == title]


def search_tools(index: Index, n: int = 5) -> tuple[BaseTool, ...]:
    """Return the tools that search an index and read a document of it."""

    @tool
    def search_documents(query: str) -> str:
        """Search the documents; return the passages that fit best, with their document's title.

        Args:
            query: A question or a few words.
        """
        found = index.search(query, n)
        return "\n\n".join(f"[{one.title}:{one.line}] {one.text}" for one in found) or "(nothing)"

    @tool
    def read_document(title: str, line: int = 1) -> str:
        """Read a document from a line on.

        Args:
            title: As search_documents tells it.
            line: From which on.
        """
        passages = index.document(title)
        if not passages:
            raise ToolException(f"there is no document {title!r}")
        rest = [one for one in passages if one.line >= line] or passages[-1:]
        text = "\n\n".join(one.text for one in rest[:10])
        after = rest[10:11]
        return text + (f"\n\n... read on with line={after[0].line}" if after else "")

    return search_documents, read_document


def documents(folder: str, context: Context) -> tuple[BaseTool, ...]:
    """Return the tools of a folder of documents.

    Raises:
        ToolError: it has none.
    """
    if not folder:
        raise ToolError("documents: write documents:FOLDER, the folder that is searched")
    return search_tools(Index(passages_in(Path(folder).expanduser()), context.embed))
