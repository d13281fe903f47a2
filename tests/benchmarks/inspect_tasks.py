"""Small tasks of inspect_ai, for test_harnesses.py."""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.scorer import choice, match, model_graded_fact
from inspect_ai.solver import (
    basic_agent,
    generate,
    multiple_choice,
    prompt_template,
    self_critique,
    system_message,
    use_tools,
)
from inspect_ai.tool import tool


@tool  # type: ignore[untyped-decorator]
def add() -> Any:
    async def execute(x: int, y: int) -> int:
        """Add two numbers.

        Args:
            x: one of them
            y: the other
        """
        return x + y

    return execute


SUMS = [Sample(input=f"What is {i} + {7 * i}?", target=str(8 * i)) for i in range(1, 41)]


def sums(*solvers: Any) -> Task:
    return Task(dataset=SUMS, solver=list(solvers), scorer=match(numeric=True))


@task  # type: ignore[untyped-decorator]
def plain() -> Task:
    return sums(system_message("Be brief."), prompt_template("{prompt} A number."), generate())


@task  # type: ignore[untyped-decorator]
def tools() -> Task:
    return sums(use_tools(add()), generate())


@task  # type: ignore[untyped-decorator]
def basic() -> Task:
    return sums(basic_agent(tools=[add()]))


@task  # type: ignore[untyped-decorator]
def agent() -> Task:
    return Task(dataset=SUMS, solver=react(tools=[add()]), scorer=match(numeric=True))


@task  # type: ignore[untyped-decorator]
def critique() -> Task:
    return sums(generate(), self_critique())


@task  # type: ignore[untyped-decorator]
def letters() -> Task:
    samples = [
        Sample(input=f"Which is {i}?", choices=[str(i), str(i + 1), "none"], target="A")
        for i in range(40)
    ]
    return Task(dataset=samples, solver=multiple_choice(), scorer=choice())


@task  # type: ignore[untyped-decorator]
def judged() -> Task:
    return Task(dataset=SUMS, solver=generate(), scorer=model_graded_fact())


@task  # type: ignore[untyped-decorator]
def boxed() -> Task:
    return Task(dataset=SUMS, solver=generate(), scorer=match(), sandbox="docker")


def number() -> int:
    return 7
