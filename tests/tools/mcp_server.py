"""An MCP server that behaves, and misbehaves when it is asked to; over stdio, or HTTP on a port."""

import os
import sys
import time

from mcp.server.fastmcp import FastMCP

server = FastMCP("tried", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000, log_level="ERROR")


@server.tool()
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@server.tool()
def pid() -> str:
    """Tell which process this is."""
    return str(os.getpid())


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


server.run("streamable-http" if len(sys.argv) > 1 else "stdio")
