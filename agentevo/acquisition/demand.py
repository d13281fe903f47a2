"""What a generation's training tasks are chosen for, and what may be looked at to choose them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentevo.benchmarks import Benchmark, Task

if TYPE_CHECKING:
    import numpy as np

    from agentevo.ledger import EpisodeSummary

FAR = 20
"""Times as many tasks as were played, among which one that was played is looked for."""

Embed = Callable[[Sequence[str]], "np.ndarray"]
"""Turns texts into vectors of length 1, shape (n, dimension)."""


@dataclass(frozen=True)
class Demand:
    """What is asked of a strategy of task evolution; of the benchmark it sees the training split.

    What earlier generations played is the same whenever a generation is begun again, and so is
    what a strategy makes of it.
    """

    benchmark: Benchmark
    n_per_level: int
    generation: int
    """Counted from 1."""
    levels: tuple[int, ...]
    seed: int = 0
    """Of what is drawn."""
    history: Sequence[EpisodeSummary] = ()
    """Acquisition of earlier generations, oldest first."""
    embed: Embed | None = None
    """The embedder of the memory; None: there is none."""

    @property
    def n(self) -> int:
        """How many tasks are wanted."""
        return self.n_per_level * len(self.levels)

    def fresh(self, wanted: Mapping[int, int]) -> list[Task]:
        """Return tasks that nobody played, so many of each level, in turn.

        A level that has no more gives fewer.
        """
        known = {one.task_id for one in self.history}
        columns: list[list[Task]] = []
        for level, n in wanted.items():
            found: list[Task] = []
            start = 0
            while len(found) < n:
                some = self.benchmark.tasks("train", max(n, 1), levels=[level], start=start)
                if not some:
                    break
                found += [task for task in some if task.id not in known]
                start += max(n, 1)
            columns.append(found[:n])
        longest = max(map(len, columns), default=0)
        return [column[i] for i in range(longest) for column in columns if i < len(column)]

    def evenly(self, n: int | None = None) -> dict[int, int]:
        """Return how many tasks each level has if `n`, or all, are spread over the levels."""
        share, rest = divmod(self.n if n is None else n, len(self.levels))
        return {level: share + (i < rest) for i, level in enumerate(self.levels)}

    def again(self, ids: Sequence[str]) -> list[Task]:
        """Return tasks that were played, by their ids, in that order; unknown ids give none."""
        wanted, found = set(ids), dict[str, Task]()
        size = max(16, self.n_per_level)
        for start in range(0, FAR * (size + len(self.history)), size):
            if not wanted - found.keys():
                break
            some = self.benchmark.tasks("train", size, levels=self.levels, start=start)
            if not some:
                break
            found |= {task.id: task for task in some if task.id in wanted}
        return [found[name] for name in ids if name in found]
