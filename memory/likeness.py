"""Finding the lesson that already says what a new one says."""

from dataclasses import dataclass

import numpy as np

from agentevo.memory.embedding import Vectors
from agentevo.memory.lesson import Lesson
from agentevo.memory.words import agree


@dataclass(frozen=True, slots=True)
class MergeSettings:
    """When two wordings are one lesson. All conditions must hold."""

    min_cosine: float = 0.85
    """Of the whole texts, situation and advice. Above 1: nothing is ever merged."""
    min_situation_share: float = 0.75
    """Of the situations' content words, see `words.agree`. High, since a situation with fewer
    words is a wider one, and a wider lesson must not vanish in a narrower."""
    min_advice_share: float = 0.5
    """Of the advices' content words."""


class Likeness:
    """The texts of a scope's lessons, to be asked for a near-duplicate."""

    def __init__(self, settings: MergeSettings) -> None:
        """Begin with no lessons."""
        self._settings = settings
        self._lessons: list[Lesson] = []
        self._rows: Vectors = np.empty((0, 0), np.float32)

    def add(self, lesson: Lesson, vector: Vectors) -> None:
        """Take in a lesson and the vector (d,) of its text."""
        n = len(self._lessons)
        if n == len(self._rows):
            grown = np.zeros((max(64, 2 * n), len(vector)), np.float32)
            grown[:n] = self._rows[:n] if n else 0
            self._rows = grown
        self._rows[n] = vector
        self._lessons.append(lesson)

    def find(self, lesson: Lesson, vector: Vectors) -> tuple[str, float] | None:
        """Return id and cosine of the nearest lesson that says the same, or None."""
        if not self._lessons:
            return None
        cosines = self._rows[: len(self._lessons)] @ vector
        near = np.flatnonzero(cosines >= self._settings.min_cosine)
        for at in near[np.argsort(-cosines[near], kind="stable")]:
            if same_meaning(self._lessons[at], lesson, self._settings):
                return self._lessons[at].id, round(float(cosines[at]), 5)
        return None


def same_meaning(one: Lesson, other: Lesson, settings: MergeSettings) -> bool:
    """Whether the words of both situations agree, and those of both advices."""
    return agree(one.situation, other.situation, share=settings.min_situation_share) and agree(
        one.advice, other.advice, share=settings.min_advice_share
    )
