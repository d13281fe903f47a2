"""The benchmark `babyai`, and one episode of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from agentevo.benchmarks.babyai.levels import LADDER, Level, seed
from agentevo.benchmarks.babyai.text import describe
from agentevo.benchmarks.babyai.world import ACTIONS, World, version
from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import SPLITS, Environment, Observation, Split, Task

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_TEXT_FORMAT = 1
"""Counts up when anything else that an agent sees changes, or how worlds fall into splits."""

_INSTRUCTION = (
    "You are in a grid world. Fulfil the mission that the first observation states. "
    f"Actions: {', '.join(ACTIONS)}."
)


class BabyAI:
    """Ten of BabyAI's levels; a Benchmark.

    The package has no splits. Here a world belongs to one of the three by a hash of what it
    holds, so that none stands in two of them.
    """

    name = "babyai"
    description = (
        "Missions such as 'put the red ball next to the green box' in rooms with doors and keys, "
        "seen from where the agent stands. Ten levels, from one ball in one room to nine rooms "
        "and missions of several parts. The words are ours: not to be compared with results on "
        "other renderings."
    )
    licence = "MIT (minigrid, gymnasium); they need pygame-ce, which is LGPL-2.1"
    source = "PyPI minigrid, after Chevalier-Boisvert et al., 2019, arXiv:1810.08272"
    levels = tuple(LADDER)
    thread_safe = True

    def __init__(self, *, max_steps: int | None = None) -> None:
        """Set the benchmark up; nothing is imported yet.

        Args:
            max_steps: The step limit of every episode; None takes each level's own.

        Raises:
            BenchmarkError: minigrid is not installed, or the limit is out of range.
        """
        version()
        if max_steps is not None and max_steps < 1:
            raise BenchmarkError(f"babyai: max_steps is {max_steps}, must be 1 or more")
        self._max_steps = max_steps

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""
        return self._max_steps or self._level(task.split, task.difficulty).max_steps

    def fingerprint(self) -> str:
        """Return minigrid's version and a hash of all else that shapes a task."""
        shape = [
            _TEXT_FORMAT,
            _INSTRUCTION,
            version("gymnasium"),
            version("numpy").rpartition(".")[0],  # draws the worlds
            self._max_steps,
            [
                [level, one.id, one.max_steps, [seed(split, level, 0) for split in SPLITS]]
                for level, one in LADDER.items()
            ],
        ]
        digest = sha256(json.dumps(shape).encode()).hexdigest()
        return f"minigrid-{version()}-{digest[:12]}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        if n_per_level < 0:
            raise BenchmarkError(f"babyai: n_per_level is {n_per_level}, must not be negative")
        asked = dict.fromkeys(self.levels if levels is None else levels)
        chosen = {level: self._level(split, level) for level in asked}
        return [
            Task(
                id=f"{self.name}/{split}/{level}/{index}",
                benchmark=self.name,
                split=split,
                instruction=_INSTRUCTION,
                seed=seed(split, level, index),
                difficulty=level,
                data={"environment": one.id},
            )
            for index in range(start, start + n_per_level)
            for level, one in chosen.items()
        ]

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: worlds are made when they are opened, in milliseconds."""
        if progress is not None:
            progress(len(tasks), len(tasks))

    def open(self, task: Task) -> Environment:
        """Return a fresh episode."""
        return Episode(self._world(task), self.max_steps(task))

    def gold(self, task: Task) -> list[str] | None:
        """Return what the package's bot does, or None where it fails."""
        return self._world(task).solve()

    def _world(self, task: Task) -> World:
        if task.benchmark != self.name:
            raise BenchmarkError(f"{task.id} is a task of {task.benchmark}, not of {self.name}")
        level = self._level(task.split, task.difficulty)
        return World(level.id, task.split, task.seed, self.max_steps(task))

    def _level(self, split: str, level: int) -> Level:
        if split not in SPLITS:
            raise BenchmarkError(f"babyai: no split {split!r} (known: {', '.join(SPLITS)})")
        if level not in LADDER:
            raise BenchmarkError(f"babyai has no level {level}; there are: 1-{len(LADDER)}")
        return LADDER[level]


class Episode:
    """Plays one world; an Environment."""

    def __init__(self, world: World, max_steps: int) -> None:
        """Take a world that nobody else plays in."""
        self._world = world
        self._max_steps = max_steps
        self._n_steps = 0
        self._done = True

    @property
    def tools(self) -> Sequence[BaseTool]:
        """None: the world is acted in by words."""
        return ()

    def reset(self) -> Observation:
        """Begin, or begin again."""
        self._world.reset()
        self._n_steps, self._done = 0, False
        text = f"Mission: {self._world.mission}.\n{describe(self._world.view())}"
        return Observation(text=text, info={"reward": 0.0})

    def step(self, action: str) -> Observation:
        """Take one action; an unknown one is answered here and costs a step too.

        `info["reward"]` is the package's own, which falls with the number of steps.
        """
        if self._done:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        self._n_steps += 1
        words = " ".join(action.split()).rstrip(".!").lower()
        terminated, reward = False, 0.0
        if words in ACTIONS:
            outcome = self._world.step(words)
            terminated, reward = outcome.terminated, outcome.reward
            text = describe(self._world.view())
            if not outcome.changed:
                text = f"Nothing happens.\n{text}"
        else:
            text = f"There is no such action. Actions: {', '.join(ACTIONS)}."
        success = terminated and reward > 0
        if terminated:
            text = f"{text}\nThe mission is {'fulfilled' if success else 'lost'}."
        truncated = not terminated and self._n_steps >= self._max_steps
        self._done = terminated or truncated
        return Observation(
            text=text,
            reward=float(success),
            terminated=terminated,
            truncated=truncated,
            score=float(success),
            success=success,
            info={"reward": reward},
        )

    def close(self) -> None:
        """End the episode; there is nothing to free."""
        self._done = True


def babyai(*, max_steps: int | None = None) -> BabyAI:
    """Return the benchmark `babyai`."""
    return BabyAI(max_steps=max_steps)
