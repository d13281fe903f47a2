"""The two benchmarks behind their registered names: `alfworld` and `alfworld-gen`."""

import json
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain, zip_longest
from pathlib import Path

from agentevo.benchmarks.alfworld import engine
from agentevo.benchmarks.alfworld.environment import EXTRAS, Episode
from agentevo.benchmarks.alfworld.files import Official
from agentevo.benchmarks.alfworld.generate import Generated
from agentevo.benchmarks.alfworld.tasks import KINDS, Games
from agentevo.benchmarks.alfworld.walkthrough import walkthrough
from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.processes import Pooled
from agentevo.benchmarks.task import SPLITS, Environment, Split, Task

_TEXT_FORMAT = 1
"""Counts up when anything that an agent sees changes here."""


class Alfworld:
    """Household games; a Benchmark.

    Each open episode runs in a worker process of its own, about 150 MB, since the engine keeps
    its state in module globals and shared libraries.
    """

    thread_safe = True

    def __init__(self, games: Games, *, max_steps: int = 50, extras: Sequence[str] = ()) -> None:
        """Set the benchmark up; nothing is loaded yet.

        Args:
            games: Where its games come from.
            max_steps: The step limit of every episode; published results are with 50.
            extras: What stands in `Observation.info`: `admissible_commands`.

        Raises:
            BenchmarkError: A package is not installed, or an option is out of range.
        """
        engine.versions()
        self._games = games
        self.name = games.name
        if max_steps < 1:
            raise BenchmarkError(f"{self.name}: max_steps is {max_steps}, must be 1 or more")
        for extra in extras:
            if extra not in EXTRAS:
                raise BenchmarkError(
                    f"{self.name}: no extra {extra!r} (known: {', '.join(EXTRAS)})"
                )
        self._max_steps = max_steps
        self._extras = tuple(extras)
        self._gold: dict[str, list[str] | None] = {}
        self.description = games.description
        self.licence = games.licence
        self.source = games.source

    @property
    def levels(self) -> tuple[int, ...]:
        """ALFWorld's six kinds of task, those of which there are games in every split."""
        return self._games.levels

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""
        return self._max_steps

    def fingerprint(self) -> str:
        """Return alfworld's version, how the games word putting down, and a hash of all else."""
        wording, shape = self._games.shape()
        settings = [_TEXT_FORMAT, engine.versions(), self._max_steps, self._extras]
        digest = sha256(json.dumps([settings, shape], sort_keys=True).encode()).hexdigest()
        words = wording.replace("/", "-").replace(" ", "-")
        return f"{self.name}-{engine.versions()['alfworld']}-{words}-{digest[:12]}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        if n_per_level < 0 or start < 0:
            raise BenchmarkError(
                f"{self.name}: n_per_level is {n_per_level} and start {start}, must not be negative"
            )
        asked = tuple(dict.fromkeys(self.levels if levels is None else levels))
        self._check(split, asked)
        columns = [self._games.tasks(split, one, start, start + n_per_level) for one in asked]
        return [task for task in chain(*zip_longest(*columns)) if task is not None]

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: a game is read or made when it is opened."""
        if progress is not None:
            progress(len(tasks), len(tasks))

    def open(self, task: Task) -> Environment:
        """Return a fresh episode, in a worker process; takes a second, more in a new process."""
        self._check_own(task)
        game = self._games.game(task)
        return Pooled(Episode, game, max_steps=self._max_steps, extras=self._extras)

    def gold(self, task: Task) -> list[str] | None:
        """Return commands that win, read off the game's problem and then tried."""
        self._check_own(task)
        if task.id not in self._gold:
            self._gold[task.id] = self._tried(task, walkthrough(self._games.game(task)))
        found = self._gold[task.id]
        return None if found is None else list(found)

    def _tried(self, task: Task, commands: list[str] | None) -> list[str] | None:
        """Return the commands if they win, else None: official files differ in small ways."""
        if commands is None or len(commands) > self._max_steps:
            return None
        episode = self.open(task)
        try:
            seen = episode.reset()
            for command in commands:
                if seen.done:
                    return None
                seen = episode.step(command)
        finally:
            episode.close()
        return commands if seen.success else None

    def _check_own(self, task: Task) -> None:
        if task.benchmark != self.name:
            raise BenchmarkError(f"{task.id} is a task of {task.benchmark}, not of {self.name}")
        self._check(task.split, (task.difficulty,))

    def _check(self, split: str, levels: Sequence[int]) -> None:
        if split not in SPLITS:
            raise BenchmarkError(f"{self.name}: no split {split!r} (known: {', '.join(SPLITS)})")
        for level in levels:
            if level not in KINDS:
                raise BenchmarkError(f"{self.name} has no level {level}; there are: 1-{max(KINDS)}")


def alfworld(
    folder: str | Path = "", *, max_steps: int = 50, extras: Sequence[str] = ()
) -> Alfworld:
    """Return the benchmark `alfworld`: the official games.

    Args:
        folder: Where they are: it holds `train` or `valid_train`, `valid_seen`, `valid_unseen`.
            The engine evaluates parts of a game as Python: only give it files you trust.
        max_steps: See `Alfworld`.
        extras: See `Alfworld`.
    """
    if not folder:
        raise BenchmarkError("alfworld: write alfworld:FOLDER, where its official games are")
    return Alfworld(Official(folder), max_steps=max_steps, extras=extras)


def alfworld_gen(*, max_steps: int = 50, extras: Sequence[str] = ()) -> Alfworld:
    """Return the benchmark `alfworld-gen`: generated games, never to be reported as ALFWorld."""
    return Alfworld(Generated(), max_steps=max_steps, extras=extras)
