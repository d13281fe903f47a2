"""The benchmark `bfcl-multi-turn`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.bfcl import package
from agentevo.benchmarks.bfcl.environment import Episode, limit
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import SPLITS, Environment, Split, Task

_TEXT_FORMAT = 1
"""Counts up when anything changes that an agent sees, or how it is scored."""
_INSTRUCTION = (
    "A user asks you for several things, one after the other. Fulfil each request by calling "
    "tools, then reply to the user in words: that ends your turn, and the next request follows."
)
_LEVELS = dict(enumerate(package.CATEGORIES, start=1))
# The package has no splits, so its 200 scenarios are cut by their last digit: 120, 40 and 40.
# Which digits go together was chosen so that scenarios with the same beginning, the same
# solution or the same request never stand in two splits.
_DIGITS: Mapping[Split, str] = {"train": "034679", "validation": "15", "test": "28"}
_DOMAIN = 50  # scenarios in a row about the same: files, a car, stocks, travel


class MultiTurn:
    """The four multi-turn categories of BFCL, one a level; a Benchmark.

    A scenario stands in one split, and there in every category. Left out is what cannot be
    solved: in 2026.3.23 one conversation of `miss_func`, number 49, whose solution needs a
    function before it is offered.
    """

    name = "bfcl-multi-turn"
    description = (
        "Fulfil a user's requests over several turns by calling the functions of simulated "
        "systems: files, a car, stocks, travel, messages, posts, tickets, mathematics. Level 1 is "
        "the plain conversation; in 2 a function, in 3 a detail is missing until the user gives "
        "it; in 4 the results are long."
    )
    licence = "Apache-2.0 (bfcl-eval and its data)"
    source = "PyPI bfcl-eval, the Berkeley Function Calling Leaderboard (Patil et al., ICML 2025)"
    levels = tuple(_LEVELS)
    thread_safe = True

    def __init__(self) -> None:
        """Set the benchmark up; no data is read yet.

        Raises:
            BenchmarkError: bfcl-eval or mpmath is not installed.
        """
        package.version()

    def max_steps(self, task: Task) -> int:
        """Return how many calls and replies the conversation can take; it ends by itself."""
        entry = self._entry(task)
        return sum(limit(entry, turn) + 1 for turn in range(len(entry.messages)))

    def fingerprint(self) -> str:
        """Return the package's version and a hash of its data and of our settings."""
        shape = [_TEXT_FORMAT, _INSTRUCTION, dict(_DIGITS), _LEVELS, _DOMAIN, package.digest()]
        digest = sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
        return f"bfcl-eval-{package.version()}-{digest[:12]}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        if n_per_level < 0:
            raise BenchmarkError(f"{self.name}: n_per_level is {n_per_level}, must not be negative")
        rows = {
            level: _ordered(split, level)
            for level in dict.fromkeys(self.levels if levels is None else levels)
        }
        return [
            Task(
                id=f"{self.name}/{split}/{level}/{index}",
                benchmark=self.name,
                split=split,
                instruction=_INSTRUCTION,
                seed=entries[index].scenario,
                difficulty=level,
                data={"entry": entries[index].id},
            )
            for index in range(start, start + n_per_level)
            for level, entries in rows.items()
            if index < len(entries)
        ]

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: the conversations come with the package."""
        if progress is not None:
            progress(len(tasks), len(tasks))

    def open(self, task: Task) -> Environment:
        """Return a fresh conversation."""
        return Episode(self._entry(task))

    def gold(self, task: Task) -> list[str]:
        """Return the calls of the package's solution, with a reply after those of each turn."""
        turns = self._entry(task).solution
        return [action for calls in turns for action in (*map(str, calls), "Done.")]

    def _entry(self, task: Task) -> package.Entry:
        if task.benchmark != self.name:
            raise BenchmarkError(f"{task.id} is a task of {task.benchmark}, not of {self.name}")
        for entry in _ordered(task.split, task.difficulty):
            if entry.id == task.data.get("entry"):
                return entry
        raise BenchmarkError(f"{self.name} has no conversation {task.data.get('entry')!r}")


def _ordered(split: Split, level: int) -> list[package.Entry]:
    """Return the conversations of a split and level: domains in turn, each level elsewhere first.

    So the first tasks of all levels are different scenarios, not one in four forms.
    """
    if split not in SPLITS:
        raise BenchmarkError(f"{MultiTurn.name}: no split {split!r} (known: {', '.join(SPLITS)})")
    if level not in _LEVELS:
        raise BenchmarkError(f"{MultiTurn.name} has no level {level}; there are: 1-{len(_LEVELS)}")
    found = [
        entry
        for entry in package.entries(_LEVELS[level])
        if str(entry.scenario)[-1] in _DIGITS[split]
    ]
    found.sort(key=lambda entry: (entry.scenario % _DOMAIN, entry.scenario))
    first = (level - 1) * len(found) // len(_LEVELS)
    return found[first:] + found[:first]


def multi_turn() -> MultiTurn:
    """Return the benchmark `bfcl-multi-turn`."""
    return MultiTurn()
