"""What is known of a run while it goes on: counts, rates, time left. Draws nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentevo.config import RunConfig
    from agentevo.cycle import News
    from agentevo.evaluation.statistics import Interval
    from agentevo.run import Run

N_RESAMPLES = 500
"""Of the interval of the mean score while it is watched; verdicts use far more."""


@dataclass
class Progress:
    """Takes in news and sums them up."""

    n_generations: int = 0
    n_expected: int = 0
    """Episodes of the whole run, about; 0: unknown."""
    n_before: int = 0
    """Of these, what was played before this process began; they say nothing of how fast it is."""
    generation: int = 0
    phase: str = "starting"
    n_done: int = 0
    n_all: int = 0
    detail: str = ""
    """Such as the loss while training."""
    lessons: str = ""
    verdicts: list[tuple[int, str, str]] = field(default_factory=list)
    """Generation, decision, reason."""
    n_played: int = 0
    """Episodes that were played since the start of this process."""
    began: float = field(default_factory=time.monotonic)
    _scores: list[float] = field(default_factory=list)
    _n_won: int = 0
    _training_since: float | None = None
    _trained_s: float = 0.0
    """Seconds of trainings that are over: they say nothing of how fast episodes are."""

    def take(self, news: News) -> None:
        """Take one piece of news in."""
        if news.kind == "phase":
            now = time.monotonic()
            if self._training_since is not None:
                self._trained_s += now - self._training_since
            self._training_since = now if news.text == "training" else None
            if (news.generation, news.text) != (self.generation, self.phase):
                self._scores, self._n_won = [], 0
            self.phase, self.detail = news.text, ""
            self.generation = news.generation or self.generation
            self.n_done, self.n_all = news.n_done, news.n_all
        elif news.kind == "episode" and news.trajectory is not None:
            self.n_done, self.n_all, self.phase = news.n_done, news.n_all, news.text
            self.n_played += news.trajectory.attempt == 0
            if news.trajectory.attempt == 0:
                self._scores.append(news.trajectory.score)
                self._n_won += news.trajectory.success
        elif news.kind == "training":
            self.detail = news.text
            self.n_done, self.n_all = news.n_done, news.n_all
        elif news.kind == "lessons":
            self.lessons = f"{news.n_done} active ({news.text})"
        elif news.kind == "verdict":
            self.verdicts.append((news.generation, news.decision, news.text))

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start of this process's part of the run."""
        return time.monotonic() - self.began

    def left_s(self) -> float | None:
        """Return about how many seconds are left, by the rate so far; None: too early to say.

        What this process has played, in the time it took, is the rate.
        """
        if self.n_played < 5 or not self.n_expected:
            return None
        n_left = max(self.n_expected - self.n_before - self.n_played, 0)
        if self.phase == "test" or not self.n_generations:  # the last one, all of it known
            n_left = self.n_all - self.n_done
        elif self.phase != "training":
            n_left = max(n_left, self.n_all - self.n_done)
        played_s, training_s = self.elapsed_s - self._trained_s, 0.0
        if self._training_since is not None:
            gone_s = time.monotonic() - self._training_since
            played_s -= gone_s
            training_s = gone_s * (self.n_all - self.n_done) / self.n_done if self.n_done else 0.0
        return n_left * played_s / self.n_played + training_s

    @property
    def n_seen(self) -> int:
        """Episodes of this phase that this process has played."""
        return len(self._scores)

    def success(self) -> tuple[int, int, Interval] | None:
        """Return won, played, and the rate, of what this process has played of this phase.

        None: nothing.
        """
        from agentevo.evaluation.statistics import wilson

        n = len(self._scores)
        return (self._n_won, n, wilson(self._n_won, n)) if n else None

    def score(self) -> Interval | None:
        """Return the mean score of what this process has played of this phase; None: nothing."""
        from agentevo.evaluation.statistics import mean_interval

        if not self._scores:
            return None
        return mean_interval(list(self._scores), n_resamples=N_RESAMPLES)


def n_known(run: Run) -> int:
    """Return how many of the episodes that a run plays are in its ledger."""
    return sum(
        key.attempt == 0
        for purpose in ("acquisition", "gate", "report")
        for key in run.ledger.finished(run.id, purpose=purpose)
    )


def n_episodes(config: RunConfig, n_levels: int) -> int:
    """Return about how many episodes a whole run plays, each arm of the gate counted once."""
    with_memory, with_weights = config.memory.enabled, config.weights.trainer != "none"
    candidates = with_memory + with_weights + (with_memory and with_weights)
    learned = config.n_generations > 0
    n_arms = (2 if with_memory else 1) * (2 if with_weights else 1) if learned else 1
    n_played = config.acquisition.n_samples * (config.weights.n_rounds if with_weights else 1)
    a_level = (
        config.n_generations * config.acquisition.n_tasks_per_level * n_played
        + (config.n_generations * candidates + learned) * config.evaluation.n_gate_per_level
        + n_arms * config.evaluation.n_test_per_level
    )
    return n_levels * a_level


def clock(seconds: float) -> str:
    """Return a duration in words of a few characters, such as `42 s` or `3:05 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
