"""`agentevo tools`: what an agent can call, tried by hand, and how it fared in a run."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from agentevo.cli import output
from agentevo.cli.runs import RUN
from agentevo.cli.values import SETS

if TYPE_CHECKING:
    from agentevo.agent.rules import Ask
    from agentevo.run import Run
    from agentevo.tools import Toolbox

app = typer.Typer(help="Tools: list, show, call, notes.", no_args_is_help=True)

TOOL = typer.Argument(metavar="NAME", help="Such as calculator, files:FOLDER, file.py:name.")


@app.command("list")
def list_tools(as_json: bool = output.AS_JSON) -> None:
    """List the tools that an agent can be given."""
    from agentevo.tools import names

    if as_json:
        output.print_json([{"name": name, "description": text} for name, text in names().items()])
    else:
        output.print_table(["name", "what it is"], [list(row) for row in names().items()])
        print("\nto give one to an agent: --set agent.tools='[\"calculator\"]', or solve --tool")


def _opened(name: str, sets: list[str]) -> Toolbox:
    """Open tools in the surroundings that the settings say."""
    from agentevo.agent.equipment import context_of
    from agentevo.config import make, parse_set
    from agentevo.holdings import embedder_of
    from agentevo.tools import Toolbox

    config = make(parse_set(sets))
    embedder = embedder_of(config.memory.embedder)
    return Toolbox([name], context_of(config.toolbox, embedder.embed))


def asker() -> Ask | None:
    """Return what asks whoever sits at the terminal; None: nobody does."""
    return _ask if sys.stdin.isatty() else None


async def _ask(name: str, arguments: str) -> bool:
    question = f"\ncall {name} {arguments}?"
    return await asyncio.to_thread(typer.confirm, question, default=False, err=True)


@app.command("show")
def show(name: str = TOOL, sets: list[str] = SETS, as_json: bool = output.AS_JSON) -> None:
    """Open a tool, and show what the model is told of it."""
    from langchain_core.utils.function_calling import convert_to_openai_tool

    box = _opened(name, sets)
    try:
        schemas = [convert_to_openai_tool(one)["function"] for one in box.tools]
    finally:
        box.close()
    if as_json:
        output.print_json(schemas)
        return
    for one in schemas:
        rows = one.get("parameters", {}).get("properties", {})
        needed = one.get("parameters", {}).get("required", [])
        print(f"{one['name']}: {one['description']}")
        for key, told in rows.items():
            kind = told.get("type", "any") + ("" if key in needed else ", not needed")
            print(f"    {key} ({kind}) {told.get('description', '')}".rstrip())


@app.command("call")
def call(
    name: str = TOOL,
    arguments: str = typer.Argument("{}", help='As JSON, such as \'{"expression": "2+2"}\'.'),
    tool: str | None = typer.Option(None, help="Which one, where NAME gives several."),
    sets: list[str] = SETS,
) -> None:
    """Call a tool as an agent does; status 1 where it fails."""
    from agentevo.agent.equipment import check_names, rules_of
    from agentevo.agent.tools import call_tool
    from agentevo.config import make, parse_set
    from agentevo.tools import ToolError

    settings = make(parse_set(sets)).toolbox
    rules = rules_of(settings, asker())
    box = _opened(name, sets)
    try:
        known = [one.name for one in box.tools]
        check_names(settings, known)
        which = tool or known[0]
        if which not in known or (tool is None and len(known) > 1):
            raise ToolError(f"{name} gives {', '.join(known)}: say which by --tool")
        called = asyncio.run(call_tool(box.tools, f"{which} {arguments}", rules, {}))
    finally:
        box.close()
    print(called.result)
    if called.use.error:
        raise typer.Exit(1)


@app.command("notes")
def notes(
    run: str = RUN,
    learn: bool = typer.Option(
        False,
        "--learn",
        help="Write what failed in acquisition down as lessons, which a person then reviews.",
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """Tell how the tools of a run fared: how often they serve, how they fail, how long."""
    from agentevo.evaluation.tool_notes import tool_notes
    from agentevo.run import Run

    with Run.open(run, write=learn, to_play=False) as opened:
        found = tool_notes(opened.ledger.episodes(opened.id))
        written = _learned(opened) if learn else []
    if as_json:
        rows = [asdict(one) | {"advice": one.advice} for one in found]
        output.print_json({"tools": rows, "learned": written} if learn else rows)
        return
    if not found:
        print(f"no episode of run {run} called a tool")
        return
    output.print_table(
        ["tool", "calls#", "without error#", "median s#", "95 % within s#", "usual errors"],
        [
            [one.name, one.n_calls, output.percent_span(one.served.estimate, one.served),
             f"{one.median_s:.3g}", f"{one.slow_s:.3g}",
             "; ".join(f"{text} ({n})" for text, n in one.errors)]
            for one in found
        ],
    )  # fmt: skip
    for one in written:
        print(f"{one['status']}: {one['text']}")
    if written:
        print(f"to read them one by one: {output.program()} memory review {run}")


def _learned(run: Run) -> list[dict[str, str]]:
    """Write notes on tools that fail down as lessons for a person; return what became of each.

    Nothing is learned from held-out tasks: the episodes of acquisition alone count. What rests on
    a tool's own words waits in quarantine.
    """
    from agentevo.evaluation.tool_notes import tool_notes
    from agentevo.folders import user
    from agentevo.memory import Lesson, Provenance

    found = tool_notes(run.ledger.episodes(run.id, purpose="acquisition"))
    lessons = [
        Lesson(f"you call the tool {one.name}", one.advice, run.scope,
               (Provenance("tool notes", taint=(f"tool:{one.name}",)),), kind="warning",
               status="pending")
        for one in found
        if one.advice
    ]  # fmt: skip
    if not lessons:
        return []
    written = run.memory().insert(lessons, who=user(), why=f"calls counted: {json.dumps(run.id)}")
    return [{"status": one.lesson.status, "text": one.lesson.text} for one in written]
