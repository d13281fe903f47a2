"""Documents that questions are made on: how they are cut, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentevo.acquisition.documents import chunks_of
from agentevo.config import ConfigError


def test_documents_are_cut_at_paragraphs_and_the_pieces_have_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.txt").write_text(" ".join(f"w{i}" for i in range(25)))
    (tmp_path / "a.md").write_text(
        "# Harl\n\nThe lamp\nis lit.\n\n\n" + "more " * 8 + "\n\nLast.\n"
    )
    (tmp_path / "c.csv").write_text("not,read")
    found = chunks_of(tmp_path, n_words=10)
    assert found == [
        ("a.md#1", "# Harl\n\nThe lamp\nis lit."),
        ("a.md#2", "more more more more more more more more\n\nLast."),
        ("deep/b.txt#1", " ".join(f"w{i}" for i in range(10))),
        ("deep/b.txt#2", " ".join(f"w{i}" for i in range(10, 20))),
        ("deep/b.txt#3", " ".join(f"w{i}" for i in range(20, 25))),
    ]
    assert chunks_of(tmp_path / "a.md", n_words=10) == found[:2]


@pytest.mark.parametrize("name", ["none", "empty.txt", "table.csv"])
def test_what_has_no_text_is_an_error_of_the_user(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(ConfigError, match=name):
        chunks_of(tmp_path / name)
