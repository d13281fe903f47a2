"""`agentevo solve`: one question or task, with what a run has learned."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from agentevo.cli import output
from agentevo.cli.tools import asker
from agentevo.cli.values import QUIET, SETS
from agentevo.evaluation.words import count

if TYPE_CHECKING:
    from agentevo.experience import Step
    from agentevo.memory import Written
    from agentevo.solving import Agent, Answer

TOOLS = typer.Option([], "--tool", metavar="NAME", help="A tool, or file.py:name. Repeatable.")


def solve(
    question: str | None = typer.Argument(None, metavar="[QUESTION]", help="In plain words."),
    run: str | None = typer.Option(
        None, metavar="RUN", help="Whose lessons and adapter the agent has: a name, or a folder."
    ),
    backbone: str | None = typer.Option(
        None, help="The model that answers.", show_default="the run's, or seed"
    ),
    tools: list[str] = TOOLS,
    benchmark: str | None = typer.Option(None, help="With --task: a name, or file.py:name."),
    task: str | None = typer.Option(None, metavar="ID", help="A benchmark's task, not a question."),
    learn: bool = typer.Option(
        False, "--learn", help="Write what was learned to the run's lessons, to be reviewed."
    ),
    sets: list[str] = SETS,
    as_json: bool = output.AS_JSON,
    quiet: bool = QUIET,
) -> None:
    """Answer one question or play one task; what the agent says and does is shown on stderr."""
    from agentevo.config import parse_set
    from agentevo.solving import Agent

    if (question is None) == (task is None):
        raise typer.BadParameter("give either a question, or a --task")
    with Agent(backbone, tools=tools, memory=run, ask=asker(), **parse_set(sets)) as agent:
        answer = asyncio.run(_answer(agent, question, benchmark, task, learn, quiet))
    one = answer.trajectory
    if as_json:
        output.print_json(
            {"answer": answer.text, "ending": one.ending, "score": one.score,
             "lessons": one.lessons,
             "learned": [asdict(told.lesson) | {"outcome": told.outcome}
                         for told in answer.learned],
             "n_prompt_tokens": one.n_prompt_tokens, "n_reply_tokens": one.n_reply_tokens,
             "error": one.error, "trajectory": one.to_json()}
        )  # fmt: skip
    else:
        if task is not None:
            n_steps = count(one.n_steps, "step")
            print(f"{one.ending}, score {output.percent(one.score)}, {n_steps}")
        elif answer.text:
            print(answer.text)
        for told in answer.learned:
            print(f"{_became(told, run or '')}: {told.lesson.text}", file=sys.stderr)
    if one.ending == "error" or (task is None and not answer.text):
        why = one.error or f"the agent came to no answer: {one.ending}"
        print(f"agentevo: {why}", file=sys.stderr)
        raise typer.Exit(1)


async def _answer(
    agent: Agent, question: str | None, benchmark: str | None, task: str | None, learn: bool,
    quiet: bool,
) -> Answer:  # fmt: skip
    watch, hear = (None, None) if quiet else (_show, _say)
    if question is not None:
        return await agent.solve(question, learn=learn, watch=watch, hear=hear)
    from agentevo import benchmarks

    assert task is not None
    found = benchmarks.load(benchmark or _benchmark_of(agent))
    one = _task_of(found, task)
    await asyncio.to_thread(found.prepare, [one])
    return await agent.play(found, one, learn=learn, watch=watch, hear=hear)


def _became(told: Written, run: str) -> str:
    """Return in words what became of a lesson that was read from the episode."""
    status = told.lesson.status
    if told.outcome == "known":
        return f"known already, {status}"
    if told.outcome == "merged":
        return f"known already, {status}, and seen once more"
    if status == "quarantined":
        return f"learned, in quarantine (see {output.program()} memory review {run})"
    return f"learned, {status}"


def _benchmark_of(agent: Agent) -> str:
    """Return the benchmark of the agent's run, or the default."""
    from agentevo.config import RunConfig
    from agentevo.run import Run

    if agent.memory is None:
        return str(RunConfig.model_fields["benchmark"].default)
    opened = Run.open(agent.memory)
    try:
        return opened.config.benchmark
    finally:
        opened.close()


def _task_of(benchmark: Any, name: str) -> Any:
    """Return a task by its id.

    Raises:
        ConfigError: there is none.
    """
    from agentevo.benchmarks import SPLITS
    from agentevo.config import ConfigError

    n = 1
    while n <= 1024:
        for split in SPLITS:
            for one in benchmark.tasks(split, n):
                if one.id == name:
                    return one
        n *= 4
    some = ", ".join(one.id for one in benchmark.tasks("validation", 1)[:3])
    raise ConfigError(f"{benchmark.name} has no task {name!r}; its ids are such as {some}")


def _say(text: str) -> None:
    """Show what the model says as it comes."""
    print(text, end="", file=sys.stderr, flush=True)


def _show(step: Step) -> None:
    """Show what came of a reply, which was shown itself."""
    shown = [f"> {one.name} {one.arguments}" for one in step.calls]
    if step.observation.strip():
        shown += [step.observation.strip(), ""]
    print("\n".join(["", *shown]), file=sys.stderr, flush=True)
