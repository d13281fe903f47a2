"""A verifier: weights that were taught to prefer what succeeds, and tell good candidates from bad.

V-STaR, Hosseini et al. 2024 (arXiv 2402.06457), whose verifier is trained by DPO and ranks
solutions by their likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentevo.dialogue.context import Count
from agentevo.experience import Trajectory
from agentevo.settings import WeightSettings
from agentevo.updating.data import Material
from agentevo.updating.likelihood import log_likelihoods


def worth(
    trajectories: Sequence[Trajectory], weights: Path, verifier: Path, reference: Path | None,
    *, window: int, count: Count,
) -> list[float]:  # fmt: skip
    """Return how much likelier the verifier finds each episode than its reference does, a token.

    That is the reward which DPO has in it, but for a factor; by the token, so that long episodes
    do not weigh more.

    Args:
        trajectories: candidates.
        weights: of the plain model.
        verifier: its adapter's folder.
        reference: folder of the adapter that it was trained from; None: the plain weights were.
        window: tokens of a dialogue.
        count: counts a message's tokens.
    """
    material = Material(trajectories, 0, WeightSettings(), window, count, seed=0)
    examples = [material.example(one, as_played=True) for one in trajectories]
    now, before = (
        log_likelihoods(weights, folder, examples, window=window)
        for folder in (verifier, reference)
    )
    return [(new - old) / max(1, n) for (new, n), (old, _) in zip(now, before, strict=True)]
