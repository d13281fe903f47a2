"""Reasoning Gym: procedural puzzles with verifiers (Stojanovski et al. 2025, arXiv 2505.24760)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.questions.bank import Grade, Question, Row, partly_right
from agentevo.benchmarks.task import SPLITS, Environment, Split, Task

BUNDLE = (
    "chain_sum", "number_sequence", "countdown", "knights_knaves", "mini_sudoku",
    "tower_of_hanoi", "word_sorting", "spell_backward", "letter_counting", "family_relationships",
)  # fmt: skip
BLOCK: dict[Split, int] = {"train": 0, "validation": 10_000_000, "test": 20_000_000}
"""Item i of a split is drawn with the seed BLOCK + i."""
CREDIT = 0.05  # some verifiers give as much for any answer at all

_LOCK = threading.Lock()


class ReasoningGym:
    """Some of its data sets, each a level; a Benchmark.

    Args:
        names: of the data sets, level 1 first.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: the package is missing, or has no such data set.
    """

    name = "reasoning-gym"
    licence = "Apache-2.0"
    source = "open-thought/reasoning-gym (arXiv 2505.24760)"
    thread_safe = True

    def __init__(self, names: Sequence[str], *, n_steps: int = 10) -> None:
        """Look that the data sets are there."""
        try:
            self._version = version("reasoning-gym")
        except PackageNotFoundError:
            raise BenchmarkError(
                "reasoning-gym wants a package: pip install 'agentevo[reasoning-gym]'"
            ) from None
        from reasoning_gym.factory import DATASETS

        for name in names:
            if name not in DATASETS:
                known = ", ".join(sorted(DATASETS))
                raise BenchmarkError(f"reasoning-gym has no data set {name!r} (known: {known})")
        self._names, self._n_steps = tuple(names), n_steps
        self.levels = tuple(range(1, len(names) + 1))
        listed = ", ".join(f"{i} {name}" for i, name in enumerate(names, 1))
        self.description = f"Procedural puzzles with verifiers. Levels: {listed}."

    def max_steps(self, task: Task) -> int:
        """Return how many calls of the model an episode may take."""
        return self._n_steps

    def fingerprint(self) -> str:
        """Return the package's version and the data sets."""
        return f"reasoning-gym-{self._version}-1-{'+'.join(self._names)}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        if split not in SPLITS:
            raise BenchmarkError(f"reasoning-gym has no split {split!r} ({', '.join(SPLITS)})")
        asked = self.levels if levels is None else tuple(dict.fromkeys(levels))
        for level in asked:
            if level not in self.levels:
                raise BenchmarkError(f"reasoning-gym has no level {level}; {self.description}")
        found = []
        for i in range(start, start + n_per_level):
            for level in asked:
                seed = BLOCK[split] + i
                question = str(_item(self._names[level - 1], seed)["question"])
                name = f"{self.name}/{split}/{level}/{i}"
                data = {"data_set": self._names[level - 1]}
                found.append(Task(name, self.name, split, question, seed, level, data))
        return found

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: puzzles are drawn when they are asked for."""

    def open(self, task: Task) -> Environment:
        """Return the puzzle's environment."""
        return Question(
            Row(task.id, task.instruction), lambda row, said: self._grade(task, said), ()
        )

    def gold(self, task: Task) -> list[str] | None:
        """Return the right answer, where the data set tells one."""
        answer = _item(self._names[task.difficulty - 1], task.seed).get("answer")
        return None if answer is None else [str(answer)]

    def _grade(self, task: Task, said: str) -> Grade:
        name = self._names[task.difficulty - 1]
        try:
            score = float(_data_set(name, task.seed).score_answer(said, _item(name, task.seed)))
        except Exception:  # a verifier may not read what a model writes
            score = 0.0
        return partly_right(0.0 if score <= CREDIT else score)


@lru_cache(maxsize=4096)
def _data_set(name: str, seed: int) -> Any:
    """Return the data set of one item that is drawn with a seed."""
    import reasoning_gym

    with _LOCK:
        return reasoning_gym.create_dataset(name, size=1, seed=seed)


@lru_cache(maxsize=4096)
def _item(name: str, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = _data_set(name, seed)[0]
    return found


def reasoning_gym(names: str = "", n_steps: int = 10) -> ReasoningGym:
    """Return the benchmark `reasoning-gym`.

    Args:
        names: of data sets, with `+` between; empty: a bundle of ten.
        n_steps: calls of the model that an episode may take.
    """
    return ReasoningGym(names.split("+") if names else BUNDLE, n_steps=n_steps)
