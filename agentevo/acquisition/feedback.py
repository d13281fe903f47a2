"""Feedback by a model: what an episode is worth, where the environment's word is not to count.

A judge never sees the environment's verdict, and where it cannot be read, that is told: it is
never a zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from agentevo.acquisition.judging import READ_ONLY, ask, attempt, points, unreadable
from agentevo.experience import Trajectory
from agentevo.refinement.sieve import Answer
from agentevo.strategies import find

RUBRIC = (
    "what was done has to do with the task",
    "a good part of the task was done",
    "all that the task asks for was done",
    "nothing was done that spoils it",
    "hardly a step was needless",
)
RUBRIC_SYSTEM = (
    "You judge an attempt at a task. " + READ_ONLY + " Award a point for each of these that is "
    "so:\n{}\n"
    "Say why in a sentence, and end with a line 'Score: K', K the number of points."
)
SELF_SYSTEM = (
    "You are shown a task and what you did. Say whether the task is fulfilled, and how sure you "
    "are. Write two lines:\nFulfilled: yes or no\nSure: a number from 0 to 100"
)
PAIR_SYSTEM = (
    "You are shown two attempts at one task. Say which is better. End with a line 'Better: 1', "
    "'Better: 2' or 'Better: both'."
)
N_BINS = 5  # of the calibration
GOOD = 0.5  # from which score on an episode counts as a success


@dataclass(frozen=True)
class Feedback:
    """What somebody says of an episode."""

    trajectory: str
    """Its id."""
    source: str
    score: float | None
    """0..1. None: it could not be read, see `error`."""
    critique: str = ""
    error: str = ""


@dataclass(frozen=True)
class Preference:
    """Which of two episodes at a task is the better one."""

    winner: Literal["first", "second", "tie"]
    agreed: bool
    """Whether both orders gave the same."""
    error: str = ""


@dataclass(frozen=True)
class Calibration:
    """How far a judge agrees with the environment."""

    n: int
    """Episodes of which both have a word."""
    n_errors: int
    accuracy: float | None
    """Share of episodes on whose success both agree. None: there are none."""
    calibration_error: float | None
    """Expected calibration error, 0..1 (Guo et al. 2017, arXiv 1706.04599)."""


Judge = Callable[[Sequence[Trajectory], Answer], list[Feedback]]


def judged(trajectories: Sequence[Trajectory], answer: Answer) -> list[Feedback]:
    """Let a model award points by a rubric (Self-Rewarding, Yuan et al. 2024, arXiv 2401.10020)."""
    system = RUBRIC_SYSTEM.format("\n".join(f"- {one}" for one in RUBRIC))
    found = []
    for one, said in zip(trajectories, _asked(system, trajectories, answer), strict=True):
        n, critique, error = points(said, len(RUBRIC))
        score = None if n is None else n / len(RUBRIC)
        found.append(Feedback(one.id, "judge", score, critique, error))
    return found


def self_evaluated(trajectories: Sequence[Trajectory], answer: Answer) -> list[Feedback]:
    """Let a model say whether it was right (SIRLC, Pang et al. 2023, arXiv 2305.14483).

    What it is sure of counts more: no, and 80 sure, is 0.2.
    """
    found = []
    for one, said in zip(trajectories, _asked(SELF_SYSTEM, trajectories, answer), strict=True):
        yes = re.search(r"Fulfilled:\s*(yes|no)\b", said, re.IGNORECASE)
        sure = re.search(r"Sure:\s*(\d{1,3})\b", said, re.IGNORECASE)
        if yes is None or sure is None or int(sure[1]) > 100:
            found.append(Feedback(one.id, "self", None, said, unreadable(said)))
            continue
        share = int(sure[1]) / 100
        score = share if yes[1].lower() == "yes" else 1 - share
        found.append(Feedback(one.id, "self", score, critique=said))
    return found


def pairwise(first: Trajectory, second: Trajectory, answer: Answer) -> Preference:
    """Return which of two episodes a model prefers, if it does so in both orders.

    Asked twice, since judges favour a place (Zheng et al. 2023, arXiv 2306.05685).
    """
    votes: list[str] = []
    for one, other in ((first, second), (second, first)):
        text = f"Attempt 1\n{attempt(one)}\n\nAttempt 2\n{attempt(other)}"
        (said,) = ask(answer, PAIR_SYSTEM, [text])
        match = re.search(r"Better:\s*(1|2|both)\s*$", said, re.IGNORECASE | re.MULTILINE)
        if match is None:
            return Preference("tie", False, unreadable(said))
        votes.append(match[1].lower())
    there = {"1": "first", "2": "second", "both": "tie"}[votes[0]]
    back = {"1": "second", "2": "first", "both": "tie"}[votes[1]]
    agreed = there == back
    winner: Literal["first", "second", "tie"] = "tie"
    if agreed and there != "tie":
        winner = "first" if there == "first" else "second"
    return Preference(winner, agreed)


def calibration(feedback: Sequence[Feedback], trajectories: Sequence[Trajectory]) -> Calibration:
    """Compare a judge's scores with what the environment says, where it says something."""
    truth = {one.id: one.success for one in trajectories if one.ending != "answered"}
    both = [(one.score, truth[one.trajectory]) for one in feedback
            if one.score is not None and one.trajectory in truth]  # fmt: skip
    n_errors = sum(one.score is None for one in feedback)
    if not both:
        return Calibration(0, n_errors, None, None)
    scores, right = (np.array(some, dtype=float) for some in zip(*both, strict=True))
    bins = np.minimum((scores * N_BINS).astype(int), N_BINS - 1)
    gap = sum(
        abs(scores[bins == i].mean() - right[bins == i].mean()) * (bins == i).mean()
        for i in range(N_BINS)
        if (bins == i).any()
    )
    return Calibration(len(both), n_errors, float(((scores >= GOOD) == right).mean()), float(gap))


def as_feedback_says(
    trajectories: Sequence[Trajectory], feedback: Sequence[Feedback]
) -> list[Trajectory]:
    """Return episodes with the score and success that the feedback gives them.

    Those that it says nothing of, or could not be read of, are left out. Rewards of single steps
    go, since they are the environment's.
    """
    scores: Mapping[str, float] = {
        one.trajectory: one.score for one in feedback if one.score is not None
    }
    return [
        replace(
            one,
            score=scores[one.id],
            best_score=scores[one.id],
            success=scores[one.id] >= GOOD,
            steps=tuple(replace(step, reward=0.0) for step in one.steps),
        )
        for one in trajectories
        if one.id in scores
    ]


SOURCES: dict[str, Judge] = {"judge": judged, "self": self_evaluated}


def source(name: str) -> Judge:
    """Return a way of judging by name.

    Raises:
        ConfigError: there is no such way.
    """
    return find("acquisition.feedback", name, SOURCES)


def _asked(system: str, trajectories: Sequence[Trajectory], answer: Answer) -> list[str]:
    return ask(answer, system, [attempt(one) for one in trajectories])
