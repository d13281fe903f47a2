"""Made tasks as they are kept in a run's folder, and as an episode plays them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentevo.acquisition.making import BACK_TRANSLATED, Made
from agentevo.agent.question import Question as Unjudged
from agentevo.benchmarks import BenchmarkError, Environment, Task
from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.questions.bank import Grade, Question, Row, partly_right, right_or_wrong
from agentevo.benchmarks.questions.data import field_of, records
from agentevo.benchmarks.questions.text import alike
from agentevo.refinement.novelty import rouge_l, words_of

NAME = "made"
N_STEPS = 10  # calls of the model that an episode may take

Record = Mapping[str, Any]


class MadeTasks:
    """The made tasks of a file, with what an episode needs of a benchmark.

    The file is read whenever it is asked, so that what is written or removed counts at once.

    Args:
        path: a file of JSON lines, one a task; where there is none, there is no task.
    """

    thread_safe = True

    def __init__(self, path: Path) -> None:
        """Note the file."""
        self._path = path

    @staticmethod
    def write(path: Path, rows: Sequence[Made], generation: int) -> None:
        """Add a generation's tasks to a file, all of them or none.

        A generation that the file has already stays as it is, so that one which is begun again
        plays the same tasks.

        Raises:
            BenchmarkError: the file cannot be read.
        """
        known = _records(path)
        if not rows or any(one["generation"] == generation for one in known):
            return
        new = [
            {
                "id": f"{NAME}/train/{generation}/{i}",
                "generation": generation,
                "question": row.question,
                "answer": row.answer,
                "source": row.source,
                "how": row.how,
                "parents": row.parents,
            }
            for i, row in enumerate(rows)
        ]
        _put(path, [*known, *new])

    def tasks(self, generation: int) -> list[Task]:
        """Return the tasks of a generation; what a task comes from stands in its data.

        Raises:
            BenchmarkError: the file cannot be read.
        """
        return [
            Task(
                one["id"], NAME, "train", one["question"], int(one["id"].rpartition("/")[2]), 1,
                {"source": one["source"], "how": one["how"], "parents": tuple(one["parents"])},
            )
            for one in _records(self._path)
            if one["generation"] == generation
        ]  # fmt: skip

    def max_steps(self, task: Task) -> int:
        """Return how many calls of the model an episode may take."""
        return N_STEPS

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: all is there."""

    def open(self, task: Task) -> Environment:
        """Return the question's environment; where no answer is known, none is judged.

        Raises:
            BenchmarkError: there is no such task.
        """
        row = self._row(task)
        return Unjudged() if row.gold is None else Question(row, _grade, ())

    def gold(self, task: Task) -> list[str] | None:
        """Return the right answer, where one is known.

        Raises:
            BenchmarkError: there is no such task.
        """
        gold = self._row(task).gold
        return None if gold is None else [gold]

    def _row(self, task: Task) -> Row:
        for one in _records(self._path):
            if one["id"] == task.id:
                return Row(one["id"], one["question"], one["answer"], hidden={"how": one["how"]})
        raise BenchmarkError(f"{self._path} has no task {task.id!r}")


def removed(path: Path, source: str) -> tuple[str, ...]:
    """Drop all tasks of a source from a file, and those made of them; return their ids.

    The others keep their ids.

    Args:
        path: the file.
        source: as the tasks name it.

    Raises:
        BenchmarkError: the file cannot be read.
    """
    known = _records(path)
    gone, n_before = {source}, 0
    while len(gone) > n_before:
        n_before = len(gone)
        gone |= {one["id"] for one in known if one["source"] in gone}
    dropped = tuple(one["id"] for one in known if one["id"] in gone)
    if dropped:
        _put(path, [one for one in known if one["id"] not in gone])
    return dropped


def _grade(row: Row, answer: str) -> Grade:
    assert row.gold is not None
    if row.hidden["how"] == BACK_TRANSLATED:  # a whole text, which nobody says word by word
        return partly_right(rouge_l(words_of(answer), words_of(row.gold)))
    return right_or_wrong(alike(answer, row.gold))


def _records(path: Path) -> list[Record]:
    found = records(path) if path.exists() else []
    for number, one in enumerate(found, 1):
        for name in ("id", "generation", "question", "source", "how", "parents"):
            field_of(one, name, where=f"{path}, line {number}")
    return list(found)


def _put(path: Path, rows: Sequence[Record]) -> None:
    """Put a file in its place whole."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
