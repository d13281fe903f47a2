"""Rows of another harness's data as a Benchmark, whose episodes the harness runs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.harnesses.episode import Hosted, Run
from agentevo.benchmarks.questions.bank import Grade, QuestionBank, Row
from agentevo.benchmarks.task import Environment, Split, Task


class HostedBank(QuestionBank):
    """Rows of a harness in three splits; a Benchmark.

    Args:
        name: how it is asked for.
        rows: of each split; a row's question is what the harness is known to ask.
        run: returns what runs a row.
        about: `description`, `licence` and `source`.
        version: changes when what is asked or how it is graded may change.
        answers: returns texts of which one may be right, the likeliest first.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: a split has no row.
    """

    def __init__(
        self,
        name: str,
        rows: Mapping[Split, Sequence[Row]],
        run: Callable[[Row], Run],
        *,
        about: tuple[str, str, str],
        version: str,
        answers: Callable[[Row], Sequence[str]],
        n_steps: int,
    ) -> None:
        """Keep what runs a row."""
        super().__init__(name, rows, _never, about=about, version=version, n_steps=n_steps)
        self._run, self._answers = run, answers

    def open(self, task: Task) -> Environment:
        """Return a fresh episode, which has come to its first question."""
        row = self._row(task)
        return Hosted(self._run(row), row.question, max_steps=self._n_steps)

    def gold(self, task: Task) -> list[str] | None:
        """Return the answer of the data, if it is right as it stands; None where it is not."""
        for answer in self._answers(self._row(task)):
            with closing(self.open(task)) as episode:
                episode.reset()
                if episode.step(answer).success:
                    return [answer]
        return None


def _never(row: Row, answer: str) -> Grade:
    raise AssertionError("the harness grades")


def made_by(name: str, what: str) -> tuple[object, str]:
    """Return what the function `file.py:name` or `package.module:name` makes, and its version.

    Args:
        name: the file or module, and the name in it.
        what: it is wanted for, for the message.

    Returns:
        What it makes, and a text that changes with its file.

    Raises:
        BenchmarkError: there is none, or it fails.
    """
    from agentevo.benchmarks.registry import from_file

    module, _, attribute = name.rpartition(":")
    if not module or not attribute:
        raise BenchmarkError(f"{what} is {name!r}: write file.py:NAME or package.module:NAME")
    if module.endswith(".py"):
        found = from_file(name, what)
    else:
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise BenchmarkError(f"{what} {name!r} cannot be imported: {error}") from None
    if not callable(found):
        raise BenchmarkError(f"{what} {name!r} is a {type(found).__name__}, not a function")
    try:
        made = found()
    except Exception as error:  # anybody's code; data may have to be downloaded
        raise BenchmarkError(f"{what} {name!r} cannot be made: {error}") from error
    file = inspect.getsourcefile(inspect.unwrap(found))
    return made, sha256(Path(file).read_bytes()).hexdigest()[:12] if file else name
