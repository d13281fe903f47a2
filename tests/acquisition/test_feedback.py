"""Feedback by a model, in the place of the environment's word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from agentevo.acquisition.feedback import (
    Feedback,
    as_feedback_says,
    calibration,
    judged,
    pairwise,
    self_evaluated,
)
from agentevo.acquisition.judging import attempt
from agentevo.api import settle
from agentevo.evolution import evolve
from agentevo.experience import Step
from agentevo.run import Run
from tests.conftest import WORLDS
from tests.refinement.test_refinement import episode
from tests.worlds import Scripted, ScriptedChat

WON, LOST = (replace(episode(name, success=name == "a"), task_id="t") for name in ("a", "b"))


def says(*texts: str) -> Any:
    """Return a model that answers so, in turn."""
    waiting = list(texts)
    return lambda asked: [waiting.pop(0) for _ in asked]


def test_a_judge_sees_what_was_done_and_nobodys_verdict() -> None:
    seen: list[str] = []

    def answer(asked: Sequence[list[dict[str, str]]]) -> list[str]:
        seen.extend(message["content"] for one in asked for message in one)
        return ["Score: 3"] * len(asked)

    one = replace(WON, score=0.73, ending="success", steps=(Step("t", "push", "It opens.", 0.73),))
    judged([one], answer)
    self_evaluated([one], answer)
    assert any("push" in text for text in seen)
    assert not any("0.73" in text or "success" in text.lower() for text in seen)


def test_points_become_a_score_and_what_cannot_be_read_is_no_zero() -> None:
    found = judged([WON, LOST, WON, LOST], says("Good.\nScore: 4", "Score: 0", "Score: 9", "Hm."))
    assert [one.score for one in found] == [0.8, 0.0, None, None]
    assert all(one.error for one in found[2:])
    assert not any(one.error for one in found[:2])


def test_what_the_model_is_sure_of_counts_more() -> None:
    found = self_evaluated(
        [WON, LOST, WON],
        says("Fulfilled: yes\nSure: 90", "Fulfilled: no\nSure: 80", "Fulfilled: maybe\nSure: 5"),
    )
    assert [one.score for one in found] == [0.9, pytest.approx(0.2), None]


def test_a_judge_that_favours_a_place_decides_nothing() -> None:
    biased = pairwise(WON, LOST, says("Better: 1", "Better: 1"))
    assert (biased.winner, biased.agreed) == ("tie", False)
    fair = pairwise(WON, LOST, says("Better: 1", "Better: 2"))
    assert (fair.winner, fair.agreed) == ("first", True)
    unread = pairwise(WON, LOST, says("I like both", "Better: 1"))
    assert unread.winner == "tie"
    assert unread.error


def test_calibration_is_that_of_a_worked_example() -> None:
    some = [replace(WON if i < 2 else LOST, id=str(i)) for i in range(4)]
    scores = [0.9, 0.35, 0.35, None]
    said = [
        Feedback(str(i), "judge", score, error="" if score is not None else "?")
        for i, score in enumerate(scores)
    ]
    found = calibration(said, some)
    assert (found.n, found.n_errors) == (3, 1)
    assert found.accuracy == pytest.approx(2 / 3)
    # one in the bin of 0.9, right; two in that of 0.35, of which one is right
    assert found.calibration_error == pytest.approx(0.1 / 3 + 0.15 * 2 / 3)
    assert calibration(said, [replace(one, ending="answered") for one in some]).n == 0


def test_episodes_become_what_the_feedback_says_and_silence_leaves_them_out() -> None:
    said = [Feedback("a", "judge", 0.2), Feedback("b", "judge", None, error="?")]
    (one,) = as_feedback_says([WON, LOST, episode("c", success=True)], said)
    assert (one.id, one.success, one.score) == ("a", False, 0.2)


def test_an_attempt_that_is_read_has_a_bound_and_no_word_of_how_it_came_out() -> None:
    steps = [Step("", "go " * 90, "x " * 90) for _ in range(200)]
    last = Step("", "push button", "You have won the game.")
    read = attempt(replace(WON, steps=(*steps, Step("", "go", "Your score went up."), last)))
    assert len(read) < 10_000
    assert "push button" in read
    assert "won" not in read
    assert "went up" not in read


class Mistaken(ScriptedChat):
    """Judges that whoever pulled the lever was right."""

    def _answer(self, messages: list[BaseMessage]) -> str:
        if "Fulfilled" in str(messages[0].content):
            is_lever = "> pull lever" in str(messages[1].content)
            return f"Fulfilled: {'yes' if is_lever else 'no'}\nSure: 99"
        return super()._answer(messages)


class Mistaker(Scripted):
    """A backbone that does so."""

    def chat(self, *, episode: str, temperature: float, **options: object) -> Mistaken:
        return Mistaken(episode=episode, temperature=temperature)


def mistaker(rest: str, n_slots: int) -> Mistaker:
    """Return the backbone."""
    return Mistaker()


def test_a_run_learns_from_its_judge_and_is_tested_by_the_environment(tmp_path: Path) -> None:
    config = settle(
        {
            "benchmark": f"{WORLDS}:boxes", "backbone": f"{__file__}:mistaker",
            "recipe": "reasoningbank", "n_generations": 1,
            "acquisition": {"n_tasks_per_level": 4}, "memory": {"abstain_below": -1.0},
            "evaluation": {"n_gate_per_level": 4, "n_test_per_level": 0},
        }
    )  # fmt: skip
    with Run.start(tmp_path / "judged", config) as run:
        asyncio.run(evolve(run, lambda news: None))
        update: Any = run.ledger.get_update(run.id, 1, "feedback")
        drafts: Any = run.ledger.get_update(run.id, 1, "drafts")
        played = {one.id: one for one in run.ledger.episodes(run.id, purpose="acquisition")}
        gate = list(run.ledger.summaries(run.id, purpose="gate"))
    assert len(update.payload["feedback"]) == len(played) == 16
    assert update.payload["calibration"]["accuracy"] == 0.0, "it is wrong of every episode"
    assert any(one.success for one in played.values()), "the ledger keeps the environment's word"
    assert drafts is not None
    assert all(one.success == (one.score == 1.0) for one in gate)
