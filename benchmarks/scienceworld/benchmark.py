"""ScienceWorld behind its registered name."""

import difflib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from hashlib import sha256

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.scienceworld import engine
from agentevo.benchmarks.scienceworld.environment import Episode
from agentevo.benchmarks.scienceworld.task_types import (
    EASY,
    SIMPLIFICATIONS,
    TASK_TYPES,
    TaskType,
)
from agentevo.benchmarks.task import SPLITS, Environment, Split, Task

_TEXT_FORMAT = 1
"""Counts up when anything that an agent sees changes."""
_INSTRUCTION = (
    "Do the science task that the opening text states, in a house with a garden and a workshop. "
    "Each action has one of these forms, with OBJ for the name of a thing or place: {actions}."
)


class ScienceWorld:
    """Thirty types of tasks from elementary school science in one simulated house; a Benchmark.

    A level is a type of task, and the levels are in the order of how long the package's own way
    through them is. The splits are the package's: of the variations of a type, the first half
    trains, the next quarter validates, and the rest tests.
    """

    name = "scienceworld"
    description = (
        "Boil, measure, wire, mix, grow, breed and find things in a simulated house, by text "
        "commands. Thirty task types, one a level, the shortest first; 10 to 1386 variations of "
        "each, in the official splits. Every running episode is a Java process of 250 to 500 MB."
    )
    licence = "Apache-2.0 (scienceworld, its simulator and tasks)"
    source = "PyPI scienceworld, Wang et al., 2022, arXiv:2203.07540"
    levels = tuple(range(1, len(TASK_TYPES) + 1))
    thread_safe = True

    def __init__(
        self, *, simplification: str = EASY, max_steps: int | None = None, heap_mb: int = 768
    ) -> None:
        """Set the benchmark up; no Java process starts yet.

        Args:
            simplification: What the package makes easier: "easy", or names joined by commas, or
                "" for nothing. "easy" is teleportAction, openDoors, selfWateringFlowerPots and,
                where a type can be done without wires, noElectricalAction.
            max_steps: The step limit of every episode; None takes the task type's own.
            heap_mb: The heap limit of each Java process in MB.

        Raises:
            BenchmarkError: scienceworld or Java is missing, or an option is out of range.
        """
        engine.version()
        for part in () if simplification in ("", EASY) else simplification.split(","):
            if part not in SIMPLIFICATIONS:
                raise BenchmarkError(
                    f"{self.name}: {_no_such('simplification', part, SIMPLIFICATIONS)}, "
                    f"or {EASY!r} alone"
                )
        for option, value in (("max_steps", max_steps), ("heap_mb", heap_mb)):
            if value is not None and value < 1:
                raise BenchmarkError(f"{self.name}: {option} is {value}, must be 1 or more")
        self._simplification = simplification
        self._max_steps = max_steps
        self._heap_mb = heap_mb
        self._gold: dict[str, list[str] | None] = {}

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""
        return self._max_steps or self._type(task).max_steps

    def fingerprint(self) -> str:
        """Return the package's version and a hash of all settings."""
        shape = [
            _TEXT_FORMAT,
            _INSTRUCTION,
            engine.JAVA_OPTIONS,
            self._simplification,
            self._max_steps,
            [[asdict(kind), kind.actions(self._simplification)] for kind in TASK_TYPES],
        ]
        digest = sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
        return f"scienceworld-{engine.version()}-{digest[:12]}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        for argument, value in (("n_per_level", n_per_level), ("start", start)):
            if value < 0:
                raise BenchmarkError(f"{self.name}: {argument} is {value}, must not be negative")
        asked = tuple(dict.fromkeys(self.levels if levels is None else levels))
        self._check(split, asked)
        by_level = {level: TASK_TYPES[level - 1].mixed(split) for level in asked}
        return [
            self._task(split, level, index, by_level[level][index])
            for index in range(start, start + n_per_level)
            for level in asked
            if index < len(by_level[level])
        ]

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: the package holds all that the tasks need."""
        if progress is not None:
            progress(len(tasks), len(tasks))

    def open(self, task: Task) -> Environment:
        """Return a fresh episode."""
        kind = self._type(task)
        return Episode(
            kind.name,
            task.seed,
            kind.simplification(self._simplification),
            max_steps=self.max_steps(task),
            heap_mb=self._heap_mb,
        )

    def gold(self, task: Task) -> list[str] | None:
        """Return the package's own way, as far as it wins; None where it does not.

        Planned and tried once per task: 1 to 5 s, genetics 20 s and more.
        """
        if task.id not in self._gold:
            self._gold[task.id] = self._walkthrough(task)
        found = self._gold[task.id]
        return None if found is None else list(found)

    def _walkthrough(self, task: Task) -> list[str] | None:
        kind = self._type(task)
        world = engine.lend(self._heap_mb)
        try:
            planned = world.gold(kind.name, task.seed, kind.simplification(self._simplification))
        finally:
            engine.give_back(world)
        with closing(self.open(task)) as episode:
            episode.reset()
            for n_done, action in enumerate(planned, start=1):
                observation = episode.step(action)
                if observation.done:
                    return planned[:n_done] if observation.success else None
        return None

    def _task(self, split: Split, level: int, index: int, variation: int) -> Task:
        kind = TASK_TYPES[level - 1]
        actions = ", ".join(kind.actions(self._simplification))
        return Task(
            id=f"{self.name}/{split}/{level}/{index}",
            benchmark=self.name,
            split=split,
            instruction=_INSTRUCTION.format(actions=actions),
            seed=variation,
            difficulty=level,
            data={"task": kind.name},
        )

    def _type(self, task: Task) -> TaskType:
        if task.benchmark != self.name:
            raise BenchmarkError(f"{task.id} is a task of {task.benchmark}, not of {self.name}")
        self._check(task.split, (task.difficulty,))
        kind = TASK_TYPES[task.difficulty - 1]
        if task.seed not in kind.variations(task.split):
            raise BenchmarkError(f"{task.id}: {kind.name} {task.seed} is not in {task.split}")
        return kind

    def _check(self, split: str, levels: Sequence[int]) -> None:
        if split not in SPLITS:
            raise BenchmarkError(f"{self.name}: {_no_such('split', split, SPLITS)}")
        for level in levels:
            if level not in self.levels:
                raise BenchmarkError(
                    f"{self.name} has no level {level}; there are: 1-{self.levels[-1]}"
                )


def _no_such(what: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no {what} {name!r}{hint} (known: {', '.join(known)})"
