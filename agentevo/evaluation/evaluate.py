"""Playing held-out tasks with an arm: a pair of (memory version, adapter).

An arm is played once: what the ledger already holds of it is not played again, whichever
generation asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.benchmarks import Benchmark, Task
from agentevo.evaluation.attempts import whole
from agentevo.evaluation.candidates import Candidates, handed_in
from agentevo.experience import Purpose, Trajectory
from agentevo.ledger import Ledger

Record = Callable[[Sequence[Trajectory]], None]
"""Writes the attempts at a task into the ledger as they end."""


@dataclass(frozen=True)
class Arm:
    """A pair of memory and weights that is judged."""

    memory_version: int
    """0: no lessons."""
    adapter: str
    """Empty: the plain backbone."""
    without: str = ""
    """Id of a lesson that is left out, to see what it is worth; empty: none."""

    @property
    def pair(self) -> dict[str, int | str]:
        """What of it is put in force, as the ledger keeps it."""
        return {"memory_version": self.memory_version, "adapter": self.adapter}

    @property
    def name(self) -> str:
        """Its name in the ledger."""
        left_out = f"-{self.without}" if self.without else ""
        return f"m{self.memory_version}{left_out}+{self.adapter or 'plain'}"


async def evaluate(
    ledger: Ledger,
    run: str,
    arm: Arm,
    player: Player,
    benchmark: Benchmark,
    tasks: Sequence[Task],
    *,
    purpose: Purpose,
    generation: int,
    n_at_once: int,
    record: Record,
    seed: int = 0,
    candidates: Candidates | None = None,
) -> list[Trajectory]:
    """Play the tasks that this arm has not played yet; return its episode on each of them.

    Of several attempts it is the last.

    Args:
        ledger: what it knows already is not played.
        run: the run that is evaluated.
        arm: what `player` plays as.
        player: the agent; it must withhold nothing.
        benchmark: of the tasks.
        tasks: held out from training.
        purpose: `gate`, `report` or `evaluation`.
        generation: recorded with the episodes.
        n_at_once: episodes side by side.
        record: takes each new episode.
        seed: of the sampling, where the temperature is above 0.
        candidates: how many episodes of each task are sampled, and which is handed in; None: one
            is played, as the player is.
    """
    name = arm.name if seed == 0 else f"{arm.name}#{seed}"
    ids = {task.id for task in tasks}

    tried: dict[str, list[Trajectory]] = {}
    for one in ledger.episodes(run, purpose=purpose, arm=name):
        if one.task_id in ids:
            tried.setdefault(one.task_id, []).append(one)
    done = {task: whole(some) for task, some in tried.items() if _is_done(some)}
    occasion = Occasion(generation, purpose, name, seed)
    missing = [task for task in tasks if task.id not in done]
    if candidates is not None and missing:
        sampler = replace(player, temperature=candidates.temperature)
        played = [
            await evaluate(
                ledger, run, arm, sampler, benchmark, missing, purpose=purpose,
                generation=generation, n_at_once=n_at_once, record=record, seed=number,
            )
            for number in range(1, candidates.n + 1)
        ]  # fmt: skip
        by_task = list(zip(*played, strict=True))
        for some, which in zip(by_task, await _chosen(candidates, by_task), strict=True):
            own = next(task for task in missing if task.id == some[0].task_id)
            one = handed_in(some, which, name=occasion.episode_id(own), arm=name)
            record([one])
            done[own.id] = one
        missing = []
    new: dict[str, Trajectory] = {}
    async for attempts in play_all(player, benchmark, missing, occasion, n_at_once=n_at_once):
        record(attempts)
        new |= {attempts[0].task_id: whole(attempts)}
    done |= new
    return [done[task.id] for task in tasks]


async def _chosen(candidates: Candidates, tasks: Sequence[Sequence[Trajectory]]) -> list[int]:
    return await asyncio.to_thread(candidates.choose, tasks)


def _is_done(attempts: Sequence[Trajectory]) -> bool:
    return any(one.attempt == 0 for one in attempts)  # written last
