"""Several episodes of a held-out task, sampled, of which one is handed in.

Which one it is, is decided without the environment's verdict: by agreement, or by a verifier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agentevo.experience import Trajectory
from agentevo.refinement.agreement import answer_of

Choose = Callable[[Sequence[Sequence[Trajectory]]], list[int]]
"""Returns, for the candidates of each task, which one is handed in."""


@dataclass(frozen=True)
class Candidates:
    """How many there are, and how one is chosen."""

    n: int
    temperature: float
    choose: Choose


def by_vote(tasks: Sequence[Sequence[Trajectory]]) -> list[int]:
    """Return the first of those whose last action most candidates share.

    Self-consistency, Wang et al. 2022 (arXiv 2203.11171).
    """
    chosen = []
    for some in tasks:
        answers = [answer_of(one) for one in some]
        counts = Counter(one for one in answers if one)
        most = max(counts, key=lambda one: (counts[one], -answers.index(one)), default="")
        chosen.append(answers.index(most) if most else 0)
    return chosen


def by_worth(tasks: Sequence[Sequence[Trajectory]], worth: Sequence[float]) -> list[int]:
    """Return the best of each task's candidates by a worth that somebody gave them.

    Args:
        tasks: the candidates of each.
        worth: of all of them, one task after the other.
    """
    chosen, start = [], 0
    for some in tasks:
        own = list(worth[start : start + len(some)])
        chosen.append(own.index(max(own)))
        start += len(some)
    return chosen


def handed_in(some: Sequence[Trajectory], which: int, *, name: str, arm: str) -> Trajectory:
    """Return the chosen candidate as the arm's episode, with the tokens of all.

    Args:
        some: candidates of one task.
        which: of them is chosen.
        name: of the episode that it becomes.
        arm: whose it is.
    """
    others = [one for i, one in enumerate(some) if i != which]
    prompt, reply = some[which].n_note_tokens
    return replace(
        some[which],
        id=name,
        copy_of=some[which].id,
        arm=arm,
        attempt=0,
        seed=0,
        n_note_tokens=(
            prompt + sum(one.n_prompt_tokens for one in others),
            reply + sum(one.n_reply_tokens for one in others),
        ),
    )
