"""Feedback on episodes: what the environment said of them, or what a model says that judges them.

The survey's leaf of feedback (arXiv 2404.14387). A judge that cannot be read has no score, never
a zero. What judges are shown is in `judging`; several that debate, in `agentevo.evaluation.panel`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

import numpy as np

from agentevo.acquisition.judging import N_OBSERVATION, READ_ONLY, ask, attempt, points, unreadable
from agentevo.config import ConfigError
from agentevo.dialogue import prompts
from agentevo.experience import Trajectory
from agentevo.refinement.sieve import Answer
from agentevo.strategies import configured

GOOD = 0.5  # score from which on an episode counts as a success
N_BINS = 5  # of judges' scores, to see how far they can be trusted
_SLACK = 1e-9  # means of fractions are not exact, and must not move to the next bin

JUDGE_SYSTEM = (
    "You judge how an agent went about a task. " + READ_ONLY + " Award one point for each of "
    "these that holds:\n{criteria}\nSay of each in a few words whether it holds. End with one "
    "line, 'Score: K', where K is the number of points, from 0 to {most}."
)
SELF_SYSTEM = (
    "You look back on how you went about a task. " + READ_ONLY + " Was the task fulfilled? Say "
    "in a few words why, and end with two lines:\n"
    "Fulfilled: yes or no\n"
    "Sure: how likely it is that your yes or no is right, a number from 0 to 100"
)
PAIR_SYSTEM = (
    "You compare two attempts at one task. " + READ_ONLY + " Neither their order nor their "
    "length counts. Say in a few words which fulfils the task better, and why. End with one "
    "line, 'Better: 1', 'Better: 2' or 'Better: both'."
)
RUBRIC = (
    "What was done or answered bears on the task that was set.",
    "Every part of the task was attended to.",
    "Each command follows from what was seen or known, and nothing was made up.",
    "Nothing was repeated without need, and mistakes were noticed and mended.",
    "In the end the task is fulfilled as it was asked for.",
)
"""What a judge awards a point for, each; nothing here is of any one benchmark."""

_FULFILLED = re.compile(
    r"\bfulfilled[\s*_:=]*(yes|no)\b\W*\bsure[\s*_:=]*(-?\d+(?:\.\d+)?)\W*\Z", re.IGNORECASE
)
_BETTER = re.compile(r"\bbetter[\s*_:=]*(1|2|both)\W*\Z", re.IGNORECASE)

Winner = Literal["first", "second", "tie"]
_WINNERS: dict[tuple[str, ...], Winner] = {
    ("1", "2"): "first",
    ("2", "1"): "second",
    ("both", "both"): "tie",
}
"""By what was said in one order, and in the other."""


@dataclass(frozen=True)
class Feedback:
    """What somebody says of an episode.

    Raises:
        ValueError: its score is outside 0..1, or there is none and nothing says why.
    """

    trajectory: str
    """Id of the episode."""
    source: Literal["environment", "judge", "self", "pairwise", "peer"]
    score: float | None
    """0..1; None: there is none, see `error`."""
    critique: str = ""
    """The words that go with the score; for a judge of several askings, those of the first that
    could be read."""
    error: str = ""
    """Why there is no score; beside a score: which askings it does without, and why."""

    def __post_init__(self) -> None:
        """See that a score is one, and that a missing one is accounted for."""
        if self.score is None and not self.error:
            raise ValueError(f"feedback on {self.trajectory} has neither a score nor an error")
        if self.score is not None and not 0 <= self.score <= 1:
            raise ValueError(f"feedback on {self.trajectory}: {self.score} is not within 0..1")


@dataclass(frozen=True)
class Preference:
    """Which of two episodes is better."""

    winner: Winner
    agreed: bool
    """Whether both orders gave the same answer; without that there is a tie."""
    error: str = ""
    """What could not be read; empty: both replies could."""


@dataclass(frozen=True)
class Calibration:
    """How far a judge's scores agree with the environment's successes."""

    n: int
    """Scores that could be compared."""
    n_errors: int
    """Feedback without a score, on episodes that the environment judged."""
    accuracy: float | None
    """Share whose side of 0.5 is the environment's, 0..1; None: nothing was compared."""
    calibration_error: float | None
    """Expected calibration error, 0..1, the less the better; None: nothing was compared."""
    auc: float | None
    """Chance that a success has a higher score than a failure, ties by half; None: there are only
    successes, or none."""


