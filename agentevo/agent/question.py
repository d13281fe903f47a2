"""A question or task of a user's own, as the environment of one episode: the answer ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.tools import BaseTool

from agentevo.benchmarks import Observation, Task

MAX_STEPS = 50


class Question:
    """Takes the answer; nobody says whether it is right."""

    takes_answers = True
    tools: Sequence[BaseTool] = ()

    def reset(self) -> Observation:
        """Begin: there is nothing to be seen but the question."""
        return Observation("Answer it.")

    def step(self, action: str) -> Observation:
        """Take the answer."""
        return Observation("", terminated=True, info={"judged": False})

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Questions:
    """Opens questions as a benchmark opens its tasks."""

    limit: int = MAX_STEPS

    def open(self, task: Task) -> Question:
        """Return the question's environment; its words are the task's instruction."""
        return Question()

    def max_steps(self, task: Task) -> int:
        """Return how many calls of the model it may take."""
        return self.limit


def as_task(question: str, number: int = 0) -> Task:
    """Return a question as a task."""
    return Task(f"question/{number}", "question", "train", question, number, 0)
