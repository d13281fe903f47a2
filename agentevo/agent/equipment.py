"""What the settings say of tools, as the tools and the episodes want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from agentevo.agent.rules import Ask, Rules
from agentevo.config import ConfigError
from agentevo.sandbox import Limits
from agentevo.settings import ToolSettings
from agentevo.strategies import hint
from agentevo.tools import Context, Embed

if TYPE_CHECKING:
    from agentevo.agent.rollout import Opens
    from agentevo.benchmarks import Benchmark, Task

N_LOOKED_AT = 2  # tasks of each level


def context_of(settings: ToolSettings, embed: Embed | None = None) -> Context:
    """Return the surroundings of built-in tools.

    Args:
        settings: of a run or an agent.
        embed: by which documents are searched; None: by words alone.
    """
    limits = Limits(seconds=settings.code_timeout_s, memory_mb=settings.code_memory_mb)
    return Context(settings.sandbox, limits, embed, settings.timeout_s)


def rules_of(settings: ToolSettings, ask: Ask | None = None) -> Rules:
    """Return the rules of an episode; `ask` asks whoever is there."""
    return Rules(
        timeout_s=settings.timeout_s,
        max_characters=settings.max_characters,
        max_calls=settings.max_calls,
        limits=settings.limits,
        approval=settings.approval,
        ask=ask,
    )


def check_names(
    settings: ToolSettings, known: Iterable[str], of_tasks: Callable[[], Iterable[str]] = tuple
) -> None:
    """Refuse a limit or an approval for a tool that the agent does not have.

    Patterns are taken as they are.

    Args:
        settings: of a run or an agent.
        known: names of the agent's tools.
        of_tasks: gives the names of tools that come with tasks; asked only for names that are
            none of the agent's.

    Raises:
        ConfigError: there is no such tool.
    """
    asked = [("limits", name) for name in settings.limits]
    asked += [("approval", name.partition(" ")[0]) for name in settings.approval]
    there = set(known)
    odd = {name: key for key, name in asked if name not in there and not set(name) & set("*?[")}
    if not odd:
        return
    try:
        for name in of_tasks():
            there.add(name)
            odd.pop(name, None)
            if not odd:
                return
    except Exception as error:  # an environment may be anybody's code
        name, key = next(iter(odd.items()))
        raise ConfigError(
            f"toolbox.{key}: the agent has no tool {name!r}, and what the tasks give cannot be "
            f"told: {type(error).__name__}: {error}"
        ) from error
    name, key = next(iter(odd.items()))
    raise ConfigError(f"toolbox.{key}: there is no tool {name!r}{hint(name, sorted(there))}")


def names_in_tasks(benchmark: Benchmark, levels: Sequence[int] | None) -> Iterator[str]:
    """Yield the names of tools that training tasks give, of the first tasks of each level."""
    return names_in(benchmark, benchmark.tasks("train", N_LOOKED_AT, levels=levels))


def names_in(benchmark: Opens, tasks: Iterable[Task]) -> Iterator[str]:
    """Yield the names of tools that tasks give."""
    for task in tasks:
        with closing(benchmark.open(task)) as environment:
            environment.reset()
            yield from (tool.name for tool in environment.tools)
