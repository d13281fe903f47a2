"""A key-value cache of many dialogues, and attention that reads it where it lies.

One call of the model takes new tokens of several dialogues, one after the other in a single
row; nothing is padded, and no keys or values are copied. Each dialogue attends to its own
slot of the cache alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from transformers import AttentionInterface, AttentionMaskInterface, Cache, PreTrainedModel
from transformers.masking_utils import sdpa_mask

ATTENTION = "agentevo_slots"
"""Name of our attention function among those of transformers."""


@dataclass(frozen=True)
class Stretch:
    """New tokens of one dialogue in a call."""

    slot: int
    start: int
    """Position of the first of them in the dialogue."""
    first: int
    """Their place in the call."""
    n: int
    mask: torch.Tensor | None
    """Zero where a token may look and minus infinity elsewhere, (n, start + n); None: all."""

    @classmethod
    def of(cls, slot: int, start: int, first: int, n: int, like: torch.Tensor) -> Stretch:
        """Return a stretch that looks back from each of its tokens, for tensors such as `like`."""
        mask = None
        if n > 1:
            mask = like.new_zeros((n, start + n))
            mask[:, start:] = like.new_full((n, n), float("-inf")).triu(1)
        return cls(slot, start, first, n, mask)


class SlotCache(Cache):  # type: ignore[misc]
    """Key-value cache with a row a slot, each with a length of its own.

    Tensors of shape (n_slots, n_heads, n_positions, head_dim), one pair a layer. Before each
    call of the model `aim` says where its tokens belong.
    """

    def __init__(self, model: PreTrainedModel, n_slots: int, n_positions: int) -> None:
        """Make room for all slots at once."""
        super().__init__(layers=[])
        config = model.config
        heads = config.num_key_value_heads
        dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (n_slots, heads, n_positions, dim)
        n_layers = config.num_hidden_layers
        options = {"dtype": model.dtype, "device": model.device}
        self.keys = [torch.zeros(shape, **options) for _ in range(n_layers)]
        self.values = [torch.zeros(shape, **options) for _ in range(n_layers)]
        self.n_positions = n_positions

    def aim(self, stretches: Sequence[Stretch]) -> torch.Tensor:
        """Set the stretches of the next call; return the positions of its tokens, (1, n)."""
        device = self.keys[0].device
        counts = torch.tensor([one.n for one in stretches])
        slots = torch.tensor([one.slot for one in stretches])
        positions = torch.cat([torch.arange(one.start, one.start + one.n) for one in stretches])
        self._slots = slots.repeat_interleave(counts).to(device)
        self._positions = positions.to(device)
        return self._positions[None]

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *args: object,
        **kwargs: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new keys and values (1, n_heads, n, head_dim); return the whole store."""
        keys, values = self.keys[layer_idx], self.values[layer_idx]
        keys[self._slots, :, self._positions] = key_states[0].transpose(0, 1)
        values[self._slots, :, self._positions] = value_states[0].transpose(0, 1)
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return 0: positions are given with each call."""
        return 0


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    *,
    stretches: Sequence[Stretch],
    **kwargs: object,
) -> tuple[torch.Tensor, None]:
    """Let each stretch attend to its slot.

    Args:
        module: the layer; not used.
        query: of shape (1, n_heads, n, head_dim).
        key: the layer's store, of shape (n_slots, n_key_heads, n_positions, head_dim).
        value: like `key`.
        attention_mask: not used; the stretches have masks of their own.
        scaling: of the scores.
        stretches: where the tokens of the call belong.
        kwargs: what other attention functions take.

    Returns:
        The outputs, of shape (1, n, n_heads, head_dim).
    """
    out = torch.empty_like(query.transpose(1, 2))
    grouped = query.shape[1] != key.shape[1]
    for one in stretches:
        new = slice(one.first, one.first + one.n)
        seen = slice(0, one.start + one.n)
        found = F.scaled_dot_product_attention(
            query[:, :, new],
            key[one.slot : one.slot + 1, :, seen],
            value[one.slot : one.slot + 1, :, seen],
            attn_mask=one.mask,
            scale=scaling,
            enable_gqa=grouped,
        )
        out[:, new] = found.transpose(1, 2)
    return out, None


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
