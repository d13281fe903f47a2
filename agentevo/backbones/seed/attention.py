"""Causal attention for training on a CPU: in blocks of queries, each against what precedes it.

PyTorch's own kernel takes about twice as long forward and back at these sizes, and when
compiled it is given the whole square as a mask.
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
        attention_mask: must be None: padding comes last and is not learned from.
        scaling: factor of the scores.

    Returns:
        Shape (n_samples, length, n_heads, head_dim), and None in place of the scores.
    """
    n_samples, n_heads, length, dim = query.shape
    q, k, v = ((x.reshape(-1, length, dim)) for x in (query * scaling, key, value))
    later = torch.ones(BLOCK, BLOCK, dtype=torch.bool, device=q.device).triu(1)
    drawn = []
    for start in range(0, length, BLOCK):
        end = min(start + BLOCK, length)
        n = end - start
        within = q[:, start:end] @ k[:, start:end].transpose(1, 2)
        within = within.masked_fill(later[:n, :n], float("-inf"))
        before = q[:, start:end] @ k[:, :start].transpose(1, 2)
        shares = torch.cat([before, within], -1).softmax(-1)
        drawn.append(shares @ v[:, :end])
    heads = torch.cat(drawn, 1).view(n_samples, n_heads, length, dim)
    return heads.transpose(1, 2), None


AttentionInterface.register(NAME, causal_blocks)
