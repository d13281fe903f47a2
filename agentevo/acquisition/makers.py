"""Making tasks beside those of the benchmark: the ways by name, and how they are played together.

What is made are questions. Where nobody knows the answer, the answer given to it is not judged, and
agreement or a judge has to say what it is worth.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentevo.acquisition import making
from agentevo.acquisition.documents import chunks_of
from agentevo.acquisition.made_tasks import NAME, MadeTasks
from agentevo.acquisition.making import Making
from agentevo.benchmarks import Benchmark, Environment, Task
from agentevo.config import ConfigError
from agentevo.refinement.sieve import Answer
from agentevo.strategies import configured


@dataclass(frozen=True)
class Order:
    """What is asked of a way of making tasks."""

    tasks: Sequence[Task]
    """Training tasks that the generation plays besides: what is made is like them, or of them."""
    gold: Callable[[Task], str | None]
    """Returns the right answer of a training task, where it is known."""
    answer: Answer
    """Asks the model in force."""
    rng: random.Random
    n: int
    """Tasks wanted."""


Maker = Callable[[Order], Making]


def self_instruct(order: Order) -> Making:
    """Return new tasks like the benchmark's; see `making.self_instruct`."""
    by_text = {task.instruction: task.id for task in order.tasks}
    found = making.self_instruct(list(by_text), order.answer, order.rng, n=order.n)
    names = {f"pool#{i}": name for i, name in enumerate(by_text.values())}
    made = [replace(one, source=names[one.source]) for one in found.made]
    return replace(found, made=tuple(made))


def evol_instruct(order: Order) -> Making:
    """Return the benchmark's tasks made harder or rarer; see `making.evolved`."""
    drawn = order.rng.sample(list(order.tasks), min(order.n, len(order.tasks)))
    return making.evolved([(task.id, task.instruction) for task in drawn], order.answer, order.rng)


def backward(order: Order) -> Making:
    """Return tasks whose answers were given in the benchmark's; see `making.masked_backward`."""
    made, refused = [], []
    for task in order.tasks:
        gold = order.gold(task)
        found = making.masked_backward(task.instruction, gold, source=task.id) if gold else None
        if found is None:
            refused.append((task.instruction, f"{task.id}: no number can be left open"))
        else:
            made.append(found)
    return Making(tuple(made[: order.n]), tuple(refused), 0)


def documents(order: Order, folder: str = "") -> Making:
    """Return questions on the texts of a folder; see `making.from_documents`."""
    return making.from_documents(_chunks(folder), order.answer, order.rng, n=order.n)


def back_translation(order: Order, folder: str = "") -> Making:
    """Return tasks that the texts of a folder answer; see `making.back_translated`."""
    chunks = _chunks(folder)
    drawn = order.rng.sample(chunks, min(order.n, len(chunks)))
    return making.back_translated(drawn, order.answer)


def _chunks(folder: str) -> list[tuple[str, str]]:
    if not folder or not Path(folder).exists():
        raise ConfigError(f"acquisition.make: there is no file or folder {folder!r} of texts")
    return chunks_of(Path(folder))


STRATEGIES: dict[str, Maker] = {
    "self-instruct": self_instruct,
    "evol-instruct": evol_instruct,
    "backward": backward,
    "documents": documents,
    "back-translation": back_translation,
}


def maker(name: str) -> Maker:
    """Return a way of making by name, such as `documents:FOLDER`.

    Raises:
        ConfigError: there is no such way.
    """
    return configured("acquisition.make", name, STRATEGIES)


class Beside:
    """A benchmark with tasks that were made beside its own, as far as episodes need one.

    Args:
        benchmark: of the tasks that were there.
        made: those that were made.
    """

    def __init__(self, benchmark: Benchmark, made: MadeTasks) -> None:
        """Keep both."""
        self._benchmark, self._made = benchmark, made

    def _of(self, task: Task) -> Benchmark | MadeTasks:
        return self._made if task.benchmark == NAME else self._benchmark

    def open(self, task: Task) -> Environment:
        """Return the environment of a task of either."""
        return self._of(task).open(task)

    def max_steps(self, task: Task) -> int:
        """Return how many calls of the model an episode may take."""
        return self._of(task).max_steps(task)

    def gold(self, task: Task) -> list[str] | None:
        """Return actions that fulfil a task, where they are known."""
        return self._of(task).gold(task)