Source = Callable[[Sequence[Trajectory], Answer], list[Feedback]]
"""Returns feedback on each episode, in order."""


def from_environment(trajectories: Sequence[Trajectory]) -> list[Feedback]:
    """Return what the environment said: its score, and the last thing that was observed.

    Of an episode that it did not judge, or that broke, there is no score.
    """
    found = []
    for one in trajectories:
        said = prompts.clip(one.steps[-1].observation, N_OBSERVATION) if one.steps else ""
        why = _unjudged(one)
        found.append(Feedback(one.id, "environment", None if why else one.score, said, why))
    return found


def judged(
    trajectories: Sequence[Trajectory],
    answer: Answer,
    *,
    rubric: Sequence[str] = RUBRIC,
    n: int = 1,
) -> list[Feedback]:
    """Return what a model says of each episode, a point for each criterion that it fulfils.

    The additive scoring of Self-Rewarding, Yuan et al. 2024 (arXiv 2401.10020), with criteria of
    our own.

    Args:
        trajectories: to be judged.
        answer: asks the model.
        rubric: criteria, each a sentence; the score is the share of them that is met.
        n: how often the model is asked of each; the score is the mean of what could be read.

    Raises:
        ConfigError: there is no criterion, or the model is not asked at all.
    """
    if n < 1 or not rubric:
        raise ConfigError(f"a judge needs a criterion and an asking: {len(rubric)} and {n} given")
    most = len(rubric)
    criteria = "\n".join(f"{i}. {text}" for i, text in enumerate(rubric, 1))
    system = JUDGE_SYSTEM.format(criteria=criteria, most=most)
    replies = ask(answer, system, [attempt(one) for one in trajectories for _ in range(n)])
    return [
        _mean_of(one.id, replies[i * n : (i + 1) * n], most) for i, one in enumerate(trajectories)
    ]


def self_evaluated(trajectories: Sequence[Trajectory], answer: Answer) -> list[Feedback]:
    """Return how likely the model that acted thinks it that it fulfilled the task.

    SIRLC, Pang et al. 2023 (arXiv 2305.14483), which asks for yes or no alone; here no, and 80
    sure, is 0.2.
    """
    replies = ask(answer, SELF_SYSTEM, [attempt(one) for one in trajectories])
    found = []
    for one, reply in zip(trajectories, replies, strict=True):
        match = _FULFILLED.search(reply)
        sure = float(match[2]) / 100 if match else -1.0
        if match is None or not 0 <= sure <= 1:
            found.append(Feedback(one.id, "self", None, error=unreadable(reply)))
            continue
        score = sure if match[1].lower() == "yes" else 1 - sure
        found.append(Feedback(one.id, "self", score, reply[: match.start()].strip()))
    return found


def pairwise(first: Trajectory, second: Trajectory, answer: Answer) -> Preference:
    """Return which of two episodes of one task is better, where both orders say the same.

    A judge that prefers a place to an episode thus gives ties: MT-Bench, Zheng et al. 2023
    (arXiv 2306.05685).

    Raises:
        ValueError: they are episodes of two tasks.
    """
    if first.task_id != second.task_id:
        raise ValueError(f"{first.id} and {second.id} are of two tasks and cannot be compared")
    messages = [
        f"Attempt 1\n{attempt(one)}\n\nAttempt 2\n{attempt(other)}"
        for one, other in ((first, second), (second, first))
    ]
    replies = ask(answer, PAIR_SYSTEM, messages)
    matches = [_BETTER.search(reply) for reply in replies]
    errors = [unreadable(r) for r, m in zip(replies, matches, strict=True) if m is None]
    if errors:
        return Preference("tie", agreed=False, error="; ".join(errors))
    winner = _WINNERS.get(tuple(match[1].lower() for match in matches if match))
    return Preference(winner or "tie", agreed=winner is not None)


