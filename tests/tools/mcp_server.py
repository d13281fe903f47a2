"""An MCP server that behaves, and misbehaves when it is asked to; over stdio, or HTTP on a port.

With the argument `parent` it begins a child, which outlives it; with `stubborn` neither of them
ends when it is asked to.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mcp.server.fastmcp import FastMCP

asked = sys.argv[1] if len(sys.argv) > 1 else ""
server = FastMCP("tried", port=int(asked) if asked.isdigit() else 8000, log_level="ERROR")
children = []


@server.tool()
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@server.tool()
def pid() -> str:
    """Tell which process this is."""
    return str(os.getpid())


@server.tool()
def family() -> str:
    """Tell which processes this is, and those that it began."""
    return " ".join(map(str, [os.getpid(), *children]))


@server.tool()
def folder() -> str:
    """Tell where this is."""
    return str(Path.cwd())


@server.tool()
def variable(name: str) -> str:
    """Tell a variable of the environment."""
    return os.environ.get(name, "(not set)")


@server.tool()
def fail(why: str) -> str:
    """Go wrong."""
    raise ValueError(why)


@server.tool()
def hang(seconds: float) -> str:
    """Take long."""
    time.sleep(seconds)
    return "at last"


@server.tool()
def die() -> str:
    """End the server."""
    os._exit(7)


if asked == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if asked in ("parent", "stubborn"):
    children = [subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL).pid]
server.run("streamable-http" if asked.isdigit() else "stdio")
if asked == "stubborn":
    time.sleep(600)
