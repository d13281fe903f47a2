"""The context window: what of a long episode the model still sees.

Only the last reply is shown with its thought, which carries on what is worth noting; of those
before it the action is left. The oldest turns go first; the first message (the task, the
lessons, the first observation) and turns marked to be kept stay. Turns go in one sweep down to
half of the budget, so that most calls extend the last one and its key-value cache serves again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agentevo.dialogue.prompts import without_thought
from agentevo.experience import Given, ToolCall

Count = Callable[[str], int]
"""Counts the tokens of a text as one message, its framing included."""


@dataclass(frozen=True)
class Turn:
    """A reply of the model and the observation that followed."""

    reply: str
    observation: str
    keep: bool = False
    """True: never dropped (a document that the rest of the episode refers to), unless it came
    again later."""
    calls: tuple[ToolCall, ...] = ()
    """Calls of tools in the model's own form; the observation is their results."""


def n_tokens_of_head(given: Given, first: str, count: Count) -> int:
    """Return the tokens before the turns: system prompt, schemas of tools, first message."""
    schemas = sum(count(json.dumps(one)) for one in given.tools)
    return count(given.system) + schemas + count(first)


def n_tokens_of_reply(turn: Turn, count: Count) -> int:
    """Return the tokens of what the model said in a turn, its calls included."""
    calls = (f'{{"name": "{one.name}", "arguments": {one.arguments}}}' for one in turn.calls)
    return count(turn.reply) + sum(map(count, calls))


def first_shown(turns: Sequence[Turn], start: int, *, head: int, budget: int, count: Count) -> int:
    """Return from which turn on the turns are shown; those before it are dropped unless kept.

    Args:
        turns: all turns of the episode.
        start: from which turn on they were shown in the last call.
        head: tokens of what stands before the turns.
        budget: tokens that the prompt may have.
        count: counts tokens.

    Returns:
        `start` while everything fits; otherwise the least index that fits half the budget.
        The last turn is always shown.
    """

    def size(first: int) -> int:
        seen = shown(turns, first)
        return head + sum(n_tokens_of_reply(t, count) + count(t.observation) for t in seen)

    if size(start) <= budget:
        return start
    while start < len(turns) - 1 and size(start) > max(budget // 2, head):
        start += 1
    return start


def shown(turns: Sequence[Turn], start: int) -> list[Turn]:
    """Return the turns as they are shown when the window starts at `start`."""
    newest = {turn.observation: i for i, turn in enumerate(turns) if turn.keep}
    left = [
        turn
        for i, turn in enumerate(turns)
        if i >= start or (turn.keep and newest[turn.observation] == i)
    ]
    earlier = [replace(turn, reply=without_thought(turn.reply)) for turn in left[:-1]]
    return [*earlier, *left[-1:]]
