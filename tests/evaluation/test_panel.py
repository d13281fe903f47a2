"""A debate of judges, with a scripted model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agentevo.acquisition.judging import attempt, points
from agentevo.evaluation.panel import N_STATEMENT, PERSONAS, debate
from agentevo.experience import Step
from tests.refinement.test_refinement import episode

Dialogues = Sequence[list[dict[str, Any]]]
NAMES = tuple(PERSONAS)
ONE = episode("a", success=True, actions=("look", "push button"))


class Scripted:
    """Says what a function returns of the number of the dialogue."""

    def __init__(self, says: Callable[[int], str]) -> None:
        self._says = says
        self.systems: list[str] = []
        self.heard: list[str] = []

    def __call__(self, dialogues: Dialogues) -> list[str]:
        replies = []
        for system, user in dialogues:
            replies.append(self._says(len(self.heard)))
            self.systems.append(system["content"])
            self.heard.append(user["content"])
        return replies


def test_the_last_round_is_averaged_and_no_earlier_one() -> None:
    said = (0, 0, 0, 6, 9, 3)
    found = debate(ONE, Scripted(lambda i: f"I say so.\nScore: {said[i]}"))
    assert found.scores == (0.6, 0.9, 0.3)
    assert found.mean == pytest.approx(0.6)
    assert not found.error
    assert [one.round for one in found.statements] == [1, 1, 1, 2, 2, 2]
    assert [one.persona for one in found.statements] == [*NAMES, *NAMES]


def test_each_judge_has_a_character_and_hears_all_that_was_said_before() -> None:
    model = Scripted(lambda i: f"remark number {i}.\nScore: {i}")
    debate(ONE, model)
    for i, heard in enumerate(model.heard):
        assert attempt(ONE) in heard
        assert [f"remark number {j}." in heard for j in range(6)] == [j < i for j in range(6)]
        assert PERSONAS[NAMES[i % 3]] in model.systems[i]
    assert f"The {NAMES[0]} said in round 1: remark number 0. (0 of 10)" in model.heard[1]


def test_a_judge_who_cannot_be_read_is_named_and_is_no_zero() -> None:
    replies = ["Score: 1", "Score: 1", "Score: 1", "Score: 8", "I abstain.", "Score: 4"]
    found = debate(ONE, Scripted(lambda i: replies[i]))
    assert found.scores == (0.8, None, 0.4)
    assert found.mean == pytest.approx(0.6)
    assert found.error.startswith(f"{NAMES[1]}: ")
    assert "I abstain." in found.error


def test_a_panel_that_cannot_be_read_at_all_has_no_mean() -> None:
    found = debate(ONE, Scripted(lambda i: "Score: 11"), n_rounds=1)
    assert (found.scores, found.mean) == ((None, None, None), None)
    assert all(name in found.error for name in NAMES)


def test_a_slip_in_an_early_round_leaves_no_error_behind() -> None:
    found = debate(ONE, Scripted(lambda i: "hm" if i == 0 else "Score: 5"))
    assert found.mean == 0.5
    assert not found.error
    assert found.statements[0].score is None


def test_no_judge_is_told_what_the_environment_said() -> None:
    def heard(success: bool) -> list[str]:
        said = "That is right." if success else "That is wrong."
        steps = (
            Step("t", "look", "A box. Your score has just gone up.", reward=float(success)),
            Step("My score went up. I push.", "push button", said, reward=float(success)),
        )
        one = replace(episode("a", success=success), steps=steps, error="" if success else "broke")
        model = Scripted(lambda i: "Score: 5")
        debate(one, model)
        return model.heard

    assert heard(True) == heard(False)
    assert "A box." in heard(True)[0]
    assert "I push." in heard(True)[0]
    assert "gone up" not in heard(True)[0]
    assert "That is" not in heard(True)[0]


def test_the_words_of_a_tool_are_not_taken_for_a_verdict() -> None:
    found = Step("t", "search", "The final score was 3 to 1.", tool="search")
    assert "3 to 1" in attempt(replace(ONE, steps=(found, *ONE.steps)))


def test_what_a_judge_reads_has_a_bound() -> None:
    long = Step("w " * 900, "go " * 900, "seen " * 900)
    one = replace(ONE, steps=(long,) * 500, instruction="do " * 900)
    assert len(attempt(one).split()) < 3_500
    assert "(476 steps are left out)" in attempt(one)
    model = Scripted(lambda i: "word " * 900 + "\nScore: 5")
    debate(one, model)
    n_case = len(attempt(one).split())
    assert len(model.heard[-1].split()) < n_case + 5 * (N_STATEMENT + 20)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("Good.\nScore: 4", 4), ("**Score: 4**", 4), ("score = 4/5.", 4), ("Score: 4.0", 4),
        ("Score: 4 out of 5", 4), ("Score: 0", 0), ("Score: 6", None), ("Score: -1", None),
        ("Score: 3.5", None), ("Score: 4/10", None), ("Score: 4\nBut I doubt it.", None),
        ("four", None), ("", None),
    ],
)  # fmt: skip
def test_a_score_is_read_at_the_end_of_a_reply_and_within_its_bounds(
    reply: str, found: int | None
) -> None:
    score, _, error = points(reply, 5)
    assert score == found
    assert bool(error) == (found is None)


def test_somebody_has_to_speak() -> None:
    with pytest.raises(ValueError, match="at least one round"):
        debate(ONE, Scripted(lambda i: "Score: 5"), n_rounds=0)
