"""Training traces: a trajectory as the calls that it was, each as the agent saw it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from agentevo.dialogue import prompts
from agentevo.dialogue.context import (
    Count,
    Turn,
    first_shown,
    n_tokens_of_head,
    n_tokens_of_reply,
    shown,
)
from agentevo.experience import Given, Trajectory

Dialogue = list[dict[str, Any]]
"""Messages with `role` and `content`, and `tool_calls` where there are some, as chat templates take
them; the last is to be learned."""


@dataclass(frozen=True)
class Call:
    """One call of the model: what it read, and what it said."""

    dialogue: Dialogue
    reply_ids: tuple[int, ...] = ()
    """The reply's tokens as they were sampled; empty: not recorded, its text is tokenized."""
    tools: tuple[dict[str, Any], ...] = ()
    """Schemas of the tools that the model was given in its own form."""


def calls_of(
    trajectory: Trajectory, *, with_lessons: bool, window: int, count: Count
) -> list[Call]:
    """Return the calls of a trajectory: what the model read each time, and what it said.

    Args:
        trajectory: a finished episode.
        with_lessons: False takes the lessons out of the prompt (context distillation,
            Snell et al. 2022, arXiv 2209.15189).
        window: tokens that a dialogue may have.
        count: counts a message's tokens.
    """
    lessons = trajectory.lessons if with_lessons else ()
    reflections = trajectory.reflections if with_lessons else ()
    first = prompts.task_message(
        trajectory.instruction, trajectory.first_observation, lessons, reflections
    )
    given = Given(prompts.without_manner(trajectory.system or prompts.ACT_SYSTEM), trajectory.tools)
    turns = [Turn(s.reply, s.observation, s.keep, s.calls) for s in trajectory.steps]
    found: list[Call] = []
    start = 0
    for i, (turn, step) in enumerate(zip(turns, trajectory.steps, strict=True)):
        if step.given is not None:
            given = replace(step.given, system=prompts.without_manner(step.given.system))
        head = n_tokens_of_head(given, first, count)
        budget = window - n_tokens_of_reply(turn, count)
        start = first_shown(turns[:i], start, head=head, budget=budget, count=count)
        dialogue = [
            {"role": "system", "content": given.system},
            {"role": "user", "content": first},
        ]
        for old in shown(turns[:i], start):
            dialogue += [_said(old), *_came_back(old)]
        found.append(Call([*dialogue, _said(turn)], step.reply_ids, given.tools))
    return found


def _said(turn: Turn) -> dict[str, Any]:
    """Return a reply as a message."""
    message: dict[str, Any] = {"role": "assistant", "content": turn.reply}
    if turn.calls:
        message["tool_calls"] = [
            {"id": one.id, "type": "function",
             "function": {"name": one.name, "arguments": _arguments(one.arguments)}}
            for one in turn.calls
        ]  # fmt: skip
    return message


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _came_back(turn: Turn) -> list[dict[str, Any]]:
    """Return what followed a reply, as messages."""
    if not turn.calls:
        return [{"role": "user", "content": turn.observation}]
    return [
        {"role": "tool", "tool_call_id": one.id, "name": one.name, "content": one.result}
        for one in turn.calls
    ]


@dataclass(frozen=True)
class Example:
    """Calls that stand together in the loss: those of an episode, or one alone."""

    calls: tuple[Call, ...]
    weight: float = 1.0
    """Of each of its tokens: an advantage, where one is known."""
    pair: int = -1
    """Number of its pair; -1: it stands alone."""
    side: int = 0
    """1: the better of its pair, -1: the worse, 0: it stands alone."""
    group: str = ""
    """The task that it is of."""
    trace: str = ""
    """Id of the trajectory that it is; empty: it is none."""
    is_imitated: bool = False
    """True: its likelihood is raised, whatever the objective is for the others: it is replayed, or
    rehearsed, so that nothing is forgotten."""


@dataclass(frozen=True)
class Card:
    """What an adapter was trained on, in numbers."""

    n_traces: int = 0
    n_replayed: int = 0
    """Traces that come from earlier generations."""
    n_rehearsed: int = 0
    """Dialogues that the model made up itself, so as not to forget."""
    n_stale: int = 0
    """Traces that other weights played than those in force."""
    n_turns: int = 0
    n_pairs: int = 0
    by_level: dict[str, int] = field(default_factory=dict)
    by_generation: dict[str, int] = field(default_factory=dict)
    by_adapter: dict[str, int] = field(default_factory=dict)
    """Traces by the weights that played them; `plain`: those without an adapter."""
    pass_rates: dict[str, float] = field(default_factory=dict)
    """Share of successes in the generation's episodes, by level, before anything was left out."""
    filtered: dict[str, int] = field(default_factory=dict)
    """Traces that each filter took out."""
    hash: str = ""
    """Of all that is learned from."""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True)
class TrainingSet:
    """What an adapter is trained on."""

    examples: tuple[Example, ...]
    card: Card

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrainingSet:
        """Read what `to_json` made."""
        examples = tuple(
            Example(
                **{
                    **one,
                    "calls": tuple(
                        Call(call["dialogue"], tuple(call["reply_ids"]), tuple(call["tools"]))
                        for call in one["calls"]
                    ),
                }
            )
            for one in data["examples"]
        )
        return cls(examples, Card(**data["card"]))


def hash_of(examples: Sequence[Example]) -> str:
    """Return a hash of all that is learned from."""
    text = json.dumps([asdict(one) for one in examples], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
