"""A lesson is let in only where it mends the failure that it was read from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage

from agentevo.config import make
from agentevo.evolution import evolve
from agentevo.memory import lessons
from agentevo.run import Run
from tests.conftest import WORLDS
from tests.worlds import RULE, Scripted, ScriptedChat

TRUE = "- When you face a box: use the button, not the lever."
FALSE = "- When you face a box with a number: knock on it first."


class Proposing(ScriptedChat):
    """Reads two rules from every failure, a true one and a false one."""

    def _answer(self, messages: list[BaseMessage]) -> str:
        if "transcripts" in str(messages[0].content):
            return f"{FALSE}\n{TRUE}"
        if "knock on it first" in str(messages[1].content):
            return "Action: knock"
        return super()._answer(messages)


class Proposer(Scripted):
    """A backbone that does so."""

    def chat(self, *, episode: str, temperature: float, **options: object) -> Proposing:
        return Proposing(episode=episode, temperature=temperature)


def proposer(rest: str, n_slots: int) -> Proposer:
    """Return the backbone."""
    return Proposer()


def evolved(folder: Path, admission: str) -> tuple[set[str], dict[str, Any], int]:
    """Return the advice of all lessons, what was refused and why, and the number of trials."""
    config = make(
        {
            "benchmark": f"{WORLDS}:boxes", "backbone": f"{__file__}:proposer",
            "n_generations": 1, "acquisition": {"n_tasks_per_level": 4, "temperature": 0.0},
            "refinement": {"lessons_from": ["failure"]},
            "memory": {"abstain_below": -1.0, "admission": admission},
            "evaluation": {"n_gate_per_level": 4, "n_test_per_level": 0},
        }
    )  # fmt: skip
    with Run.start(folder, config) as run:
        asyncio.run(evolve(run, lambda news: None))
        found = {one.advice for one in lessons(run.ledger.engine, run.scope)}
        update: Any = run.ledger.get_update(run.id, 1, "drafts")
        n_trials = len(run.ledger.finished(run.id, purpose="trial"))
    return found, dict(update.payload["refused"]), n_trials


def test_only_the_rule_that_mends_is_let_in_and_the_other_is_refused_with_the_reason(
    tmp_path: Path,
) -> None:
    found, refused, n_trials = evolved(tmp_path / "mends", "mends")
    assert found == {"use the button, not the lever"}
    assert n_trials == 2, "each rule once, on one failure"
    (why,) = [why for text, why in refused.items() if "knock" in text]
    assert why == "it mends nothing: score 0.00 with it, 0.00 without"
    assert RULE == "push button"


def test_without_the_test_both_are_written_down(tmp_path: Path) -> None:
    found, _, n_trials = evolved(tmp_path / "gate", "gate")
    assert len(found) == 2
    assert n_trials == 0
