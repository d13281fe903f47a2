"""What a run's episodes tell of its tools: how often they serve, how they fail, how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from agentevo.evaluation.statistics import Interval, wilson

if TYPE_CHECKING:
    from agentevo.experience import ToolUse, Trajectory
    from agentevo.run import Run

N_ERRORS = 3  # kinds of errors that are told of each tool


@dataclass(frozen=True)
class ToolNote:
    """One tool, over many calls."""

    name: str
    n_calls: int
    n_episodes: int
    """In which it was called."""
    served: Interval
    """Share of calls without an error, with Wilson's interval."""
    median_s: float
    slow_s: float
    """95th percentile."""
    errors: tuple[tuple[str, int], ...]
    """The most frequent errors, by their last line, and how often each was."""

    @property
    def advice(self) -> str:
        """What an agent should know of it, in words; empty: it just works."""
        if not self.errors:
            return ""
        told = "; ".join(f"{text} ({n} times)" for text, n in self.errors)
        n_failed = round((1 - self.served.estimate) * self.n_calls)
        return f"it failed in {n_failed} of {self.n_calls} calls: {told}"


def has_tools(run: Run) -> bool:
    """Return whether a run's episodes may have called tools, by the first of each purpose."""
    if run.config.agent.tools:
        return True
    firsts = {one.key.purpose: one.trajectory_id for one in reversed(run.ledger.summaries(run.id))}
    some = [run.ledger.episode(run.id, name) for name in firsts.values()]
    return any(one.tools or "\nTools, called as" in one.system for one in some)


def tool_notes(episodes: Iterable[Trajectory]) -> list[ToolNote]:
    """Return a note on each tool that was called, the most used first."""
    uses: dict[str, list[ToolUse]] = {}
    n_episodes = Counter[str]()
    for episode in episodes:
        here = [use for step in episode.steps for use in step.uses]
        for use in here:
            uses.setdefault(use.name, []).append(use)
        n_episodes.update({use.name for use in here})
    found = [_note(name, some, n_episodes[name]) for name, some in uses.items()]
    return sorted(found, key=lambda note: (-note.n_calls, note.name))


def _note(name: str, uses: list[ToolUse], n_episodes: int) -> ToolNote:
    seconds = [use.seconds for use in uses]
    errors = Counter(_kind(name, use.error) for use in uses if use.error)
    return ToolNote(
        name=name,
        n_calls=len(uses),
        n_episodes=n_episodes,
        served=wilson(len(uses) - errors.total(), len(uses)),
        median_s=median(seconds),
        slow_s=float(np.percentile(seconds, 95)),
        errors=tuple(errors.most_common(N_ERRORS)),
    )


def _kind(name: str, error: str) -> str:
    """Return an error's last line, without the tool's name before it."""
    line = error.strip().splitlines()[-1].strip()
    return line.removeprefix(f"{name} failed: ")[:160]
