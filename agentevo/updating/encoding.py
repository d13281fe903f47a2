"""Examples as token ids, in the units in which they are packed into rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from agentevo.updating.packing import Encoded
from agentevo.updating.traces import Call, Example


def split(
    examples: Sequence[Example], tokenizer: Any, share: float
) -> tuple[list[list[Encoded]], list[list[Encoded]]]:
    """Return what is trained on, and what is measured on only, as units of rows.

    Args:
        examples: all there are.
        tokenizer: of the model.
        share: of the tasks that are measured on; each is on one side or the other, whole.
    """
    measured = measured_groups(examples, share)
    sides: tuple[list[Example], list[Example]] = ([], [])
    for one in examples:
        sides[one.group in measured].append(one)
    return units_of(sides[0], tokenizer), units_of(sides[1], tokenizer)


def measured_groups(examples: Sequence[Example], share: float) -> set[str]:
    """Return the groups that are only measured on: a share of them, the same ones every time."""
    groups = sorted({one.group for one in examples if not one.is_imitated})
    ranked = sorted(groups, key=lambda name: hashlib.sha256(name.encode()).digest())
    return set(ranked[: int(len(groups) * share)])


def units_of(examples: Sequence[Example], tokenizer: Any) -> list[list[Encoded]]:
    """Return what stands together in a row: each call alone, the calls of a pair all together."""
    units: list[list[Encoded]] = []
    pairs: dict[int, list[Encoded]] = {}
    for one in examples:
        dialogues = [
            Encoded(*encoded(tokenizer, call), one.weight, one.side, one.is_imitated)
            for call in one.calls
        ]
        if not one.side:
            units += [[dialogue] for dialogue in dialogues]
        elif one.pair in pairs:
            pairs[one.pair] += dialogues
        else:
            units.append(pairs.setdefault(one.pair, dialogues))
    return units


def encoded(tokenizer: Any, call: Call) -> tuple[list[int], int]:
    """Return a call's token ids, and how many of them come before its reply.

    Where the reply's own tokens were recorded, they are taken.
    """
    tools = list(call.tools) or None
    prompt = tokenizer.apply_chat_template(
        call.dialogue[:-1], tools=tools, return_dict=True, add_generation_prompt=True
    )["input_ids"]
    if call.reply_ids:
        return [*prompt, *call.reply_ids], len(prompt)
    whole = tokenizer.apply_chat_template(call.dialogue, tools=tools, return_dict=True)
    return whole["input_ids"], len(prompt)
