"""Where training starts: weights in which attention already copies, roughly.

Left to itself, a model of this size spends millions of tokens before attention learns to look
something up (induction heads, Olsson et al. 2022, arXiv 2209.11895). So three heads of the first
layer start out attending one, two and three tokens back, and two of the second to what followed
the last three tokens when they were there before, and copying it (after the idea of Trockman
and Kolter 2023, Mimetic Initialization, arXiv 2305.09828). They hold nothing of any world, and
all of it is trained on.
"""

from __future__ import annotations

import torch
from transformers import LlamaForCausalLM

HEAD_DIM = 64  # of the heads that are set so
N_BACK = 3  # tokens that a match takes into account
N_COPYING = 2  # heads that copy
BIAS = 0.1  # the value of the embeddings' first dimension, the same for all tokens
N_FAST = 8  # fastest pairs of the rotary embedding: they tell neighbouring tokens apart
MATCH = 2.6  # sharpness of a match
COPY = 0.8  # strength of what is copied
FIRST_SLOW = 10  # from this pair on, turning is slow enough to match over hundreds of tokens


@torch.no_grad()
def start_copying(model: LlamaForCausalLM, seed: int = 0) -> None:
    """Set heads of the first two layers as described above; heads must have 64 dimensions."""
    config = model.config
    dim, half = config.hidden_size, HEAD_DIM // 2
    rng = torch.Generator().manual_seed(seed)
    speed = config.rope_parameters["rope_theta"] ** (-torch.arange(half) / half)
    model.model.embed_tokens.weight[:, 0] = BIAS
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    # codes[0] reads a token's code from its embedding; codes[k] keeps that of the k-th token back
    codes = [_orthogonal(HEAD_DIM, dim, rng) for _ in range(N_BACK + 1)]
    for back in range(1, N_BACK + 1):
        rows = slice((back - 1) * HEAD_DIM, back * HEAD_DIM)
        for projection, angle in ((first.q_proj, 0 * speed), (first.k_proj, back * speed)):
            turned = torch.cat([torch.cos(angle), torch.sin(angle)])
            turned[N_FAST:half] = 0
            turned[half + N_FAST :] = 0
            projection.weight[rows] *= 0.1
            projection.weight[rows, 0] = 1.3 * turned
        first.v_proj.weight[rows] = codes[0]
        first.o_proj.weight[:, rows] = 0.03 * codes[back].T
    slow = torch.cat([torch.arange(FIRST_SLOW, half), torch.arange(FIRST_SLOW, half) + half])
    for head in range(N_COPYING):
        rows = slice(head * HEAD_DIM, (head + 1) * HEAD_DIM)
        order = slow[torch.randperm(len(slow), generator=rng)]
        for projection, shift in ((second.q_proj, 0), (second.k_proj, 1)):
            weight = 0.1 * projection.weight[rows]
            for i, row in enumerate(order.tolist()):
                weight[row] = MATCH * codes[i % N_BACK + shift][row]
            projection.weight[rows] = weight
        copies = _orthogonal(HEAD_DIM, dim, rng)
        second.v_proj.weight[rows] = copies
        second.o_proj.weight[:, rows] = COPY * copies.T


def _orthogonal(n: int, dim: int, rng: torch.Generator) -> torch.Tensor:
    """Return (n, dim) orthonormal rows that leave the first dimension alone."""
    rows = torch.linalg.qr(torch.randn(dim - 1, n, generator=rng))[0].T
    return torch.cat([torch.zeros(n, 1), rows], dim=1)
