"""Tools: made of a function, and found by name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import StructuredTool

from agentevo.tools import Toolbox, ToolError, names, tool

# --- made of a function ----------------------------------------------------------------------


def test_a_function_with_types_and_a_docstring_is_a_tool() -> None:
    @tool
    def stock(item: str, n: int = 1) -> str:
        """Tell whether there are enough of an item.

        Args:
            item: What is asked for.
            n: How many.
        """
        return f"{n} {item}"

    assert (stock.name, stock.description.splitlines()[0]) == (
        "stock", "Tell whether there are enough of an item.",
    )  # fmt: skip
    assert stock.args["item"]["description"] == "What is asked for."
    assert (stock.args["n"]["type"], stock.args["n"]["default"]) == ("integer", 1)
    assert stock.invoke({"item": "tea", "n": 2}) == "2 tea"


def test_an_async_function_is_one_too_and_a_name_can_be_given() -> None:
    @tool(name="wait_for")
    async def wait(seconds: float) -> str:
        """Wait."""
        await asyncio.sleep(seconds)
        return "done"

    assert wait.name == "wait_for"
    assert asyncio.run(wait.ainvoke({"seconds": 0})) == "done"


def test_what_is_missing_is_said_with_what_to_write() -> None:
    def untyped(item):  # type: ignore[no-untyped-def]
        """Do it."""

    def undocumented(item: str) -> str:
        return item

    def starred(*items: str) -> str:
        """Do it."""
        return ""

    def wrongly_documented(item: str) -> str:
        """Do it.

        Args:
            thing: There is none.
        """
        return item

    def unknown(item: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821
        """Do it."""
        return ""

    for function, words in (
        (untyped, "argument item has no type: write item: str"),
        (undocumented, "undocumented has no docstring: write"),
        (starred, "name each argument"),
        (wrongly_documented, "wrongly_documented cannot be made: .*thing"),
        (unknown, "a type cannot be found: .*Nowhere"),
        (int, "is no function"),
        (lambda item: item, "a lambda is no tool"),
    ):
        with pytest.raises(ToolError, match=words):
            tool(function)


# --- found by name ---------------------------------------------------------------------------

MINE = '''
from langchain_core.tools import BaseToolkit, StructuredTool

from agentevo.tools import tool


@tool
def double(n: int) -> int:
    """Double a number."""
    return 2 * n


def triple(n: int) -> int:
    """Triple a number."""
    return 3 * n


class Kit(BaseToolkit):
    def get_tools(self):
        return [double, StructuredTool.from_function(triple)]


kit, several, nothing, empty = Kit(), [double, triple], 7, []
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "more.py").write_text(MINE.replace("double", "quadruple").replace("2 *", "4 *"))
    (tmp_path / "torn.txt").write_text("no tool")
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("mine.py:double", ["double"]), ("mine.py:triple", ["triple"]),
        ("mine.py:kit", ["double", "triple"]), ("mine.py:several", ["double", "triple"]),
        ("mine.py", ["double"]), ("", ["double", "quadruple"]),
    ],
)  # fmt: skip
def test_tools_come_from_files_toolkits_lists_and_folders(
    folder: Path, asked: str, found: list[str]
) -> None:
    box = Toolbox([f"{folder}/{asked}"])
    assert [one.name for one in box.tools] == found
    assert box.tools[0].invoke({"n": 5}) in (10, 15)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("calculater", "did you mean 'calculator'"), ("mine.py:doubel", "did you mean 'double'"),
        ("mine.py:nothing", "is a int and no tool: decorate"), ("mine.py:empty", "and no tool"),
        ("gone.py:it", "there is no file"), ("calculator:7", "takes nothing after a colon"),
        ("documents:", "write documents:FOLDER"), ("documents:gone", "is no folder"),
        ("fetch:", "write fetch:HOST"), ("mcp:gone.json", "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_tool_is_one_clear_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, asked: str, words: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(ToolError, match=words):
        Toolbox([asked])


def test_two_tools_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(ToolError, match="two tools are called double"):
        Toolbox([f"{folder}/mine.py:double", "calculator", tool(_double())])


def _double() -> Any:
    def double(n: int) -> int:
        """Double it."""
        return n

    return double


def test_every_built_in_tool_is_listed() -> None:
    known = names()
    assert {"calculator", "python", "shell", "documents", "files", "fetch", "mcp"} <= set(known)
    assert all(known.values())


def test_a_plain_langchain_tool_is_taken_as_it_is() -> None:
    given = StructuredTool.from_function(_double())
    assert Toolbox([given]).tools == (given,)
