"""What learning has cost a run, in tokens; what the test split took is no part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentevo.run import Run

TRAINED = 3
"""Tokens read that cost as many operations as one trained on: about 2 N each to read, 6 N to train
(Kaplan et al. 2020, arXiv 2001.08361)."""

PLAYED = ("acquisition", "gate", "trial")
"""Purposes of episodes that learning pays for."""


@dataclass(frozen=True)
class Spending:
    """What was spent, so far."""

    n_played: int
    """Prompt and reply tokens of episodes, those at the gate included."""
    n_asked: int
    """Of what was asked beside them: distilling, judging and the like."""
    n_trained: int
    """Tokens that were trained on, each time that they were."""

    @property
    def n_tokens(self) -> int:
        """All of it, in tokens read."""
        return self.n_played + self.n_asked + TRAINED * self.n_trained


def spending(run: Run, generation: int | None = None) -> Spending:
    """Return what a run, or one of its generations, has spent on learning."""

    def counts(one: int) -> bool:
        return generation is None or one == generation

    played = sum(
        one.n_prompt_tokens + one.n_reply_tokens
        for one in run.ledger.summaries(run.id)
        if one.key.purpose in PLAYED
        and counts(one.key.generation)
        and not (one.key.purpose == "gate" and "#" in one.key.arm)  # in what was handed in
    )
    asked = sum(
        one.n_prompt_tokens + one.n_reply_tokens
        for one in run.ledger.usage(run.id)
        if not one.phase.startswith((*PLAYED, "test")) and counts(one.generation)
    )
    trained: list[Any] = [
        one.payload.get("n_tokens_trained", 0)
        for one in run.ledger.updates(run.id, kind="weights")
        if counts(one.generation)
    ]
    return Spending(played, asked, sum(int(one) for one in trained))


def n_affordable(run: Run) -> int:
    """Return the last generation that may be begun: all, or what the budget covers.

    The next one is taken to cost what the last one did.
    """
    config = run.config
    n_done = len(run.ledger.updates(run.id, kind="outcome"))
    begun = run.ledger.summaries(run.id, generation=n_done + 1, purpose="acquisition")
    if not config.token_budget or not n_done or begun:
        return config.n_generations
    left = config.token_budget - spending(run).n_tokens
    last = spending(run, n_done).n_tokens
    return config.n_generations if left >= last else min(n_done, config.n_generations)
