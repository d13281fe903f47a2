"""Search over documents, by their words and by their meaning."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from langchain_core.tools import ToolException

from agentevo.tools import Toolbox
from agentevo.tools.documents import Index, Passage, passages_of, search_tools


def bag(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Embed texts by meanings that their words do not share: royal, liquid, other."""
    groups = (("king", "monarch", "ruler"), ("water", "sea", "wet"))
    rows = [
        [float(any(word in text.lower() for word in some)) for some in groups] + [0.1]
        for text in texts
    ]
    found = np.array(rows, dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


PASSAGES = [
    Passage("a.txt", 1, "The king lived in a castle."),
    Passage("b.txt", 1, "Bread is made of flour."),
    Passage("c.txt", 1, "The sea is deep and the castle is far."),
]


def test_documents_are_found_by_words_and_by_meaning() -> None:
    by_words = Index(PASSAGES)
    assert [one.title for one in by_words.search("flour breads")] == ["b.txt"]
    assert by_words.search("monarch") == []
    assert by_words.search('"; drop table passages; --') == []
    by_both = Index(PASSAGES, bag)
    assert by_both.search("the monarch", 1)[0].title == "a.txt"
    assert by_both.search("castle water", 1)[0].title == "c.txt"


def test_a_folder_is_cut_into_passages_that_say_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Tea\n\nTea is hot.\n\nCoffee is bitter.\n")
    (tmp_path / "page.html").write_text("<head><title>x</title></head><p>Milk is white.</p>")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    box = {one.name: one for one in Toolbox([f"documents:{tmp_path}"]).tools}
    assert box["search_documents"].invoke({"query": "bitter"}) == "[notes.md:5] Coffee is bitter."
    assert "Milk is white" in box["search_documents"].invoke({"query": "milk"})
    assert box["read_document"].invoke({"title": "notes.md", "line": 3}) == (
        "Tea is hot.\n\nCoffee is bitter."
    )
    with pytest.raises(ToolException, match="no document"):
        box["read_document"].invoke({"title": "gone"})


def test_passages_are_neither_too_long_nor_lose_a_word() -> None:
    text = "\n".join(" ".join(f"w{i}_{j}" for j in range(i % 37)) for i in range(200))
    found = passages_of("t", text + "\n" + " ".join(f"x{i}" for i in range(1000)))
    assert " ".join(one.text for one in found).split() == [
        *text.split(), *(f"x{i}" for i in range(1000)),
    ]  # fmt: skip
    assert max(len(one.text.split()) for one in found) <= 240


def test_search_tools_serve_from_many_threads() -> None:
    search, _ = search_tools(Index(PASSAGES, bag))
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(search.invoke({"query": "flour"})))
        for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(found)) == 1
    assert "b.txt" in found[0]
