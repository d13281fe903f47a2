"""The tools that come with agentevo, by name; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from langchain_core.tools import BaseTool

from agentevo.tools.context import Context
from agentevo.tools.errors import ToolError

Opened = tuple[tuple[BaseTool, ...], Callable[[], None] | None]
"""Tools, and what closes them."""


def _alone(name: str, rest: str) -> None:
    if rest:
        raise ToolError(f"{name} takes nothing after a colon, got {rest!r}")


def _calculator(rest: str, context: Context) -> Opened:
    from agentevo.tools.calculator import calculator

    _alone("calculator", rest)
    return (calculator(),), None


def _python(rest: str, context: Context) -> Opened:
    from agentevo.tools.code import python

    _alone("python", rest)
    return (python(context),), None


def _shell(rest: str, context: Context) -> Opened:
    from agentevo.tools.code import shell

    _alone("shell", rest)
    return (shell(context),), None


def _documents(rest: str, context: Context) -> Opened:
    from agentevo.tools.documents import documents

    return documents(rest, context), None


def _files(rest: str, context: Context) -> Opened:
    from agentevo.tools.files import files

    return files(rest), None


def _fetch(rest: str, context: Context) -> Opened:
    from agentevo.tools.pages import fetch

    return (fetch(rest, context),), None


def _mcp(rest: str, context: Context) -> Opened:
    from agentevo.tools.mcp import open_servers

    servers = open_servers(rest, context)
    return servers.tools, servers.close


BUILT_IN: dict[str, tuple[Callable[[str, Context], Opened], str]] = {
    "calculator": (_calculator, "arithmetic"),
    "python": (_python, "Python code, in a sandbox without network"),
    "shell": (_shell, "shell commands, in a sandbox without network"),
    "documents": (_documents, "documents:FOLDER, search over its texts by words and by meaning"),
    "files": (_files, "files:FOLDER, to list, read, search and write its files"),
    "fetch": (_fetch, "fetch:HOST,HOST, pages of these hosts; `*.example.org` is several"),
    "mcp": (
        _mcp,
        "mcp:FILE or mcp:FILE#SERVER, MCP servers of a file with `mcpServers`, begun in its folder",
    ),
}
