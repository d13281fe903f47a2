"""Code in a sandbox, and files in a folder: what an agent does, and does not get out of."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.tools import ToolException

from agentevo.sandbox import Limits, SandboxError, find
from agentevo.tools import Context, Toolbox, ToolError


def test_code_runs_in_the_sandbox() -> None:
    try:
        find("bubblewrap")
    except SandboxError as error:
        pytest.skip(str(error))
    python, shell = Toolbox(["python", "shell"]).tools
    assert python.invoke({"code": "print(sum(range(10)))"}) == "45"
    assert python.invoke({"code": "x = 1"}) == "(it printed nothing)"
    assert "ZeroDivisionError" in python.invoke({"code": "1/0"})
    assert shell.invoke({"command": "echo a b | wc -w; pwd"}) == "2\n/work"
    assert "exit status 3" in shell.invoke({"command": "exit 3"})


def test_a_sandbox_that_leaves_something_open_says_what() -> None:
    with pytest.warns(UserWarning, match="can use the network.* install bubblewrap"):
        Toolbox(["shell"], Context(sandbox="subprocess"))


@pytest.mark.filterwarnings("ignore:code runs in a mere")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("shell", {"command": "yes abc | head -c 30000"}),
        ("python", {"code": "print('abc ' * 10_000)"}),
    ],
)
def test_output_that_is_cut_says_so_before_all_else(name: str, arguments: dict[str, str]) -> None:
    context = Context(sandbox="subprocess", limits=Limits(n_output=10_000))
    (made,) = Toolbox([name], context).tools
    told = made.invoke(arguments)
    first, _, rest = told.partition("\n")
    assert first == "(ended: it printed more than 10,000 bytes; these are the first of them)"
    assert rest.startswith("abc")
    assert len(rest) <= 10_000
    assert "too much" not in rest


def test_files_are_written_read_found_and_listed(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    box = {one.name: one for one in Toolbox([f"files:{tmp_path}/work"]).tools}
    assert box["list_files"].invoke({}) == "(the workspace is empty)"
    told = box["write_file"].invoke({"path": "a/b.txt", "text": "one\nTwo\n"})
    assert told == "wrote 8 characters to a/b.txt"
    assert box["list_files"].invoke({}) == "a/b.txt"
    assert box["read_file"].invoke({"path": "a/b.txt", "start": 2}) == "Two\n"
    assert box["find_in_files"].invoke({"text": "two"}) == "a/b.txt:2: Two"
    with pytest.raises(ToolException, match="No such file"):
        box["read_file"].invoke({"path": "c"})


def test_a_long_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("".join(f"line {i}\n" for i in range(1, 3001)))
    read = next(one for one in Toolbox([f"files:{tmp_path}"]).tools if one.name == "read_file")
    start, seen = 1, ""
    while True:
        text = read.invoke({"path": "long.txt", "start": start})
        body, _, rest = text.partition("... 3000 lines in all; read on with start=")
        seen += body
        if not rest:
            break
        start = int(rest)
    assert seen == (tmp_path / "long.txt").read_text()


@pytest.mark.parametrize("path", ["../secret", "/../secret", "a/../../secret", "link", "folder/x"])
def test_nothing_leads_out_of_the_workspace(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("TOPSECRET")
    work = tmp_path / "work"
    work.mkdir()
    (work / "link").symlink_to(tmp_path / "secret")
    (work / "folder").symlink_to(tmp_path)
    box = {one.name: one for one in Toolbox([f"files:{work}"]).tools}
    with pytest.raises(ToolException, match="outside the workspace"):
        box["read_file"].invoke({"path": path})
    with pytest.raises(ToolException, match="outside the workspace"):
        box["write_file"].invoke({"path": path, "text": "x"})
    assert (tmp_path / "secret").read_text() == "TOPSECRET"
    assert "TOPSECRET" not in box["find_in_files"].invoke({"text": "top"})


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ToolError, match=r"there is no folder .*/ntoes; did you mean '.*/notes'"):
        Toolbox([f"files:{tmp_path}/ntoes"])
    with pytest.raises(ToolError, match=r"there is no folder .*/a/b/c \(.*mkdir it first\)"):
        Toolbox([f"files:{tmp_path}/a/b/c"])
    with pytest.raises(ToolError, match=r"a\.txt is no folder"):
        Toolbox([f"files:{tmp_path}/a.txt"])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.txt", "notes"]
