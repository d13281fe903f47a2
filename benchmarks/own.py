"""A Benchmark made of one environment class, such as a user writes in a file of his own.

The class takes a seed and a level, and has `reset` and `step`. Its docstring is what the agent is
asked to do; `levels`, `max_steps`, `thread_safe`, `tools`, `close` and a static `gold(seed, level)`
may be there, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentevo.benchmarks.benchmark import Progress, check_levels
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import SPLITS, Environment, Observation, Split, Task

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

MAX_STEPS = 50
_SPLIT_BLOCK = 1_000_000_000
_LEVEL_BLOCK = 1_000_000


def is_environment(found: object) -> bool:
    """Return whether something is a class with `reset` and `step`.

    Raises:
        BenchmarkError: it has one of them, and not the other.
    """
    if not isinstance(found, type):
        return False
    has = {name: hasattr(found, name) for name in ("reset", "step")}
    if len(set(has.values())) == 2:
        there, gone = sorted(has, key=lambda name: not has[name])
        raise BenchmarkError(
            f"{found.__name__} has {there} and no {gone}: an environment has reset(self) and "
            "step(self, action)"
        )
    return has["reset"]


class Own:
    """Tasks of one environment class: a seed each, in blocks that no two splits share.

    Args:
        made: the class.

    Raises:
        BenchmarkError: it does not take a seed and a level, or has no docstring.
    """

    def __init__(self, made: type[Any]) -> None:
        """Read what the class says of itself."""
        self._made = made
        self._instruction = inspect.getdoc(made) or ""
        name = made.__name__
        if not self._instruction or made.__doc__ is None:
            raise BenchmarkError(f'{name} has no docstring: write """What is to be done.""" in it')
        try:
            inspect.signature(made).bind(0, 1)
        except TypeError:
            raise BenchmarkError(
                f"{name} must take a seed and a level: def __init__(self, seed: int, level: int)"
            ) from None
        self.name = name.lower()
        self.description = self._instruction.splitlines()[0]
        file = inspect.getsourcefile(made)
        self.source = str(file or "here")
        self.licence = "that of its file"
        self.levels = check_levels(name, getattr(made, "levels", (1,)))
        if not self.levels:
            raise BenchmarkError(f"{name}: levels is empty: leave it out, or write (1, 2, 3)")
        if odd := [one for one in self.levels if not 0 <= one < _SPLIT_BLOCK // _LEVEL_BLOCK]:
            raise BenchmarkError(
                f"{name}: a level is a number from 0 to {_SPLIT_BLOCK // _LEVEL_BLOCK - 1}, not "
                f"{odd[0]}: seeds of two splits would be the same"
            )
        self.thread_safe = bool(getattr(made, "thread_safe", True))
        self._max_steps = getattr(made, "max_steps", MAX_STEPS)
        if not isinstance(self._max_steps, int) or self._max_steps < 1:
            raise BenchmarkError(
                f"{name}: max_steps is {self._max_steps!r}: write a whole number from 1 on"
            )
        self._digest = sha256(Path(file).read_bytes() if file else name.encode()).hexdigest()[:12]

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""
        return self._max_steps

    def fingerprint(self) -> str:
        """Return the class's name and a hash of its file."""
        return f"{self.name}-{self._digest}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        if split not in SPLITS:
            raise BenchmarkError(f"{self.name} has no split {split!r} (known: {', '.join(SPLITS)})")
        asked = self.levels if levels is None else tuple(dict.fromkeys(levels))
        for level in asked:
            if level not in self.levels:
                known = ", ".join(map(str, self.levels))
                raise BenchmarkError(f"{self.name} has no level {level}; there are: {known}")
        first = SPLITS.index(split) * _SPLIT_BLOCK
        return [
            Task(f"{self.name}/{split}/{level}/{i}", self.name, split, self._instruction,
                 first + level * _LEVEL_BLOCK + i, level)
            for i in range(start, start + n_per_level)
            for level in asked
        ]  # fmt: skip

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing."""

    def open(self, task: Task) -> Environment:
        """Return a fresh episode."""
        return _Episode(self._made(task.seed, task.difficulty), self._max_steps)

    def gold(self, task: Task) -> list[str] | None:
        """Return what the class says solves the task; None: it says nothing."""
        told = getattr(self._made, "gold", None)
        return None if told is None else list(told(task.seed, task.difficulty))


class _Episode:
    """An environment with what its author need not think of: the limit, and the end."""

    def __init__(self, inner: Any, max_steps: int) -> None:
        self._inner, self._max_steps = inner, max_steps
        self._n, self._is_over = 0, True

    @property
    def tools(self) -> Sequence[BaseTool]:
        return tuple(getattr(self._inner, "tools", ()))

    @property
    def takes_answers(self) -> bool:
        return bool(getattr(self._inner, "takes_answers", False))

    def reset(self) -> Observation:
        self._n, self._is_over = 0, False
        return self._checked(self._inner.reset())

    def step(self, action: str) -> Observation:
        if self._is_over:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        self._n += 1
        seen = self._checked(self._inner.step(action))
        if not seen.terminated and self._n >= self._max_steps:
            seen = replace(seen, truncated=True)
        self._is_over = seen.done
        return seen

    def _checked(self, seen: object) -> Observation:
        if isinstance(seen, Observation):
            return seen
        kind = type(self._inner).__name__
        raise TypeError(f"{kind} gave {seen!r}: reset and step return an Observation")

    def close(self) -> None:
        getattr(self._inner, "close", lambda: None)()
