"""The plan of a training: the model's size, and what changes in the course of it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What is trained, and how long."""

    n_vocab: int = 4096
    n_dim: int = 256
    n_layers: int = 5
    n_heads: int = 4
    rope_theta: float = 1e6
    window: int = 1250
    """Tokens of the context window that episodes are cut to."""
    n_steps: int = 12000
    tokens_per_step: int = 11520
    lr: float = 1e-3
    """Of AdamW, for embeddings and norms."""
    lr_matrices: float = 3e-3
    """Of Muon, for the matrices inside the layers."""
    n_warmup: int = 60
    start: str = ""
    """Folder of an earlier training whose weights and tokenizer are trained on; "": none."""
    weight_decay: float = 0.05
    seed: int = 0


def drills_at(at: float, *, fresh: bool) -> tuple[float, int]:
    """Return the drills' share of the loss, and their longest lists, at a point 0..1.

    Fresh weights begin with drills, and on the shortest lists: with few to choose from,
    attention that matches what it looks for forms soonest.
    """
    if fresh and at < 0.15:
        n_most = 4 if at < 0.02 else 8 if at < 0.05 else 16
        return 0.9 if at < 0.09 else 0.6, n_most
    return 0.35, 16


def rate(step: int, plan: Plan) -> float:
    """Return the learning rate's factor: warm-up, then flat, then down to 2 % in the last half."""
    if step < plan.n_warmup:
        return (step + 1) / plan.n_warmup
    start = 0.5 * plan.n_steps
    if step < start:
        return 1.0
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - start) / (plan.n_steps - start)))
