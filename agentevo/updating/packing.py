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

    def n_with(self, one: Encoded) -> int:
        """Return how many tokens the row has with another dialogue."""
        shared = self.shared(one.ids, one.n_prompt - 1)
        return len(self.input_ids) + len(one.ids) - len(shared)


def pack(units: Sequence[Sequence[Encoded]], n_tokens: int) -> list[list[Row]]:
    """Pack dialogues into rows, in their order; return the rows that stand together in the loss.

    Args:
        units: dialogues that stand together: one each, or those of a pair of episodes.
        n_tokens: of a row at most; a longer dialogue has a row for itself.

    Returns:
        One row each, or, of a pair, as many as it needs.
    """
    items: list[list[Row]] = []
    begun: list[Row] = []  # that another dialogue may join
    for unit in units:
        if len(unit) == 1:
            if not begun or begun[0].n_with(unit[0]) > n_tokens:
                begun = [Row()]
                items.append(begun)
            begun[0].add(unit[0])
            continue
        begun, rows = [], [Row()]
        items.append(rows)
        for one in unit:
            if rows[-1].input_ids and rows[-1].n_with(one) > n_tokens:
                rows.append(Row())
            rows[-1].add(one)
    return items


def collate(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one item as a batch: its `rows`, and the `labels` of all of them, to be counted."""
    (item,) = items
    rows = [as_batch(row) for row in item["rows"]]
    return {"rows": rows, "labels": torch.cat([row["labels"] for row in rows], dim=1)}


def as_batch(row: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return a row as a batch of one for a causal model of transformers.

    Args:
        row: with the fields of `Row`.

    Returns:
        `input_ids`, `labels` and `position_ids` of shape (1, length), the same of `weights`,
        `sides`, `imitated` and, where the row has them, `before`, and `attention_mask` of shape
        (1, 1, length, length), which says what each token sees.
    """
    length = len(row["input_ids"])
    names = ["input_ids", "labels", "position_ids", "weights", "sides", "imitated"]
    batch = {name: torch.tensor([row[name]]) for name in names}
    if row["before"]:
        batch["before"] = torch.tensor([row["before"]])
    mask = torch.zeros((1, 1, length, length), dtype=torch.bool)
    for path, first in zip(row["paths"], row["firsts"], strict=True):
        places = torch.tensor(path)
        before, own = places[places < first], places[places >= first]
        mask[0, 0, own[:, None], before] = True
        mask[0, 0, own[:, None], own] = torch.ones(len(own), len(own)).tril().bool()
    return batch | {"attention_mask": mask}
