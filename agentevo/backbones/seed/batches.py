"""What each step of the seed's training learns from: samples, padded to a few lengths."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from agentevo.backbones.seed.mixture import draw_samples
from agentevo.backbones.seed.plan import Plan, drills_at
from agentevo.backbones.seed.tokenizer import Encoded, encode

TENSORS = ("ids", "weights", "positions", "n_seen", "branches")
EPISODE_LENGTHS = (1280, 1920)
"""Token lengths to which episodes are padded: few shapes, so that compilation pays."""
DRILL_LENGTHS = (128, 320, 640)


@dataclass
class Batch:
    """Samples padded to one length; arrays of shape (n_samples, length)."""

    ids: torch.Tensor
    weights: torch.Tensor
    positions: torch.Tensor
    n_seen: torch.Tensor
    branches: torch.Tensor
    """-1 for padding."""
    names: list[list[str]]

    def mask(self) -> torch.Tensor:
        """Return where a token sees another, (n_samples, 1, length, length); see `Encoded`."""
        length = self.ids.shape[1]
        place = torch.arange(length)
        branch = self.branches
        of_trunk = (branch[:, None, :] == 0) & (place < self.n_seen[:, :, None])
        own = (branch[:, None, :] == branch[:, :, None]) & (place <= place[:, None])
        return (of_trunk | own)[:, None]


def batches(
    tokenizer: PreTrainedTokenizerFast, plan: Plan, seed: int, at_step: int
) -> Iterator[tuple[Batch, Batch]]:
    """Yield for ever what steps learn from: like-sized episodes, and like-sized drills.

    Each step learns from both. In turn, one would undo what the other taught.
    """
    rng = random.Random(f"{plan.seed}/{seed}/{at_step}")

    @lru_cache(maxsize=4096)
    def count(text: str) -> int:
        return len(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids) + 2

    def stream(lengths: Sequence[int], n_tokens: float, *, drilled: bool) -> Iterator[Batch]:
        shelves: dict[int, list[Encoded]] = defaultdict(list)
        while True:
            _, n_most = drills_at(step / plan.n_steps, fresh=not plan.start)
            for sample in draw_samples(rng, plan.window, count, drilled=drilled, n_most=n_most):
                row = encode(sample, tokenizer)
                length = next((n for n in lengths if len(row.ids) <= n), None)
                if length is None or not any(row.weights):
                    continue
                shelf = shelves[length]
                shelf.append(row)
                if len(shelf) >= n_rows(length, n_tokens):
                    yield pad(shelf, length, tokenizer.pad_token_id)
                    shelves[length] = []

    step = at_step
    n_drilled = plan.tokens_per_step / 3
    episodes = stream(EPISODE_LENGTHS, plan.tokens_per_step - n_drilled, drilled=False)
    drills = stream(DRILL_LENGTHS, n_drilled, drilled=True)
    for pair in zip(episodes, drills, strict=True):
        yield pair
        step += 1


def n_rows(length: int, n_tokens: float) -> int:
    """Return how many rows cost as much time as `n_tokens` in the longest rows do.

    Processes that train together wait for each other; attention makes long rows dearer.
    """
    longest = EPISODE_LENGTHS[-1]
    return max(1, int(n_tokens / length * 2 / (1 + length / longest)))


def pad(rows: list[Encoded], length: int, filler: int) -> Batch:
    """Return samples as a batch of one length."""

    def table(lists: list[list[Any]], fill: float) -> torch.Tensor:
        return torch.tensor([one + [fill] * (length - len(one)) for one in lists])

    return Batch(
        ids=table([row.ids for row in rows], filler),
        weights=table([row.weights for row in rows], 0.0),
        positions=table([row.positions for row in rows], 0),
        n_seen=table([row.n_seen for row in rows], 0),
        branches=table([row.branches for row in rows], -1),
        names=[row.names + [""] * (length - len(row.names)) for row in rows],
    )
