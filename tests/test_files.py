"""Files: what users write in one of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentevo import tools
from agentevo.files import all_in, from_file, sha256_of
from agentevo.mending import line_of

MINE = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

@dataclass
class Plain:
    n: int = 1

class Checked(BaseModel):
    value: Any = None
"""


def test_classes_of_a_file_of_ones_own_work_as_anywhere(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    assert from_file(f"{tmp_path}/mine.py:Plain", ValueError)(2).n == 2
    assert from_file(f"{tmp_path}/mine.py:Checked", ValueError)(value=3).value == 3
    with pytest.raises(ValueError, match="did you mean 'Plain'"):
        from_file(f"{tmp_path}/mine.py:Plan", ValueError)
    with pytest.raises(ValueError, match="there is no file"):
        from_file(f"{tmp_path}/yours.py:Plain", ValueError)


def test_a_file_that_breaks_is_read_again_after_it_was_mended(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("1 / 0")
    with pytest.raises(ValueError, match="cannot be imported: ZeroDivisionError"):
        from_file(f"{file}:answer", ValueError)
    file.write_text("answer = 42  # it takes more than one attempt")
    assert from_file(f"{file}:answer", ValueError) == 42


TOOL = """
from __future__ import annotations
from pydantic import BaseModel
from agentevo.tools import tool

class Asked(BaseModel):
    value: int = 0

@tool
def double(n: int) -> int:
    \"\"\"Double a number.\"\"\"
    return 2 * Asked(value=n).value
"""


def test_a_tool_of_a_file_of_ones_own_is_found_and_called(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TOOL)
    assert tools.load(f"{tmp_path}/mine.py:double")[0][0].invoke({"n": 21}) == 42
    with pytest.raises(tools.ToolError, match="there is no file"):
        tools.load(f"{tmp_path}/yours.py:double")


def test_a_hash_tells_of_any_change_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/x", "y"):
        (tmp_path / name).write_text(name)
    before = sha256_of(*all_in(tmp_path))
    assert sha256_of(*all_in(tmp_path)) == before
    (tmp_path / "a/x").write_text("z")
    assert sha256_of(*all_in(tmp_path)) != before


def test_a_full_disk_is_told_of_whoever_ran_into_it() -> None:
    said = "(sqlite3.OperationalError) database or disk is full"
    assert "the disk is full" in str(line_of(RuntimeError(said)))
    assert line_of(RuntimeError("something else")) is None
