"""Held-out tasks tried more than once: the last attempt counts, and what all of them cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentevo.experience import Trajectory
    from agentevo.ledger import EpisodeSummary


def whole(attempts: Sequence[Trajectory]) -> Trajectory:
    """Return the last of the attempts at a task, with the tokens and seconds of all.

    Args:
        attempts: at least one; seconds of each are those of all of them.
    """
    *earlier, last = sorted(attempts, key=lambda one: one.attempt)
    prompt, reply = last.n_note_tokens
    return replace(
        last,
        n_note_tokens=(
            prompt + sum(one.n_prompt_tokens for one in earlier),
            reply + sum(one.n_reply_tokens for one in earlier),
        ),
    )


def by_task(summaries: Iterable[EpisodeSummary]) -> dict[str, EpisodeSummary]:
    """Return the last attempt at each task, with the steps, tokens and seconds of all.

    Args:
        summaries: of one arm.
    """
    tried: dict[str, list[EpisodeSummary]] = {}
    for one in summaries:
        tried.setdefault(one.task_id, []).append(one)
    found = {}
    for task, some in tried.items():
        last = max(some, key=lambda one: one.key.attempt)
        found[task] = last if len(some) == 1 else replace(
            last,
            n_steps=sum(one.n_steps for one in some),
            n_prompt_tokens=sum(one.n_prompt_tokens for one in some),
            n_reply_tokens=sum(one.n_reply_tokens for one in some),
        )  # fmt: skip
    return found
