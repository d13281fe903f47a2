"""Playing training tasks again with policies in words, to see which of them pays most."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from agentevo.agent.rollout import Occasion, play
from agentevo.cycle import Cycle, Phase, chosen_tasks, prepare
from agentevo.dialogue.prompts import clip
from agentevo.evaluation.evaluate import Arm
from agentevo.experience import Trajectory
from agentevo.refinement.distill import Draft, transcript_of
from agentevo.updating.policies import Ground, Policy, Search, searcher

KIND = "policy"
SITUATION = "acting"
"""Of the lesson that a policy is kept as."""
N_TOLD = 3  # tasks whose words are told
MAX_ABOUT = 60  # words of each
MAX_SHARE = 0.2  # of the backbone's window, for one transcript


async def searched(cycle: Cycle, generation: int, pair: Arm) -> Draft | None:
    """Search for a policy that pays more than the one in force; None: none was found.

    Replays that the ledger knows already are not played again, and a search that is done is not
    done again.
    """
    run = cycle.run
    settings = run.config.memory
    known = run.ledger.get_update(run.id, generation, KIND)
    if known is None:
        found, sources = await _search(cycle, generation, pair)
        told: dict[str, Any] = asdict(found) | {"in_force": run.policy_of(pair), "sources": sources}
        run.ledger.add_update(run.id, generation, KIND, told | {"searcher": settings.policy})
        known = run.ledger.get_update(run.id, generation, KIND)
        assert known is not None
    result: Any = known.payload
    best = result["best"]["text"]
    if not best or best == result["in_force"]:
        return None
    return Draft(SITUATION, best, tuple(result["sources"]), kind="policy")


async def _search(cycle: Cycle, generation: int, pair: Arm) -> tuple[Search, list[str]]:
    """Return what a search came to, and the names of the replays with the best policy."""
    run = cycle.run
    settings, backbone = run.config.memory, run.backbone(pair.adapter)
    tasks = chosen_tasks(cycle, generation)
    rng = random.Random(f"{run.config.seed}/{generation}")
    tasks = rng.sample(tasks, min(settings.n_replays, len(tasks)))
    await prepare(cycle, tasks)
    played: dict[tuple[str, str], Trajectory] = {
        (one.arm, one.task_id): one
        for one in run.ledger.episodes(run.id, generation=generation, purpose="trial")
    }
    phase = Phase(cycle, generation, "replays")
    at_once = asyncio.Semaphore(run.config.agent.n_at_once)

    async def one(text: str, number: int) -> Trajectory:
        task, arm = tasks[number], _arm(text)
        if (arm, task.id) not in played:
            async with at_once:
                player = run.player(pair, policy=text)
                occasion = Occasion(generation, "trial", arm, run.config.seed)
                attempts = await play(player, cycle.benchmark, task, occasion)
            phase.record(attempts[-1:])
            played[arm, task.id] = attempts[-1]
        return played[arm, task.id]

    async def replayed(texts: Sequence[str], numbers: Sequence[int]) -> list[list[Trajectory]]:
        wanted = list(dict.fromkeys(texts))
        found = await asyncio.gather(*(one(text, n) for text in wanted for n in numbers))
        rows = [found[i * len(numbers) : (i + 1) * len(numbers)] for i in range(len(wanted))]
        by_text = dict(zip(wanted, rows, strict=True))
        return [list(by_text[text]) for text in texts]

    fits = int(backbone.window * MAX_SHARE)
    instructions = dict.fromkeys(task.instruction for task in tasks)
    ground = Ground(
        incumbent=run.policy_of(pair),
        population=_left(cycle, generation),
        about="Tasks:\n" + "\n".join(
            f"- {clip(text, MAX_ABOUT)}" for text in list(instructions)[:N_TOLD]
        ),
        n_tasks=len(tasks),
        play=replayed,
        ask=partial(run.answer, pair.adapter),
        read=lambda one: transcript_of(one, run.config.refinement.n_words, fits, backbone),
        n_policies=settings.n_policies,
        seed=run.config.seed + generation,
    )  # fmt: skip
    found = await searcher(settings.policy)(ground)
    phase.end(*run.take_asked())
    best = _arm(found.best.text)
    return found, [one.id for (arm, _), one in played.items() if arm == best]


def _left(cycle: Cycle, generation: int) -> tuple[Policy, ...]:
    """Return the population that the last search left."""
    before: Any = cycle.run.ledger.get_update(cycle.run.id, generation - 1, KIND)
    rows = before.payload["population"] if before is not None else []
    return tuple(Policy(one["text"], one["mutation"]) for one in rows)


def _arm(text: str) -> str:
    return f"policy-{hashlib.sha256(text.encode()).hexdigest()[:12]}" if text else "policy-none"