def calibration(feedback: Sequence[Feedback], trajectories: Sequence[Trajectory]) -> Calibration:
    """Compare a judge's scores with the environment's successes, where both exist.

    The calibration error is that of Naeini et al. 2015 (AAAI), with the bins of Guo et al. 2017
    (arXiv 1706.04599): of equal width, each with its upper end.

    Args:
        feedback: of one judge.
        trajectories: those that it judged, in any order.
    """
    truth = {one.id: one.success for one in trajectories if not _unjudged(one)}
    known = [one for one in feedback if one.trajectory in truth]
    pairs = [(one.score, truth[one.trajectory]) for one in known if one.score is not None]
    n_errors = len(known) - len(pairs)
    if not pairs:
        return Calibration(0, n_errors, None, None, None)
    scores = np.array([score for score, _ in pairs], np.float64)
    won = np.array([success for _, success in pairs], np.bool_)
    bins = np.maximum(np.ceil(scores * N_BINS - _SLACK), 1)
    gap = sum(abs((scores - won)[bins == i].sum()) for i in np.unique(bins)) / len(pairs)
    over = scores[won][:, None] - scores[~won][None, :]
    auc = float(((over > _SLACK) + 0.5 * (abs(over) <= _SLACK)).mean()) if over.size else None
    accuracy = float(((scores >= GOOD) == won).mean())
    return Calibration(len(pairs), n_errors, accuracy, float(gap), auc)


def as_feedback_says(
    trajectories: Sequence[Trajectory], feedback: Sequence[Feedback], *, threshold: float = GOOD
) -> list[Trajectory]:
    """Return episodes with the feedback's score for the environment's, whose rewards go, too.

    To learn from, and never to report: a success that is reported is the environment's.

    Args:
        trajectories: those without a score in the feedback are left out, not scored 0.
        feedback: one for each episode at most.
        threshold: score from which on an episode is a success, 0..1.
    """
    scores = {one.trajectory: one.score for one in feedback if one.score is not None}
    return [
        replace(
            one,
            score=scores[one.id],
            best_score=scores[one.id],
            success=scores[one.id] >= threshold,
            steps=tuple(replace(step, reward=0.0) for step in one.steps),
        )
        for one in trajectories
        if one.id in scores
    ]


def source(name: str) -> Source:
    """Return a source of feedback by name; `judge:3` asks three times.

    Raises:
        ConfigError: there is no such source.
    """
    return configured("acquisition.feedback", name, SOURCES)


def _mean_of(trajectory: str, replies: Sequence[str], most: int) -> Feedback:
    read = [points(reply, most) for reply in replies]
    good = [(found, words) for found, words, _ in read if found is not None]
    error = "; ".join(why for *_, why in read if why)
    if not good:
        return Feedback(trajectory, "judge", None, error=error)
    return Feedback(trajectory, "judge", fmean(k / most for k, _ in good), good[0][1], error)


def _unjudged(one: Trajectory) -> str:
    """Return why the environment's score of an episode says nothing; empty: it does."""
    if one.ending == "answered":
        return "the environment takes the answer and does not judge it"
    return f"the episode broke: {one.error or 'nobody knows why'}" if one.ending == "error" else ""


def _environment(trajectories: Sequence[Trajectory], answer: Answer) -> list[Feedback]:
    return from_environment(trajectories)


SOURCES: dict[str, Source] = {
    "environment": _environment,
    "judge": judged,
    "self": self_evaluated,
}
