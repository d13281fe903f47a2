"""Which training tasks a generation plays: the strategies of task evolution.

A strategy is a function of the benchmark, the number of tasks a level, the generation and
the levels; it may look at nothing but the training split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentevo.benchmarks import Benchmark, Task
from agentevo.strategies import find

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


STRATEGIES: dict[str, Chooser] = {"fresh": fresh, "repeated": repeated}


def chooser(name: str) -> Chooser:
    """Return a strategy by name."""
    return find("acquisition.tasks", name, STRATEGIES)
