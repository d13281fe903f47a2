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


@dataclass(frozen=True)
class Encoded:
    """A dialogue in tokens, and what its reply is worth."""

    ids: Sequence[int]
    n_prompt: int
    """Tokens before the last reply."""
    weight: float = 1.0
    """Of each token of the reply."""
    side: int = 0
    """Of its pair; see `Example`."""
    is_imitated: bool = False
    """See `Example`."""


@dataclass
class Row:
    """A row of tokens. All lists but `paths` and `firsts` have an entry a token."""

    input_ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    position_ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)
    imitated: list[int] = field(default_factory=list)
    """1: the token's likelihood is raised, whatever the objective."""
    before: list[float] = field(default_factory=list)
    """Log-probabilities of the labels before the training; empty: not asked for."""
    paths: list[list[int]] = field(default_factory=list)
    """Of each dialogue, the places of its tokens in the row, in its own order."""
    firsts: list[int] = field(default_factory=list)
    """Of each dialogue, the place of the first token that is its own."""

    @property
    def is_pair(self) -> bool:
        """Whether a pair of episodes has it for itself."""
        return any(self.sides)

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

    def add(self, one: Encoded) -> None:
        """Add a dialogue, from where it leaves those that are here."""
        # the last token of the prompt is never shared: the first label follows right on it
        shared = self.shared(one.ids, one.n_prompt - 1)
        first, n = len(self.input_ids), len(shared)
        n_new, n_read = len(one.ids) - n, one.n_prompt - n
        self.input_ids += one.ids[n:]
        self.labels += [IGNORED] * n_read + list(one.ids[one.n_prompt :])
        self.position_ids += range(n, len(one.ids))
        self.weights += [one.weight] * n_new
        self.sides += [one.side] * n_new
        self.imitated += [int(one.is_imitated)] * n_new
        self.paths.append([*shared, *range(first, len(self.input_ids))])
        self.firsts.append(first)

    def n_with(self, dialogues: Sequence[Encoded]) -> int:
        """Return how many tokens the row has with more dialogues, at most."""
        n = len(self.input_ids)
        return n + sum(len(d.ids) - len(self.shared(d.ids, d.n_prompt - 1)) for d in dialogues)


def pack(units: Sequence[Sequence[Encoded]], n_tokens: int) -> list[Row]:
    """Pack dialogues into rows, in their order.

    Args:
        units: dialogues that must stand in one row: one each, or those of a pair of episodes.
        n_tokens: of a row at most; a longer unit has a row for itself.
    """
    rows: list[Row] = []
    for unit in units:
        if not rows or rows[-1].n_with(unit) > n_tokens or len(unit) > 1 or rows[-1].is_pair:
            rows.append(Row())
        for one in unit:
            rows[-1].add(one)
    return rows


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Return rows as a batch for a causal model of transformers.

    Args:
        rows: with the fields of `Row`.

    Returns:
        `input_ids`, `labels` and `position_ids` of shape (n, length), the same of `weights`,
        `sides`, `imitated` and, where all rows have them, `before`, and `attention_mask` of
        shape (n, 1, length, length), which says what each token sees.
    """
    length = max(len(row["input_ids"]) for row in rows)
    fillers: dict[str, float] = {"input_ids": 0, "labels": IGNORED, "position_ids": 0}
    fillers |= {"weights": 0.0, "sides": 0, "imitated": 0}
    if all(row["before"] for row in rows):
        fillers["before"] = 0.0
    batch = {name: torch.full((len(rows), length), filler) for name, filler in fillers.items()}
    mask = torch.eye(length, dtype=torch.bool).repeat(len(rows), 1, 1, 1)  # padding sees itself
    for i, row in enumerate(rows):
        for name, tensor in batch.items():
            tensor[i, : len(row[name])] = torch.tensor(row[name], dtype=tensor.dtype)
        for path, first in zip(row["paths"], row["firsts"], strict=True):
            places = torch.tensor(path)
            before, own = places[places < first], places[places >= first]
            mask[i, 0, own[:, None], before] = True
            mask[i, 0, own[:, None], own] = torch.ones(len(own), len(own)).tril().bool()
    return batch | {"attention_mask": mask}
