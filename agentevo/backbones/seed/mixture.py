"""What the seed backbone is trained on, in which shares."""

from __future__ import annotations

import random
from collections.abc import Callable

from agentevo.backbones.seed.drills import draw_drill
from agentevo.backbones.seed.samples import Sample, distill_sample, episode_samples

N_DRILLS = 4  # an item of drills holds so many: they are short
P_DISTILL = 0.2


def draw_samples(
    rng: random.Random,
    budget: int,
    count: Callable[[str], int],
    *,
    drilled: bool,
    n_most: int = 16,
) -> list[Sample]:
    """Draw the samples of one training item: drills, lessons to be written, or an episode.

    Args:
        rng: draws everything.
        budget: tokens of the context window.
        count: counts a message's tokens.
        drilled: whether to draw drills.
        n_most: the longest list in a drill.
    """
    if drilled:
        return [draw_drill(rng, n_most) for _ in range(N_DRILLS)]
    if rng.random() < P_DISTILL:
        return [distill_sample(rng)]
    return episode_samples(rng, budget, count)
