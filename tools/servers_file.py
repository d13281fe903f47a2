"""The file that says which MCP servers there are, in the usual `mcpServers` form."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentevo.tools.errors import ToolError


class ServerSettings(BaseModel):
    """One server of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str = ""
    """Of a server that is started here and speaks over stdio."""
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str = ""
    """Where it begins, from the folder of the file on; empty: there."""
    url: str = ""
    """Of a server that is there."""
    headers: dict[str, str] = Field(default_factory=dict)
    type: Literal["", "stdio", "http", "streamable-http", "streamable_http", "sse"] = ""
    timeout: float | None = None
    """Seconds for one call; None: the agent's."""
    tools: tuple[str, ...] | None = None
    """Which of its tools are given to the agent; None: all."""
    disabled: bool = False


def settings_in(path: Path) -> dict[str, ServerSettings]:
    """Return the servers of a file, variables such as `${TOKEN}` replaced by the environment's.

    Their relative paths are meant from the folder of the file on.

    Raises:
        ToolError: the file is not there, or does not say what a server is.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ToolError(f"mcp: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ToolError(f"mcp: {path} is no JSON: {error}") from None
    servers = read.get("mcpServers") if isinstance(read, dict) else None
    if not isinstance(servers, dict) or not servers:
        raise ToolError(f'mcp: {path} has no servers: write {{"mcpServers": {{"name": ...}}}}')
    found = {}
    for name, row in servers.items():
        try:
            one = ServerSettings.model_validate(_expanded(row, f"{path}: {name}"))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, (name, *first["loc"])))
            raise ToolError(f"mcp: {path}: {where}: {first['msg']}") from None
        if bool(one.command) == bool(one.url):
            raise ToolError(f"mcp: {path}: {name} has to have either a command or a url")
        found[name] = one.model_copy(update={"cwd": str(path.resolve().parent / one.cwd)})
    return found


def _expanded(value: object, where: str) -> object:
    if isinstance(value, dict):
        return {key: _expanded(one, where) for key, one in value.items()}
    if isinstance(value, list):
        return [_expanded(one, where) for one in value]
    if not isinstance(value, str):
        return value

    def of_environment(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":-")
        if name in os.environ:
            return os.environ[name]
        if ":-" in match[1]:
            return default
        raise ToolError(f"mcp: {where} wants the environment variable {name}, which is not set")

    return re.sub(r"\$\{([^}]+)\}", of_environment, value)
