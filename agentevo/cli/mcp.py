"""`agentevo mcp`: a run's memory and its agent, for any MCP client."""

from __future__ import annotations

import sys

import typer

from agentevo.cli.runs import RUN


def mcp(
    run: str = RUN,
    port: int = typer.Option(
        0, min=0, max=65535, help="Speak streamable HTTP on this port of 127.0.0.1, at /mcp."
    ),
) -> None:
    """Serve a run over MCP: memory_search, memory_show, memory_add (pending), solve.

    Without --port it speaks over stdio, as clients start it: {"mcpServers": {"agentevo":
    {"command": "agentevo", "args": ["mcp", "RUN"]}}}.
    """
    from agentevo.serving import server

    made = server(run, port=port)
    if port:
        print(f"http://127.0.0.1:{port}/mcp serves run {run}; Ctrl-C ends it", file=sys.stderr)
    made.run("streamable-http" if port else "stdio")
