"""Dialogues that begin alike, packed into one row of tokens: what they share is read once.

The calls of an episode repeat one another up to the last turn. A row is a tree of tokens: each
dialogue goes on from where it leaves an earlier one, sees its own tokens alone, and counts its
positions as if it stood by itself. Its loss is the same as by itself, at a part of the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

IGNORED = -100  # label of a token that nothing is learned from


@dataclass
class Row:
    """A row of tokens. All lists but `paths` have an entry a token."""

    input_ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    position_ids: list[int] = field(default_factory=list)
    paths: list[list[int]] = field(default_factory=list)
    """Of each dialogue, the places of its tokens in the row, in its own order."""
    firsts: list[int] = field(default_factory=list)
    """Of each dialogue, the place of the first token that is its own."""

    def shared(self, ids: Sequence[int], n_most: int) -> list[int]:
        """Return the longest beginning of `ids`, of `n_most` tokens at most, as places here."""
        best: list[int] = []
        for path in self.paths:
            n = 0
            while n < min(n_most, len(path)) and self.input_ids[path[n]] == ids[n]:
                n += 1
            if n > len(best):
                best = path[:n]
        return best

    def add(self, ids: Sequence[int], n_prompt: int, shared: Sequence[int]) -> None:
        """Add a dialogue that goes on from `shared`; all after `n_prompt` is to be learned."""
        first, n = len(self.input_ids), len(shared)
        self.input_ids += ids[n:]
        self.labels += [IGNORED] * (n_prompt - n) + list(ids[n_prompt:])
        self.position_ids += range(n, len(ids))
        self.paths.append([*shared, *range(first, len(self.input_ids))])
        self.firsts.append(first)


def pack(dialogues: Sequence[tuple[Sequence[int], int]], n_tokens: int) -> list[Row]:
    """Pack dialogues into rows, in their order.

    Args:
        dialogues: of each, its token ids and how many of them are the prompt.
        n_tokens: of a row at most; a longer dialogue has a row for itself.
    """
    rows: list[Row] = []
    for ids, n_prompt in dialogues:
        # the last token of the prompt is never shared: the first label follows right on it
        shared = rows[-1].shared(ids, n_prompt - 1) if rows else []
        if not rows or len(rows[-1].input_ids) + len(ids) - len(shared) > n_tokens:
            rows.append(Row())
            shared = []
        rows[-1].add(ids, n_prompt, shared)
    return rows


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Return rows as a batch for a causal model of transformers.

    Args:
        rows: with the fields of `Row`.

    Returns:
        `input_ids`, `labels` and `position_ids` of shape (n, length), and `attention_mask` of
        shape (n, 1, length, length), which says what each token sees.
    """
    length = max(len(row["input_ids"]) for row in rows)
    batch = {
        name: torch.full((len(rows), length), filler)
        for name, filler in (("input_ids", 0), ("labels", IGNORED), ("position_ids", 0))
    }
    mask = torch.eye(length, dtype=torch.bool).repeat(len(rows), 1, 1, 1)  # padding sees itself
    for i, row in enumerate(rows):
        for name, tensor in batch.items():
            tensor[i, : len(row[name])] = torch.tensor(row[name])
        for path, first in zip(row["paths"], row["firsts"], strict=True):
            places = torch.tensor(path)
            before, own = places[places < first], places[places >= first]
            mask[i, 0, own[:, None], before] = True
            mask[i, 0, own[:, None], own] = torch.ones(len(own), len(own)).tril().bool()
    return batch | {"attention_mask": mask}
