"""Reflecting on the memory in force, and asking the gate whether anything is lost by it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from agentevo.cycle import Cycle, News, Phase, gate, promote
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.gate import judge_no_worse
from agentevo.evaluation.words import count
from agentevo.updating.reflection import Matter, Reflection, Rule, reflector, stand_in

THOUGHTS, DONE = "reflection", "reflected"
"""Updates in the ledger: what was thought, and what the memory became by it."""
KINDS = ("rule", "warning")
"""Of lessons that a rule may stand for: a way to go, or a policy, is none."""


async def reflect(cycle: Cycle, generation: int, old: Arm) -> Arm:
    """Let rules stand for lessons in force where the gate sees no loss; return the pair in force.

    What the ledger knows already is not asked or written again.
    """
    run = cycle.run
    name = run.config.memory.reflect
    if not name or not old.memory_version:
        return old
    if run.ledger.get_update(run.id, generation, THOUGHTS) is None:
        thought = await _think(cycle, generation, old)
        told = asdict(thought) | {"reflector": name, "version_before": old.memory_version}
        run.ledger.add_update(run.id, generation, THOUGHTS, told)
    kept = run.ledger.get_update(run.id, generation, THOUGHTS)
    assert kept is not None
    thoughts: Any = kept.payload
    rules = [
        Rule(one["situation"], one["advice"], tuple(one["parts"])) for one in thoughts["rules"]
    ]
    if not rules:
        return old
    memory, who = run.memory(), f"generation {generation}"
    done = run.ledger.get_update(run.id, generation, DONE)
    if done is None:
        distiller = f"{run.config.backbone}+{old.adapter or 'plain'}"
        version = await asyncio.to_thread(
            stand_in, memory, rules, generation=generation, distiller=distiller
        )
        told = {"version_before": old.memory_version, "version_after": version}
        run.ledger.add_update(run.id, generation, DONE, told)
        n_parts = sum(len(one.parts) for one in rules)
        told_of = f"reflection: {count(len(rules), 'rule')} for {n_parts} of them"
        n_active = sum(one.status == "active" for one in memory.lessons)
        cycle.tell(News("lessons", generation, told_of, n_done=n_active))
        done = run.ledger.get_update(run.id, generation, DONE)
        assert done is not None
    new = Arm(int(str(done.payload["version_after"])), old.adapter)
    if await gate(cycle, generation, "rules", old, new, rule=judge_no_worse) == "promote":
        return promote(run, generation, "memory", new)
    memory.revert(old.memory_version, who=who, why="something was lost by the rules")
    return old


async def _think(cycle: Cycle, generation: int, old: Arm) -> Reflection:
    """Ask the weights in force what rules are behind the lessons in force."""
    run = cycle.run
    phase = Phase(cycle, generation, "reflection")
    shown = run.snapshot(old.memory_version, old.adapter)
    rows = [
        i for i, one in enumerate(shown.lessons)
        if one.kind in KINDS and one.status == "active" and not one.pinned
    ]  # fmt: skip
    matter = Matter(
        tuple(shown.lessons[i] for i in rows),
        shown.vectors[np.array(rows, dtype=int)],
        partial(run.answer, old.adapter),
    )
    thought = await asyncio.to_thread(reflector(run.config.memory.reflect), matter)
    phase.end(*run.take_asked())
    return thought
