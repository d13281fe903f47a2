"""Masked causal attention for training on a CPU: in blocks of queries, each against what precedes.

Given a mask, PyTorch's own kernel works on the whole square.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface

BLOCK = 320  # queries at a time
NAME = "causal_blocks"


def causal_blocks(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Return what each position draws from itself and those before it.

    Args:
        module: the layer (unused).
        query: shape (n_samples, n_heads, length, head_dim); `key` and `value` likewise.
        key: see `query`.
        value: see `query`.
        attention_mask: shape (n_samples, 1, length, length); True where a query sees a key.
        scaling: factor of the scores.

    Returns:
        Shape (n_samples, length, n_heads, head_dim), and None in place of the scores.
    """
    assert attention_mask is not None
    query = query * scaling
    drawn = []
    for start in range(0, query.shape[2], BLOCK):
        end = min(start + BLOCK, query.shape[2])
        scores = query[:, :, start:end] @ key[:, :, :end].transpose(2, 3)
        hidden = ~attention_mask[:, :, start:end, :end]
        shares = scores.masked_fill(hidden, float("-inf")).softmax(-1)
        drawn.append(shares @ value[:, :, :end])
    return torch.cat(drawn, 2).transpose(1, 2), None


AttentionInterface.register(NAME, causal_blocks)
