"""Playing training tasks again to test what was distilled, before the memory takes it in."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace

from agentevo.agent.episode import Recollection
from agentevo.agent.rollout import Occasion, play
from agentevo.cycle import Cycle, Phase, chosen_tasks, prepare
from agentevo.dialogue.prompts import lesson_line
from agentevo.evaluation.evaluate import Arm
from agentevo.experience import Trajectory
from agentevo.refinement.admission import Trial, admitted, trials
from agentevo.refinement.distill import Distilled


@dataclass(frozen=True)
class _Told:
    """Recalls one text, whatever the task."""

    text: str

    def __call__(self, instruction: str, observation: str, episode: str) -> Recollection:
        """Return it."""
        return Recollection(texts=(self.text,))


async def mending(
    cycle: Cycle, generation: int, adapter: str, made: Distilled, episodes: list[Trajectory]
) -> Distilled:
    """Return the drafts that mend the failures they were read from, each tried alone, greedily.

    Trials that the ledger knows already are not played again.
    """
    run = cycle.run
    tasks = {task.id: task for task in chosen_tasks(cycle, generation)}
    tried = [one for one in trials(made.drafts, episodes) if one.failure.task_id in tasks]
    known = {one.arm: one for one in run.ledger.episodes(run.id, generation=generation,
                                                         purpose="trial")}  # fmt: skip
    await prepare(cycle, [tasks[one.failure.task_id] for one in tried])
    missing = [one for one in tried if _arm(one) not in known]
    phase = Phase(cycle, generation, "trial", len(tried), len(tried) - len(missing))
    at_once = asyncio.Semaphore(run.config.agent.n_at_once)

    async def played(trial: Trial) -> None:
        async with at_once:
            player = replace(
                run.player(Arm(0, adapter)),
                recall=_Told(lesson_line(trial.draft.situation, trial.draft.advice)),
            )
            occasion = Occasion(generation, "trial", _arm(trial), run.config.seed)
            attempts = await play(player, cycle.benchmark, tasks[trial.failure.task_id], occasion)
        phase.record(attempts[-1:])
        known[_arm(trial)] = attempts[-1]

    await asyncio.gather(*(played(one) for one in missing))
    phase.end()
    scores = {
        one.draft: None if known[_arm(one)].ending == "error" else known[_arm(one)].score
        for one in tried
    }
    return admitted(made, scores, tried)


def _arm(trial: Trial) -> str:
    text = f"{lesson_line(trial.draft.situation, trial.draft.advice)}\n{trial.failure.task_id}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
