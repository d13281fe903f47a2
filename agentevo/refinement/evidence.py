"""Where in its episodes a lesson comes from, and what of these nobody vouches for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentevo.experience import Trajectory
from agentevo.memory import content_words, scan

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")

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


def taint_of(
    situation: str, advice: str, episodes: Sequence[Trajectory], steps: Sequence[str]
) -> tuple[str, ...]:
    """Return what nobody vouches for: tools that were called, and suspicious words in some steps.

    What the environment itself says is vouched for by its benchmark, unless it speaks to the
    model. Of a step where some sentences do, a lesson is tainted if these say more of its advice
    than the rest.

    Args:
        situation: of the lesson.
        advice: of the lesson.
        episodes: behind it.
        steps: of these that say most of it, as `TRAJECTORY#N`.
    """
    words = set(content_words(advice)) or set(content_words(situation))
    found = [f"tool:{step.tool}" for one in episodes for step in one.steps if step.tool]
    for one in episodes:
        for n, step in enumerate(one.steps, 1):
            if f"{one.id}#{n}" not in steps or not (dangers := scan(step.observation)):
                continue
            sentences = _SENTENCE.split(step.observation)
            bad = " ".join(sentence for sentence in sentences if scan(sentence))
            rest = " ".join([step.action or "", *(s for s in sentences if not scan(s))])
            n_bad, n_rest = (len(words & set(content_words(text))) for text in (bad, rest))
            if n_bad > n_rest or not bad:  # what is suspicious only as a whole taints it all
                found += [f"{one.id}#{n}, {danger}" for danger in dangers]
    return tuple(dict.fromkeys(found))
