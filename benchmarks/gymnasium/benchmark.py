"""The Benchmark that wraps one Gymnasium environment; for a file of the user's own.

taxi = Gymnasium("Taxi-v4", instruction="...", actions=("south", "north", ...), render=in_words,
                 success=lambda info, reward, total: reward == 20)
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.gymnasium.episode import Episode, Render, Scoring, Success, Words
from agentevo.benchmarks.task import JSON, SPLITS, Environment, Split, Task

if TYPE_CHECKING:
    import gymnasium

_FORMAT = 1
"""Counts up when what is added to an environment's own words changes."""
_SPLIT_BLOCK = 1_000_000_000


class Gymnasium:
    """One registered environment with text or named actions; a Benchmark.

    Gymnasium knows no splits: here each has a block of seeds of its own. Where the seed changes
    nothing but the luck of the moves, as in FrozenLake, all tasks begin alike, and the test split
    says nothing about new worlds.
    """

    licence = "MIT (gymnasium); the environment's own is its package's"
    levels = (1,)

    def __init__(
        self,
        env_id: str,
        *,
        instruction: str,
        actions: Sequence[str] = (),
        render: Render | None = None,
        success: Success | None = None,
        return_range: tuple[float, float] | None = None,
        max_steps: int | None = None,
        settings: Mapping[str, JSON] | None = None,
        name: str | None = None,
        thread_safe: bool = False,
    ) -> None:
        """Set the benchmark up; the environment is not made yet.

        Args:
            env_id: As for `gymnasium.make`: `Name-v0`, or `module:Name-v0` to import a module
                first.
            instruction: The goal in words; the names of the actions are added.
            actions: The names of a Discrete space's actions, in their order; none for Text.
            render: Turns an observation into text. Text passes through without it.
            success: Told the environment's info, the step's reward and the return so far, says
                whether the task is done; its first yes ends the episode. None: it is done when
                the return reaches the highest of `return_range`.
            return_range: The returns that score 0.0 and 1.0; the score is linear between them.
                Where the lowest is negative, the score is 0.0 until the episode ends. None: the
                score is 1.0 on success, else 0.0.
            max_steps: The step limit of an episode; None takes the environment's own.
            settings: What `gymnasium.make` passes on to the environment.
            name: The benchmark's; None takes `env_id`.
            thread_safe: Whether its episodes may run side by side in threads: not where it draws
                from the modules `random` or `numpy.random`.

        Raises:
            BenchmarkError: gymnasium is not installed, or an argument is out of range.
        """
        _version()
        self.name = name or env_id
        self.description = f"The Gymnasium environment {env_id}, told in words."
        self.source = f"Gymnasium's registry: {env_id}"
        self.thread_safe = thread_safe
        self._env_id = env_id
        self._actions = tuple(actions)
        self._render = render
        self._scoring = Scoring(success, return_range)
        self._max_steps = max_steps
        self._settings = dict(settings or {})
        listed = f" Actions: {', '.join(actions)}." if actions else ""
        self._instruction = f"{instruction.strip()}{listed}"
        if len({action.lower() for action in actions}) < len(actions):
            raise BenchmarkError(f"{self.name}: two actions have the same name")
        if success is None and return_range is None:
            raise BenchmarkError(f"{self.name}: give success=, return_range= or both")
        if return_range is not None and not return_range[0] < return_range[1]:
            raise BenchmarkError(f"{self.name}: return_range is {return_range}, must rise")
        if max_steps is not None and max_steps < 1:
            raise BenchmarkError(f"{self.name}: max_steps is {max_steps}, must be 1 or more")

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""
        return self._limit

    def fingerprint(self) -> str:
        """Return Gymnasium's version and a hash of all arguments.

        The environment's own code is named by its id, whose `-v1` Gymnasium asks to raise with
        every change; of `render` and `success` their own lines count, not what they call.
        """
        shape = [
            _FORMAT,
            self._env_id,
            self._instruction,
            self._actions,
            _source(self._render),
            _source(self._scoring.success),
            self._scoring.return_range,
            self._max_steps,
            self._settings,
        ]
        digest = sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
        return f"gymnasium-{_version()}-{digest[:12]}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1`."""
        if split not in SPLITS:
            raise BenchmarkError(f"{self.name}: no split {split!r} (known: {', '.join(SPLITS)})")
        asked = set(self.levels if levels is None else levels)
        if unknown := asked - set(self.levels):
            raise BenchmarkError(f"{self.name} has no level {min(unknown)}; there are: 1")
        if n_per_level < 0:
            raise BenchmarkError(f"{self.name}: n_per_level is {n_per_level}, must not be negative")
        if not 0 <= start <= _SPLIT_BLOCK - n_per_level:
            raise BenchmarkError(f"{self.name}: no task number {start} and {n_per_level} more")
        return [
            Task(
                id=f"{self.name}/{split}/1/{index}",
                benchmark=self.name,
                split=split,
                instruction=self._instruction,
                seed=SPLITS.index(split) * _SPLIT_BLOCK + index,
                difficulty=1,
            )
            for index in range(start, start + n_per_level)
            if asked
        ]

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Make nothing, but say at once what is wrong with the environment or the arguments."""
        env, _ = self._make()
        env.close()
        if progress is not None:
            progress(len(tasks), len(tasks))

    def open(self, task: Task) -> Environment:
        """Return a fresh episode."""
        if task.benchmark != self.name:
            raise BenchmarkError(f"{task.id} is a task of {task.benchmark}, not of {self.name}")
        limit = self._limit
        env, words = self._make()
        return Episode(env, words, self._scoring, seed=task.seed, max_steps=limit)

    def gold(self, task: Task) -> list[str] | None:
        """Return None: nothing is known."""
        return None

    @cached_property
    def _limit(self) -> int:
        """The step limit: the user's, or that of the registered environment."""
        if self._max_steps is not None:
            return self._max_steps
        env, _ = self._make()
        env.close()
        if env.spec is None or env.spec.max_episode_steps is None:
            raise BenchmarkError(f"{self.name} states no step limit: give max_steps=")
        return int(env.spec.max_episode_steps)

    def _make(self) -> tuple[gymnasium.Env[Any, Any], Words]:
        import gymnasium

        try:
            env = gymnasium.make(
                self._env_id,
                max_episode_steps=self._max_steps,
                disable_env_checker=True,
                **self._settings,
            )
        except (gymnasium.error.Error, ImportError, TypeError) as error:
            why = " ".join(str(error).split())
            raise BenchmarkError(f"{self.name} cannot be made: {why}") from error
        try:
            return env, Words(self.name, env, self._actions, self._render)
        except BenchmarkError:
            env.close()
            raise


def _version() -> str:
    try:
        return importlib.metadata.version("gymnasium")
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError(
            "the package gymnasium is not installed: pip install 'agentevo[gymnasium]'"
        ) from None


def _source(function: Callable[..., object] | None) -> str | None:
    """Return a function's own lines, or its name where there are none to read."""
    if function is None:
        return None
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return str(getattr(function, "__qualname__", type(function).__qualname__))
