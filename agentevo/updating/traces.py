"""Training traces: a trajectory as the calls that it was, each as the agent saw it."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentevo.config import WeightSettings
from agentevo.dialogue import prompts
from agentevo.dialogue.context import Turn, first_shown, shown
from agentevo.experience import Trajectory

Dialogue = list[dict[str, str]]
"""Messages with `role` and `content`, as chat templates take them; the last is to be learned."""


def dialogues(
    trajectory: Trajectory,
    *,
    with_lessons: bool,
    window: int,
    count: Callable[[str], int],
) -> list[Dialogue]:
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
    system = trajectory.system or prompts.ACT_SYSTEM
    head = count(system) + count(first)
    turns = [Turn(s.reply, s.observation, s.keep) for s in trajectory.steps]
    found: list[Dialogue] = []
    start = 0
    for i, turn in enumerate(turns):
        budget = window - count(turn.reply)
        start = first_shown(turns[:i], start, head=head, budget=budget, count=count)
        dialogue = [
            {"role": "system", "content": system},
            {"role": "user", "content": first},
        ]
        for old in shown(turns[:i], start):
            dialogue += [
                {"role": "assistant", "content": old.reply},
                {"role": "user", "content": old.observation},
            ]
        found.append([*dialogue, {"role": "assistant", "content": turn.reply}])
    return found


@dataclass(frozen=True)
class TrainingSet:
    """What an adapter is trained on."""

    dialogues: list[Dialogue]
    n_traces: int
    n_replayed: int
    """Traces that come from earlier generations."""
    data_hash: str


def training_set(
    fresh: Sequence[Trajectory],
    earlier: Sequence[Trajectory],
    settings: WeightSettings,
    *,
    window: int,
    count: Callable[[str], int],
    seed: int,
) -> TrainingSet:
    """Choose traces, balanced over the levels, with a share of earlier successes (replay).

    Their turns stay in order, since those of one trace share what they read; there are as many as
    the settings allow.

    Args:
        fresh: refined trajectories of this generation.
        earlier: those of earlier generations.
        settings: how many, and whether lessons stay in.
        window: tokens that a dialogue may have.
        count: counts a message's tokens.
        seed: draws among equals.
    """
    rng = random.Random(seed)
    n_old = min(len(earlier), int(settings.replay_share * settings.max_traces))
    n_new = min(len(fresh), settings.max_traces - n_old)
    n_old = min(len(earlier), settings.max_traces - n_new)
    chosen = [*_balanced(fresh, n_new, rng), *_balanced(earlier, n_old, rng)]
    rng.shuffle(chosen)
    rows: list[Dialogue] = []
    taken: list[Trajectory] = []
    for one in chosen:
        calls = dialogues(one, with_lessons=settings.lessons == "keep", window=window, count=count)
        if taken and len(rows) + len(calls) > settings.max_turns:
            continue  # a shorter one may still fit
        rows += calls
        taken.append(one)
    old = {one.id for one in earlier}
    n_replayed = sum(one.id in old for one in taken)
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]
    return TrainingSet(rows, len(taken), n_replayed, digest)


def _balanced(trajectories: Sequence[Trajectory], n: int, rng: random.Random) -> list[Trajectory]:
    """Draw up to `n`, level by level in turn."""
    by_level: dict[int, list[Trajectory]] = {}
    for one in sorted(trajectories, key=lambda one: one.id):
        by_level.setdefault(one.difficulty, []).append(one)
    for level in by_level.values():
        rng.shuffle(level)
    drawn: list[Trajectory] = []
    while len(drawn) < n and any(by_level.values()):
        for difficulty in sorted(by_level):
            if by_level[difficulty] and len(drawn) < n:
                drawn.append(by_level[difficulty].pop())
    return drawn
