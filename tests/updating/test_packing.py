"""Dialogues packed into rows: as if each stood by itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from agentevo.updating.packing import IGNORED, Encoded, collate, pack

DIALOGUES = [
    ([5, 6, 7, 8, 20, 21, 9], 4),
    ([5, 6, 7, 8, 20, 30, 31, 32, 9], 6),  # leaves the first within its reply
    ([5, 6, 7, 8, 20, 30, 31, 40, 9], 7),  # leaves the second within its reply
    ([5, 6, 7, 8, 20, 21, 9], 4),  # the first again
    ([50, 51, 52, 53, 9], 2),
]

UNITS = [[Encoded(ids, n_prompt)] for ids, n_prompt in DIALOGUES]


def test_what_dialogues_share_stands_in_a_row_once_and_each_reply_is_learned_once() -> None:
    (row,) = pack(UNITS, 100)
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
    assert [len(row.paths) for row in pack(UNITS, 12)] == [2, 1, 2]
    assert [len(row.paths) for row in pack(UNITS, 3)] == [1] * 5
    assert pack([], 10) == []


@pytest.mark.parametrize("n_tokens", [8, 12, 100])
def test_a_packed_reply_has_the_loss_that_it_has_by_itself(tiny_model: Path, n_tokens: int) -> None:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    alone = [pack([unit], 100)[0] for unit in UNITS]

    def losses(rows: list[Any]) -> float:
        batch = collate([asdict(row) for row in rows])
        labels = batch.pop("labels")
        with torch.no_grad():
            logits = model(**batch).logits[:, :-1]
        return float(
            cross_entropy(
                logits.flatten(0, 1), labels[:, 1:].flatten(),
                ignore_index=IGNORED, reduction="sum",
            )
        )  # fmt: skip

    expected = 0.0
    for ids, n_prompt in DIALOGUES:
        with torch.no_grad():
            scores = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        for at in range(n_prompt, len(ids)):
            expected -= float(scores[at - 1, ids[at]])
    assert losses(alone) == pytest.approx(expected, rel=1e-4)
    assert losses(pack(UNITS, n_tokens)) == pytest.approx(expected, rel=1e-4)


def test_a_pair_has_a_row_for_itself() -> None:
    pair = [Encoded(ids, n, side=side) for (ids, n), side in zip(DIALOGUES, (1, -1), strict=False)]
    rows = pack([UNITS[0], pair, UNITS[1], UNITS[2]], 100)
    assert [len(row.paths) for row in rows] == [1, 2, 2]
    labels = [(side, label) for side, label in zip(rows[1].sides, rows[1].labels, strict=True)]
    assert [one for one in labels if one[1] != IGNORED] == [
        (1, 20), (1, 21), (1, 9), (-1, 31), (-1, 32), (-1, 9),
    ]  # fmt: skip
