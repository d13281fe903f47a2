"""The benchmark `miniwob`: fourteen pages of MiniWoB++ as levels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.miniwob.environment import Episode
from agentevo.benchmarks.miniwob.gold import solve
from agentevo.benchmarks.miniwob.programs import pages_folder, programs, version
from agentevo.benchmarks.task import SPLITS, Environment, Split, Task

_FORMAT = 1
"""Counts up when anything else that an agent sees changes, or how tasks fall into splits."""

_INSTRUCTION = (
    "A web page is shown as its task and its elements, one a line. Do the task. Every reply is "
    "one action: `click REF`, `type REF TEXT`, where REF is the number before an element, or "
    "`press KEY`, such as Enter, Backspace, ArrowDown or Control+a."
)

# Pages and step limits, by the number of steps and by how much must be found first. Each works
# without a mouse's coordinates, without waiting, and on every day alike, which `terminal` does
# not; and has tasks that differ in their text, which `click-test` has not.
_LADDER = (
    ("click-button", 5),
    ("click-link", 5),
    ("enter-text", 8),
    ("click-option", 8),
    ("login-user", 10),
    ("choose-list", 10),
    ("click-checkboxes", 15),
    ("click-tab-2", 10),
    ("navigate-tree", 15),
    ("read-table-2", 10),
    ("search-engine", 15),
    ("social-media-some", 25),
    ("email-inbox-nl-turk", 20),
    ("book-flight-nodelay", 30),
)
_BLOCK = 10_000_000
"""How many seeds, and so tasks of a level, a split has."""


class MiniWoB:
    """Small tasks on web pages, in a headless Chromium; a Benchmark.

    A task is a page and the seed of its random numbers. The original has no splits. Here each has
    a block of seeds of its own, and a task belongs to one split by a hash of its text, so that
    none stands in two of them. Of email-inbox-nl-turk, whose wordings the original divides, the
    test split has those kept for testing, and the two others share those for training.

    The pages' limit of 10 to 30 s a task is off, because it would measure how fast a model
    answers. The score is the page's reward before it is reduced by the time that passed, and
    success is the full reward of 1: click-checkboxes gives a part of it for a part of the boxes.
    """

    name = "miniwob"
    description = (
        "Click, type and choose on small web pages until the page says that its task is done. "
        "Fourteen levels, from one button to the booking of a flight, 1 to 10 steps."
    )
    licence = "MIT (miniwob); Chromium and chromedriver are BSD-3-Clause, selenium is Apache-2.0"
    source = "PyPI miniwob, after Shi et al., 2017 and Liu et al., 2018, arXiv:1802.08802"
    levels = tuple(range(1, len(_LADDER) + 1))
    thread_safe = True

    def __init__(self, *, max_steps: int | None = None) -> None:
        """Set the benchmark up; no browser is started yet.

        Args:
            max_steps: The step limit of every episode; None takes each level's own, 5 to 30.

        Raises:
            BenchmarkError: The package or a browser is not installed, or an option is out of
                range.
        """
        version()
        programs()
        if max_steps is not None and max_steps < 1:
            raise BenchmarkError(f"{self.name}: max_steps is {max_steps}, must be 1 or more")
        self._max_steps = max_steps

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""
        return self._max_steps or _LADDER[task.difficulty - 1][1]

    def fingerprint(self) -> str:
        """Return miniwob's version and a hash of the settings and the pages."""
        shape = [_FORMAT, _INSTRUCTION, _LADDER, _BLOCK, self._max_steps, _digest_of_pages()]
        digest = sha256(json.dumps(shape).encode()).hexdigest()
        return f"miniwob-{version()}-{digest[:12]}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        asked = tuple(dict.fromkeys(self.levels if levels is None else levels))
        self._check(split, asked)
        if n_per_level < 0 or start < 0:
            raise BenchmarkError(f"{self.name}: n_per_level and start must not be negative")
        return [
            Task(
                id=f"{self.name}/{split}/{level}/{index}",
                benchmark=self.name,
                split=split,
                instruction=_INSTRUCTION,
                seed=SPLITS.index(split) * _BLOCK + index,
                difficulty=level,
                data={"page": _LADDER[level - 1][0]},
            )
            for index in range(start, min(start + n_per_level, _BLOCK))
            for level in asked
        ]

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: the pages are in the package."""
        if progress is not None:
            progress(len(tasks), len(tasks))

    def open(self, task: Task) -> Environment:
        """Return a fresh episode; its `reset` starts a browser, 1 to 2 s, where none is free."""
        return self._episode(task)

    def gold(self, task: Task) -> list[str] | None:
        """Return what a rule of a few lines does in an episode of its own; None without a rule."""
        return solve(self._episode(task), _LADDER[task.difficulty - 1][0])

    def _episode(self, task: Task) -> Episode:
        if task.benchmark != self.name:
            raise BenchmarkError(f"{task.id} is a task of {task.benchmark}, not of {self.name}")
        self._check(task.split, (task.difficulty,))
        return Episode(
            _LADDER[task.difficulty - 1][0],
            seed=task.seed,
            split=task.split,
            max_steps=self.max_steps(task),
        )

    def _check(self, split: str, levels: Sequence[int]) -> None:
        if split not in SPLITS:
            raise BenchmarkError(f"{self.name}: no split {split!r} (known: {', '.join(SPLITS)})")
        for level in levels:
            if level not in self.levels:
                known = f"1-{len(_LADDER)}"
                raise BenchmarkError(f"{self.name} has no level {level}; there are: {known}")


@cache
def _digest_of_pages() -> str:
    """Return a hash of the pages and of the scripts and styles that they share."""
    folder = pages_folder()
    files = [folder / "miniwob" / f"{page}.html" for page, _ in _LADDER]
    for kind in ("core", "common"):
        files += sorted((folder / kind).rglob("*.[cj]s*"))  # scripts and styles
    digest = sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
