"""The three TextWorld benchmarks behind their registered names."""

import difflib
import json
from collections.abc import Sequence
from hashlib import sha256

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import SPLITS, Environment, Split, Task
from agentevo.benchmarks.textworld import engine, games
from agentevo.benchmarks.textworld.environment import EXTRAS, Episode
from agentevo.benchmarks.textworld.families import (
    COIN_COLLECTOR,
    COOKING,
    TREASURE_HUNTER,
    Family,
    cooking_by,
)
from agentevo.benchmarks.textworld.rules import N_PERMUTED, ORIGINAL, permuted
from agentevo.benchmarks.textworld.walkthrough import READ_RECIPE, walkthrough

_TEXT_FORMAT = 1
"""Counts up when cleaning, commands or anything else that an agent sees changes."""
_RULES = (ORIGINAL.name, "permuted")


class TextWorld:
    """A family of generated games; a Benchmark."""

    licence = "MIT (textworld and its games); its interpreter jericho is GPL-2.0-or-later"
    thread_safe = True

    def __init__(
        self, family: Family, *, max_steps: int | None = None, extras: Sequence[str] = ()
    ) -> None:
        """Set the benchmark up; nothing is generated or imported yet.

        Args:
            family: Which games.
            max_steps: The step limit of every episode; None takes the family's own.
            extras: What else stands in `Observation.info`: `admissible_commands`, `inventory`.

        Raises:
            BenchmarkError: textworld is not installed, or an option is out of range.
        """
        engine.version()
        if max_steps is not None and (not isinstance(max_steps, int) or max_steps < 1):
            raise BenchmarkError(f"{family.name}: max_steps is {max_steps!r}, must be 1 or more")
        for name in extras:
            if name not in EXTRAS:
                raise BenchmarkError(f"{family.name}: {_no_such('extra', name, EXTRAS)}")
        self._family = family
        self._max_steps = max_steps
        self._extras = tuple(extras)
        self.name = family.name
        self.description = family.description
        self.source = family.source
        self.levels = family.levels

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""
        return self._max_steps or self._family.max_steps(task.difficulty)

    def fingerprint(self) -> str:
        """Return TextWorld's version and a hash of all settings."""
        family = self._family
        shape = [
            _TEXT_FORMAT,
            family.challenge,
            family.instruction,
            family.objective,
            self._max_steps,
            self._extras,
            [
                [split, level, dict(family.settings(level, split)), family.seed(split, level, 0)]
                for split in SPLITS
                for level in sorted(family.allowed)
            ],
            [
                [family.max_score(level), family.max_steps(level)]
                for level in sorted(family.allowed)
            ],
        ]
        made = f"textworld-{engine.version()}"
        if family.rules != ORIGINAL:
            shape += [family.rules.name, dict(family.rules.words)]
            made += f"-{family.rules.name}"
        digest = sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
        return f"{made}-{digest[:12]}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        if n_per_level < 0:
            raise BenchmarkError(f"{self.name}: n_per_level is {n_per_level}, must not be negative")
        asked = tuple(dict.fromkeys(self.levels if levels is None else levels))
        self._check(split, asked)
        return [
            Task(
                id=f"{self.name}/{split}/{level}/{index}",
                benchmark=self.name,
                split=split,
                instruction=self._family.instruction,
                seed=self._family.seed(split, level, index),
                difficulty=level,
                data={"max_points": self._family.max_score(level)},
            )
            for index in range(start, start + n_per_level)
            for level in asked
        ]

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Generate the games of the tasks, unless they are in the cache."""
        games.ensure([self._spec(task) for task in tasks], progress=progress, workers=workers)

    def open(self, task: Task) -> Environment:
        """Return a fresh episode; generates the game first where it is missing, 2 to 3 s."""
        self.prepare([task])
        return Episode(
            self._spec(task).path,
            max_score=self._family.max_score(task.difficulty),
            max_steps=self.max_steps(task),
            extras=self._extras,
            hide_objective=self._family.objective is not None,
        )

    def gold(self, task: Task) -> list[str]:
        """Return commands that win; in the kitchen, the recipe is read before it is followed."""
        self.prepare([task])
        read_first = READ_RECIPE if self._family.challenge == COOKING.challenge else None
        return walkthrough(self._spec(task).path, read_first=read_first)

    def _spec(self, task: Task) -> games.Spec:
        if task.benchmark != self.name:
            raise BenchmarkError(f"{task.id} is a task of {task.benchmark}, not of {self.name}")
        self._check(task.split, (task.difficulty,))
        family = self._family
        settings = family.settings(task.difficulty, task.split)
        return games.Spec(family.challenge, settings, task.seed, family.objective, family.rules)

    def _check(self, split: str, levels: Sequence[int]) -> None:
        if split not in SPLITS:
            raise BenchmarkError(f"{self.name}: {_no_such('split', split, SPLITS)}")
        for level in levels:
            if level not in self._family.allowed:
                raise BenchmarkError(
                    f"{self.name} has no level {level}; there are: {_ranges(self._family.allowed)}"
                )


def cooking(
    *,
    max_steps: int | None = None,
    extras: Sequence[str] = (),
    rules: str = "original",
    rules_seed: int = 0,
) -> TextWorld:
    """Return the benchmark `textworld-cooking`.

    Args:
        max_steps: The step limit of every episode; None takes the family's own, 100.
        extras: As of `TextWorld`.
        rules: `original`, or `permuted`: stove, oven and BBQ fry, roast and grill in another
            assignment, one and the same in all tasks, whose ids and benchmark then say so.
        rules_seed: Which of the five other assignments, 0 to 4; no appliance keeps its own
            under 0 and 1.

    Raises:
        BenchmarkError: textworld is not installed, or an option is out of range.
    """
    family = _kitchen(rules, rules_seed)
    return TextWorld(family, max_steps=max_steps, extras=extras)


def treasure_hunter(*, max_steps: int | None = None, extras: Sequence[str] = ()) -> TextWorld:
    """Return the benchmark `textworld-treasure-hunter`."""
    return TextWorld(TREASURE_HUNTER, max_steps=max_steps, extras=extras)


def coin_collector(*, max_steps: int | None = None, extras: Sequence[str] = ()) -> TextWorld:
    """Return the benchmark `textworld-coin-collector`."""
    return TextWorld(COIN_COLLECTOR, max_steps=max_steps, extras=extras)


def _kitchen(rules: str, seed: int) -> Family:
    """Return the cooking games by those rules."""
    if rules not in _RULES:
        raise BenchmarkError(f"{COOKING.name}: {_no_such('rules', str(rules), _RULES)}")
    if rules == ORIGINAL.name:
        if seed:
            raise BenchmarkError(f"{COOKING.name}: rules_seed is for rules='permuted', got {seed}")
        return COOKING
    if seed not in range(N_PERMUTED):
        known = f"0 to {N_PERMUTED - 1}"
        raise BenchmarkError(f"{COOKING.name}: rules_seed is {seed!r}, must be {known}")
    return cooking_by(permuted(int(seed)))  # 1.0 is in the range, too


def _no_such(what: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no {what} {name!r}{hint} (known: {', '.join(known)})"


def _ranges(levels: frozenset[int]) -> str:
    """Return `1-100, 105` for a set of numbers."""
    runs: list[list[int]] = []
    for level in sorted(levels):
        if runs and level == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], level]
        else:
            runs.append([level])
    return ", ".join("-".join(map(str, run)) for run in runs)
