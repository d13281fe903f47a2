"""Dialogues packed into rows: as if each stood by itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from agentevo.updating.packing import IGNORED, Encoded, as_batch, collate, pack

DIALOGUES = [
    ([5, 6, 7, 8, 20, 21, 9], 4),
    ([5, 6, 7, 8, 20, 30, 31, 32, 9], 6),  # leaves the first within its reply
    ([5, 6, 7, 8, 20, 30, 31, 40, 9], 7),  # leaves the second within its reply
    ([5, 6, 7, 8, 20, 21, 9], 4),  # the first again
    ([50, 51, 52, 53, 9], 2),
]

UNITS = [[Encoded(ids, n_prompt)] for ids, n_prompt in DIALOGUES]


def test_what_dialogues_share_stands_in_a_row_once_and_each_reply_is_learned_once() -> None:
    ((row,),) = pack(UNITS, 100)
    assert len(row.input_ids) == 7 + (9 - 5) + (9 - 6) + (7 - 3) + 5
    for (ids, n_prompt), path, first in zip(DIALOGUES, row.paths, row.firsts, strict=True):
        assert [row.input_ids[at] for at in path] == ids
        assert [row.position_ids[at] for at in path] == list(range(len(ids)))
        own = [at for at in path if at >= first]
        assert [row.labels[at] for at in own if row.labels[at] != IGNORED] == ids[n_prompt:]
    assert sum(label != IGNORED for label in row.labels) == sum(
        len(ids) - n_prompt for ids, n_prompt in DIALOGUES
    )


def test_rows_hold_no_more_tokens_than_asked_but_for_a_longer_dialogue() -> None:
    assert [len(row.paths) for (row,) in pack(UNITS, 12)] == [2, 1, 2]
    assert [len(row.paths) for (row,) in pack(UNITS, 3)] == [1] * 5
    assert pack([], 10) == []


@pytest.mark.parametrize("n_tokens", [8, 12, 100])
def test_a_packed_reply_has_the_loss_that_it_has_by_itself(tiny_model: Path, n_tokens: int) -> None:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    alone = [pack([unit], 100)[0][0] for unit in UNITS]

    def losses(rows: list[Any]) -> float:
        total = 0.0
        for row in rows:
            batch = as_batch(asdict(row))
            read = {k: batch[k] for k in ("input_ids", "position_ids", "attention_mask")}
            with torch.no_grad():
                logits = model(**read).logits[0, :-1]
            labels = batch["labels"][0, 1:]
            total += float(cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum"))
        return total

    expected = 0.0
    for ids, n_prompt in DIALOGUES:
        with torch.no_grad():
            scores = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        for at in range(n_prompt, len(ids)):
            expected -= float(scores[at - 1, ids[at]])
    assert losses(alone) == pytest.approx(expected, rel=1e-4)
    assert losses([row for (row,) in pack(UNITS, n_tokens)]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("n_tokens", "n_rows"), [(100, 1), (10, 2), (3, 2)])
def test_the_rows_of_a_pair_stand_together_and_with_nothing_else(
    n_tokens: int, n_rows: int
) -> None:
    pair = [Encoded(ids, n, side=side) for (ids, n), side in zip(DIALOGUES, (1, -1), strict=False)]
    items = pack([UNITS[0], pair, UNITS[1]], n_tokens)
    assert [len(rows) for rows in items] == [1, n_rows, 1]
    told = [pair for row in items[1] for pair in zip(row.sides, row.labels, strict=True)]
    assert [one for one in told if one[1] != IGNORED] == [
        (1, 20), (1, 21), (1, 9), (-1, 31), (-1, 32), (-1, 9),
    ]  # fmt: skip
    batch = collate([{"rows": [asdict(row) for row in items[1]]}])
    assert len(batch["rows"]) == n_rows
    assert int((batch["labels"] != IGNORED).sum()) == 6
