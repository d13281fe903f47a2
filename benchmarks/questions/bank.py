"""Rows of questions and answers as a Benchmark; what grades an answer is handed in.

The answers stay in the bank: a task holds its question and what may be shown, never the solution.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import JSON, SPLITS, Environment, Observation, Split, Task

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

ANSWER_IT = "Answer it."
SHARES = (0.6, 0.2)  # of training and validation, where nobody has split the rows


@dataclass(frozen=True)
class Row:
    """One question."""

    id: str
    question: str
    gold: str | None = None
    """An answer that is right; None: none is known."""
    level: int = 1
    shown: str = ""
    """What is seen with the question; empty: nothing."""
    hidden: Mapping[str, JSON] = field(default_factory=dict, hash=False)
    """Whatever else the grading needs."""


@dataclass(frozen=True)
class Grade:
    """What an answer is worth."""

    score: float
    """0..1."""
    said: str
    """What the agent is told."""

    @property
    def success(self) -> bool:
        """Whether it is wholly right."""
        return self.score >= 1.0


Grader = Callable[[Row, str], Grade]
ToolsOf = Callable[[Row], "Sequence[BaseTool]"]


def right_or_wrong(is_right: bool) -> Grade:
    """Return the grade of an answer that is either."""
    return Grade(1.0, "That is right.") if is_right else Grade(0.0, "That is wrong.")


def partly_right(score: float) -> Grade:
    """Return the grade of an answer that may be right in part; scores beyond 0..1 are cut off."""
    score = min(1.0, max(0.0, score))
    return Grade(score, "That is right." if score >= 1 else f"That is worth {score:.2f}.")


class Question:
    """The environment of one question: the answer ends it."""

    takes_answers = True

    def __init__(self, row: Row, grade: Grader, tools: Sequence[BaseTool]) -> None:
        """Take the row; nothing is asked yet."""
        self._row, self._grade = row, grade
        self.tools = tools
        self._is_over = False

    def reset(self) -> Observation:
        """Begin: show what comes with the question."""
        self._is_over = False
        return Observation(self._row.shown or ANSWER_IT)

    def step(self, action: str) -> Observation:
        """Take the answer, and grade it."""
        if self._is_over:
            raise RuntimeError("the question is answered")
        self._is_over = True
        grade = self._grade(self._row, action)
        return Observation(
            grade.said, grade.score, terminated=True, score=grade.score, success=grade.success
        )

    def close(self) -> None:
        """Do nothing."""


class QuestionBank:
    """Rows in three splits; a Benchmark.

    Args:
        name: how it is asked for.
        rows: of each split, in a fixed order; ids are unique, questions in one split only.
        grade: grades an answer.
        about: `description`, `licence` and `source`.
        version: changes when what is asked or how it is graded may change.
        tools: gives the tools of a row; None: there are none.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: a split has no row, or two rows have one id.
    """

    thread_safe = True

    def __init__(
        self,
        name: str,
        rows: Mapping[Split, Sequence[Row]],
        grade: Grader,
        *,
        about: tuple[str, str, str],
        version: str,
        tools: ToolsOf | None = None,
        n_steps: int = 10,
    ) -> None:
        """Sort the rows by level."""
        self.name = name
        self.description, self.licence, self.source = about
        self._grade, self._tools, self._n_steps = grade, tools, n_steps
        self._rows: dict[str, Row] = {}
        for row in (row for split in SPLITS for row in rows.get(split, ())):
            if self._rows.setdefault(row.id, row) is not row:
                raise BenchmarkError(f"{name}: two rows have the id {row.id!r}")
        self.levels = tuple(sorted({row.level for row in self._rows.values()}))
        self._by_level: dict[Split, dict[int, list[Row]]] = {split: {} for split in SPLITS}
        for split in SPLITS:
            if not rows.get(split):
                raise BenchmarkError(f"{name}: there is no row in the split {split}")
            for row in rows[split]:
                self._by_level[split].setdefault(row.level, []).append(row)
        text = json.dumps([[s, [self._facts(one) for one in rows[s]]] for s in SPLITS])
        self._version = f"{version}-{sha256(text.encode()).hexdigest()[:12]}"

    @staticmethod
    def _facts(row: Row) -> list[JSON]:
        return [row.id, row.question, row.gold, row.level, row.shown, dict(row.hidden)]

    def max_steps(self, task: Task) -> int:
        """Return how many calls of the model an episode may take."""
        return self._n_steps

    def fingerprint(self) -> str:
        """Return the version of the grading and a hash of all rows."""
        return f"{self.name}-{self._version}"

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
        columns = [self._by_level[split].get(level, [])[start : start + n_per_level]
                   for level in asked]  # fmt: skip
        longest = max(map(len, columns), default=0)
        return [
            Task(f"{self.name}/{split}/{column[i].id}", self.name, split, column[i].question,
                 _number(column[i].id), column[i].level)
            for i in range(longest)
            for column in columns
            if i < len(column)
        ]  # fmt: skip

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: all is there."""

    def open(self, task: Task) -> Environment:
        """Return the question's environment."""
        row = self._row(task)
        return Question(row, self._grade, self._tools(row) if self._tools else ())

    def gold(self, task: Task) -> list[str] | None:
        """Return the right answer, where one is known."""
        gold = self._row(task).gold
        return None if gold is None else [gold]

    def _row(self, task: Task) -> Row:
        found = self._rows.get(task.id.removeprefix(f"{self.name}/{task.split}/"))
        if found is None or task.benchmark != self.name:
            raise BenchmarkError(f"{self.name} has no task {task.id!r}")
        return found


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


def split_of(text: str, shares: tuple[float, float] = SHARES) -> Split:
    """Return the split that a text falls in, the same for ever.

    Args:
        text: what must not be in two splits, such as the question.
        shares: of training and validation; the rest is for the test.
    """
    place = _number(" ".join(text.lower().split())) / 2**32
    if place < shares[0]:
        return "train"
    return "validation" if place < sum(shares) else "test"


def key_of(row: Row) -> str:
    """Return what two rows have in common that ask the same."""
    return " ".join(f"{row.question}\n{row.shown}".lower().split())


def in_splits(rows: Sequence[Row], shares: tuple[float, float] = SHARES) -> dict[Split, list[Row]]:
    """Return rows in splits, by their question; of rows with one question the first."""
    found: dict[Split, list[Row]] = {split: [] for split in SPLITS}
    seen: set[str] = set()
    for row in rows:
        key = key_of(row)
        if key not in seen:
            seen.add(key)
            found[split_of(key, shares)].append(row)
    return found
