"""Feedback on a generation's episodes, where a judge's word is to count, not the environment's."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import partial
from typing import Any

from agentevo.acquisition.feedback import Feedback, as_feedback_says, calibration, source
from agentevo.cycle import Cycle, Phase
from agentevo.experience import Trajectory
from agentevo.run import Run

KIND = "feedback"


async def appraise(cycle: Cycle, generation: int) -> None:
    """Let the judge of the settings say what each episode is worth; once.

    It has the plain weights whatever is in force, so that no run promotes its own judge. Where the
    environment has a word, too, how far they agree is recorded.
    """
    run = cycle.run
    name = run.config.acquisition.feedback
    if name == "environment" or run.ledger.get_update(run.id, generation, KIND):
        return
    phase = Phase(cycle, generation, "feedback")
    episodes = list(run.ledger.episodes(run.id, generation=generation, purpose="acquisition"))
    found = await asyncio.to_thread(source(name), episodes, partial(run.answer, ""))
    told: dict[str, object] = {
        "source": name,
        "feedback": [asdict(one) for one in found],
        "calibration": asdict(calibration(found, episodes)),
    }
    run.ledger.add_update(run.id, generation, KIND, told)
    phase.end(*run.take_asked())


def lived_through(run: Run, generation: int | None = None) -> list[Trajectory]:
    """Return the episodes of acquisition, of a generation or of all, as the feedback says of them.

    Those that a judge could say nothing of are left out.
    """
    which: Any = {} if generation is None else {"generation": generation}
    episodes = list(run.ledger.episodes(run.id, purpose="acquisition", **which))
    if run.config.acquisition.feedback == "environment":
        return episodes
    said = [
        Feedback(**one)
        for update in run.ledger.updates(run.id, kind=KIND)
        for one in _list(update.payload["feedback"])
    ]
    known = {one.trajectory for one in said}
    return as_feedback_says([one for one in episodes if one.id in known], said)


def _list(value: Any) -> list[dict[str, Any]]:
    return list(value)
