"""The command line's commands, put together, and what its exit status says.

0: done; 1: the work failed; 2: the user must change something; 130: Ctrl-C.
"""

from __future__ import annotations

import os
import sys

import typer

from agentevo.cli import (
    adapters,
    catalog,
    compare,  # noqa: F401  its command is of `runs`
    contest,
    evaluate,
    evolve,
    forgetting,  # noqa: F401
    gate,
    inspect,
    mcp,
    memory,
    memory_ablate,  # noqa: F401  its commands are of `memory`
    memory_edit,  # noqa: F401
    memory_files,  # noqa: F401
    readings,  # noqa: F401  its commands are of `runs`
    runs,
    solve,
    tools,
)
from agentevo.mending import line_of

app = typer.Typer(
    name="agentevo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("evolve")(evolve.evolve)
app.command("evaluate")(evaluate.evaluate)
app.command("solve")(solve.solve)
app.command("compare")(contest.compare)
app.command("gate")(gate.gate)
app.command("inspect")(inspect.inspect)
app.command("mcp")(mcp.mcp)
app.add_typer(memory.app, name="memory")
app.add_typer(runs.app, name="runs")
app.add_typer(adapters.app, name="adapters")
app.add_typer(tools.app, name="tools")
app.add_typer(catalog.benchmarks, name="benchmarks")
app.add_typer(catalog.recipes, name="recipes")
app.add_typer(catalog.backbones, name="backbones")


def _version(asked: bool) -> None:
    if asked:
        from agentevo.version import __version__

        typer.echo(f"agentevo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """LLM agents that evolve by themselves, in memory and in weights.

    Begin with: agentevo evolve
    """


def main() -> None:
    """Run the command line; the entry point."""
    for library in ("HUB", "DATASETS"):  # our own view shows progress
        os.environ.setdefault(f"HF_{library}_DISABLE_PROGRESS_BARS", "1")
    try:
        app()
    except Exception as error:
        line = line_of(error)
        if line is None:
            raise
        print(f"agentevo: {line}", file=sys.stderr)
        sys.exit(2)
