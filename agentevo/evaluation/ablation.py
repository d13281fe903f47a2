"""The four arms: plain, memory only, weights only, both; paired, on the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.statistics import Interval, paired_difference, stratified_mean, wilson

if TYPE_CHECKING:
    from agentevo.experience import Trajectory
    from agentevo.ledger import EpisodeSummary

ARMS = ("plain", "memory", "weights", "both")


def four_arms(pair: Arm) -> dict[str, Arm]:
    """Return the arms of a pair of memory and weights."""
    return {
        "plain": Arm(0, ""),
        "memory": Arm(pair.memory_version, ""),
        "weights": Arm(0, pair.adapter),
        "both": pair,
    }


@dataclass(frozen=True)
class Row:
    """One arm in the table."""

    arm: str
    n: int
    score: Interval
    """Mean final score, levels counting the same, 0..1."""
    success: Interval
    best_score: float
    """Mean best score reached (the measure of the TALES suite), 0..1."""
    gain: Interval | None
    """Mean paired difference of the score to plain; None for plain itself."""
    tokens: float
    """Mean prompt and reply tokens of an episode."""
    steps: float
    """Mean calls of the model of an episode."""
    seconds: float


def table(episodes: Mapping[str, Sequence[Trajectory | EpisodeSummary]]) -> list[Row]:
    """Return the table of arms; every arm must have played the same tasks in one order."""
    rows = []
    plain = episodes.get("plain", ())
    for arm, played in episodes.items():
        levels = [one.difficulty for one in played]
        gain = None
        if arm != "plain" and plain:
            pairs = {one.task_id: one.score for one in plain}
            gain = paired_difference(
                [pairs[one.task_id] for one in played], [one.score for one in played]
            )
        n = len(played)
        rows.append(
            Row(
                arm=arm,
                n=n,
                score=stratified_mean([one.score for one in played], levels),
                success=wilson(sum(one.success for one in played), n),
                best_score=sum(one.best_score for one in played) / n,
                gain=gain,
                tokens=sum(one.n_prompt_tokens + one.n_reply_tokens for one in played) / n,
                steps=sum(one.n_steps for one in played) / n,
                seconds=sum(one.seconds for one in played) / n,
            )
        )
    return rows
