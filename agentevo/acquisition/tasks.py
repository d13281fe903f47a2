"""Which training tasks a generation plays: the strategies of task evolution.

A strategy is a function of the benchmark, the number of tasks a level, the generation and
the levels; it may look at nothing but the training split.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from agentevo.benchmarks import Benchmark, Task
from agentevo.config import ConfigError
from agentevo.strategies import find

MIXED = 10  # pieces of a stream whose tasks are shuffled together

Chooser = Callable[[Benchmark, int, int, Sequence[int] | None], list[Task]]


def fresh(
    benchmark: Benchmark, n_per_level: int, generation: int, levels: Sequence[int] | None
) -> list[Task]:
    """Return tasks that no earlier generation played, the same number of each level."""
    start = (generation - 1) * n_per_level
    return benchmark.tasks("train", n_per_level, levels=levels, start=start)


def repeated(
    benchmark: Benchmark, n_per_level: int, generation: int, levels: Sequence[int] | None
) -> list[Task]:
    """Return the same tasks in every generation, so that failures get another chance."""
    return benchmark.tasks("train", n_per_level, levels=levels)


def stream(seed: int) -> Chooser:
    """Return a strategy that plays tasks as a stream: all levels mixed, in an order by a seed.

    Each generation takes the next piece, drawn from `MIXED` pieces together; what it scores, before
    anything is learned from it, is the stream's running (prequential) score.
    """

    def choose(
        benchmark: Benchmark, n_per_level: int, generation: int, levels: Sequence[int] | None
    ) -> list[Task]:
        block, piece = divmod(generation - 1, MIXED)
        n = MIXED * n_per_level
        mixed = benchmark.tasks("train", n, levels=levels, start=block * n)
        random.Random(f"{seed}/{block}").shuffle(mixed)
        size = n_per_level * len(levels or benchmark.levels)
        return mixed[piece * size : (piece + 1) * size]

    return choose


STRATEGIES: dict[str, Chooser] = {"fresh": fresh, "repeated": repeated}


def chooser(name: str) -> Chooser:
    """Return a strategy by name; `stream`, or `stream:SEED`, is a stream in that order.

    Raises:
        ConfigError: there is no such strategy.
    """
    kind, _, seed = name.partition(":")
    if kind == "stream":
        if seed and not seed.isdecimal():
            raise ConfigError(f"acquisition.tasks: the seed of a stream is a number, not {seed!r}")
        return stream(int(seed or 0))
    return find("acquisition.tasks", name, {**STRATEGIES, "stream": stream(0)})
