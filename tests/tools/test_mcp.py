"""MCP servers as tools: one of our own, and others' from npm and PyPI where they are at hand.

The variable AGENTEVO_MCP names a folder with `node_modules` (server-everything and
server-filesystem of @modelcontextprotocol) and a virtual environment `venv` (mcp-server-time).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from langchain_core.tools import BaseTool, ToolException

from agentevo.tools import Context, Toolbox, ToolError

pytest.importorskip("mcp")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

OWN: dict[str, Any] = {
    "command": sys.executable,
    "args": [str(Path(__file__).with_name("mcp_server.py"))],
}

Open = Callable[..., dict[str, BaseTool]]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens servers by their settings; ends them after the test, and sees that none is left."""
    boxes: list[Toolbox] = []

    def begin(name: str = "", timeout_s: float = 20, **servers: Any) -> dict[str, BaseTool]:
        path = tmp_path / "servers.json"
        path.write_text(json.dumps({"mcpServers": servers}))
        boxes.append(Toolbox([f"mcp:{path}{name}"], Context(timeout_s=timeout_s)))
        return {one.name: one for one in boxes[-1].tools}

    before = set(psutil.Process().children(recursive=True))
    yield begin
    for one in boxes:
        one.close()
        one.close()
    time.sleep(0.1)
    assert set(psutil.Process().children(recursive=True)) <= before


def test_tools_of_a_server_are_named_after_it_and_called_from_any_loop(opened: Open) -> None:
    tools = opened(own=OWN)
    assert {"own__add", "own__fail"} <= tools.keys()
    assert tools["own__add"].description == "Add two numbers."
    assert set(tools["own__add"].args) == {"a", "b"}
    assert tools["own__add"].invoke({"a": 2, "b": 3}) == "5"
    for _ in range(2):  # the session outlasts the loop
        assert asyncio.run(tools["own__add"].ainvoke({"a": 2, "b": 2})) == "4"

    async def at_once() -> list[str]:
        calls = [tools["own__add"].ainvoke({"a": i, "b": 1}) for i in range(20)]
        return list(await asyncio.gather(*calls))

    assert asyncio.run(at_once()) == [str(i + 1) for i in range(20)]


def test_what_goes_wrong_in_a_tool_is_a_tools_error(opened: Open) -> None:
    tools = opened(own=OWN)
    with pytest.raises(ToolException, match="no such thing"):
        tools["own__fail"].invoke({"why": "no such thing"})
    with pytest.raises(ToolException, match="valid integer"):
        tools["own__add"].invoke({"a": "two", "b": 3})
    assert tools["own__add"].invoke({"a": 1, "b": 1}) == "2"


def test_a_call_that_takes_too_long_ends_and_the_next_one_is_answered(opened: Open) -> None:
    tools = opened(own=OWN | {"timeout": 1.0})
    with pytest.raises(ToolException, match="no answer within 1 s"):
        tools["own__hang"].invoke({"seconds": 2})
    time.sleep(1.2)  # it is still at the other one
    assert tools["own__add"].invoke({"a": 1, "b": 1}) == "2"


def test_a_server_that_died_is_started_anew(opened: Open) -> None:
    tools = opened(own=OWN)
    first = tools["own__pid"].invoke({})
    with pytest.raises(ToolException, match=r"broke|is gone"):
        tools["own__die"].invoke({})
    second = tools["own__pid"].invoke({})
    assert second != first
    psutil.Process(int(second)).kill()
    time.sleep(0.3)
    assert tools["own__pid"].invoke({}) not in (first, second)


def test_settings_reach_the_server_and_its_tools_can_be_chosen(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_MINE", "abc")
    monkeypatch.setenv("SECRET_OF_MINE", "xyz")
    row = OWN | {"env": {"GIVEN": "${TOKEN_OF_MINE}", "OTHER": "${NONE_OF_MINE:-so}"}}
    tools = opened("#own", own=row | {"tools": ["variable"]}, off={"command": "nowhere"})
    assert tools.keys() == {"own__variable"}
    asked = ("GIVEN", "OTHER", "SECRET_OF_MINE")
    told = [tools["own__variable"].invoke({"name": name}) for name in asked]
    assert told == ["abc", "so", "(not set)"], "a server sees what it is given, and no more"


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ({"a": {"command": "nowhere-at-all"}}, "server a .*does not start: there is no program"),
        ({"a": {"command": "./gone.sh"}}, "there is no program .*/gone.sh"),
        ({"a": OWN | {"cwd": "gone"}}, "does not start: there is no folder .*/gone"),
        ({"a": {"command": sys.executable, "args": ["-c", "raise SystemExit('bad key')"]}},
         "does not start: .*bad key"),
        ({"a": {"comand": "x"}}, r"a\.comand: Extra inputs"),
        ({"a": {}}, "either a command or a url"),
        ({"a": {"command": "x", "env": {"K": "${UNSET_ANYWHERE}"}}}, "wants the .*UNSET_ANYWHERE"),
        ({"a": OWN | {"tools": ["gone"]}}, "a has no tool 'gone'"),
        ({"a": {"url": "http://127.0.0.1:9/mcp"}}, "does not start"),
        ({}, "has no servers"),
    ],
)  # fmt: skip
def test_a_server_that_cannot_be_had_is_one_clear_line(
    opened: Open, servers: dict[str, Any], words: str
) -> None:
    with pytest.raises(ToolError, match=words):
        opened(**servers)


def test_where_one_of_two_does_not_start_the_other_is_ended(opened: Open) -> None:
    with pytest.raises(ToolError, match="server b"):
        opened(a=OWN, b={"command": "nowhere-at-all"})


def test_a_server_is_spoken_to_over_http(opened: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([OWN["command"], *OWN["args"], str(port)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        tools = opened(web={"url": f"http://127.0.0.1:{port}/mcp"})
        assert tools["web__add"].invoke({"a": 20, "b": 1}) == "21"
        with pytest.raises(ToolException, match="no such thing"):
            tools["web__fail"].invoke({"why": "no such thing"})
    finally:
        process.kill()
        process.wait()


# --- servers of others -------------------------------------------------------------------------


@pytest.fixture
def others() -> Path:
    folder = Path(os.environ.get("AGENTEVO_MCP", ""))
    if not (folder / "node_modules").is_dir():
        pytest.skip("AGENTEVO_MCP names no folder with MCP servers of others")
    return folder


def test_servers_from_npm_and_pypi_work(opened: Open, others: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a.txt").write_text("what stands in it")
    npm = others / "node_modules" / ".bin"
    tools = opened(
        everything={"command": str(npm / "mcp-server-everything")},
        fs={"command": str(npm / "mcp-server-filesystem"), "args": [str(tmp_path / "work")]},
        time={"command": str(others / "venv/bin/mcp-server-time"),
              "args": ["--local-timezone", "UTC"]},
    )  # fmt: skip
    assert tools["everything__echo"].invoke({"message": "hello"}) == "Echo: hello"
    assert "5" in tools["everything__get-sum"].invoke({"a": 2, "b": 3})
    assert "(image)" in tools["everything__get-tiny-image"].invoke({})
    read = tools["fs__read_text_file"]
    assert "what stands in it" in read.invoke({"path": str(tmp_path / "work" / "a.txt")})
    with pytest.raises(ToolException, match="outside allowed directories"):
        read.invoke({"path": "/etc/passwd"})
    assert "UTC" in tools["time__get_current_time"].invoke({"timezone": "UTC"})
    with pytest.raises(ToolException, match="Invalid timezone"):
        tools["time__get_current_time"].invoke({"timezone": "Mars/North"})
