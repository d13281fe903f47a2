"""Where in its episodes a lesson comes from, and what of these nobody vouches for."""

from __future__ import annotations

from collections.abc import Sequence

from agentevo.experience import Trajectory
from agentevo.memory import content_words, scan

MIN_WORDS = 2  # of a lesson that a step must say, to count as where it comes from


def telling_steps(situation: str, advice: str, episodes: Sequence[Trajectory]) -> tuple[str, ...]:
    """Return the step of each episode that says most of a lesson, as `TRAJECTORY#N`."""
    words = set(content_words(f"{situation} {advice}"))
    found = []
    for episode in episodes:
        n_said = [
            len(words & set(content_words(f"{step.action or ''} {step.observation}")))
            for step in episode.steps
        ]
        most = max(n_said, default=0)
        if most >= min(MIN_WORDS, len(words)):
            found.append(f"{episode.id}#{max(i for i, n in enumerate(n_said, 1) if n == most)}")
    return tuple(found)


def taint_of(episodes: Sequence[Trajectory], steps: Sequence[str]) -> tuple[str, ...]:
    """Return what nobody vouches for: tools that were called, and suspicious words in some steps.

    What the environment itself says is vouched for by its benchmark, unless it speaks to the
    model.

    Args:
        episodes: behind a lesson.
        steps: of these that say most of it, as `TRAJECTORY#N`.
    """
    found = [f"tool:{step.tool}" for one in episodes for step in one.steps if step.tool]
    for one in episodes:
        for n, step in enumerate(one.steps, 1):
            if f"{one.id}#{n}" in steps:
                found += [f"{one.id}#{n}, {danger}" for danger in scan(step.observation)]
    return tuple(dict.fromkeys(found))
