"""Admission of lessons: a rule is let in only where it mends the failure that it was read from.

TRAN, Wang et al. 2023 (arXiv 2310.15746): each proposed rule is tested by answering anew. Failures
that no rule mends stay in a pool, and are read again beside later ones that are like them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agentevo.dialogue.prompts import lesson_line
from agentevo.experience import Trajectory
from agentevo.memory import content_words
from agentevo.refinement.distill import Distilled, Draft

MAX_TRIALS = 40  # of a generation
MAX_POOLED = 12  # earlier failures that are read again


@dataclass(frozen=True)
class Trial:
    """A draft, and the failure that it is to mend."""

    draft: Draft
    failure: Trajectory


def trials(drafts: Sequence[Draft], episodes: Sequence[Trajectory]) -> list[Trial]:
    """Return what is to be tried: each draft at the first failure that it was read from."""
    lost = {one.id: one for one in episodes if not one.success and one.ending != "error"}
    found = []
    for draft in drafts:
        failures = [lost[name] for name in draft.sources if name in lost]
        if failures:
            found.append(Trial(draft, failures[0]))
    return found[:MAX_TRIALS]


def admitted(
    made: Distilled, scores: Mapping[Draft, float | None], tried: Sequence[Trial]
) -> Distilled:
    """Return what was distilled, with only those drafts that mend.

    Args:
        made: all that was distilled.
        scores: of each draft that was tried, the score with it; None: the episode broke.
        tried: the trials.
    """
    before = {trial.draft: trial.failure.score for trial in tried}
    kept, refused = [], list(made.refused)
    for draft in made.drafts:
        if draft not in before:
            why = "it was read from no failure that it could be tried at"
        elif (score := scores.get(draft)) is None:
            why = "its trial broke"
        elif score > before[draft]:
            kept.append(draft)
            continue
        else:
            why = f"it mends nothing: score {score:.2f} with it, {before[draft]:.2f} without"
        refused.append((lesson_line(draft.situation, draft.advice), why))
    return replace(made, drafts=tuple(kept), refused=tuple(refused))


def pooled(
    earlier: Sequence[Trajectory], now: Sequence[Trajectory], mended: frozenset[str]
) -> list[Trajectory]:
    """Return earlier failures that no lesson mends, those most like the new failures first.

    Args:
        earlier: episodes of earlier generations.
        now: those of this one.
        mended: ids of episodes that a lesson in the memory was read from.
    """
    new = [_words(one) for one in now if not one.success]
    pool = [
        one for one in earlier
        if not one.success and one.ending != "error" and one.id not in mended
    ]  # fmt: skip

    def likeness(one: Trajectory) -> float:
        own = _words(one)
        return max((len(own & other) / len(own | other) for other in new if own | other), default=0)

    return sorted(pool, key=lambda one: (-likeness(one), one.id))[:MAX_POOLED]


def _words(one: Trajectory) -> set[str]:
    last = one.steps[-1].observation if one.steps else ""
    return set(content_words(f"{one.first_observation} {last}"))
