"""Feedback by the environment and by judges, and how far these can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agentevo.acquisition.feedback import (
    RUBRIC,
    SOURCES,
    Calibration,
    Feedback,
    as_feedback_says,
    calibration,
    from_environment,
    judged,
    pairwise,
    self_evaluated,
    source,
)
from agentevo.config import ConfigError
from agentevo.experience import Step, Trajectory
from tests.refinement.test_refinement import episode

Dialogues = Sequence[list[dict[str, Any]]]
WON, LOST = episode("a", success=True), episode("b", success=False)


class Scripted:
    """Says what a function returns of the number of the dialogue and its message."""

    def __init__(self, says: Callable[[int, str], str]) -> None:
        self._says = says
        self.seen: list[Dialogues] = []

    def __call__(self, dialogues: Dialogues) -> list[str]:
        self.seen.append(dialogues)
        return [self._says(i, one[-1]["content"]) for i, one in enumerate(dialogues)]

    @property
    def read(self) -> str:
        return "\n".join(part["content"] for some in self.seen for one in some for part in one)


def in_turn(*replies: str) -> Scripted:
    return Scripted(lambda i, message: replies[i])


def told(success: bool) -> Trajectory:
    """Return an episode whose environment says its verdict wherever it can."""
    words = "That is right. You scored 3 of 3." if success else "That is wrong."
    return Trajectory(
        id="a", task_id="t", benchmark="boxes", split="train", difficulty=1,
        instruction="Open the box.", first_observation="A box.", purpose="acquisition",
        generation=1, attempt=0, arm="", seed=0, best_score=0.73 if success else 0.12,
        steps=(
            Step("t", "look", f"It has a lid. Your score is {'one' if success else 'nil'} now.",
                 reward=0.73 if success else 0.0),
            Step(f"I know my reward is {success}. So I push.", "push lid", words),
        ),
        ending="success" if success else "failure", score=0.73 if success else 0.12,
        success=success,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["judge", "self"])
def test_a_judge_reads_the_very_same_of_a_success_and_of_a_failure(name: str) -> None:
    models = [Scripted(lambda i, message: "Score: 3") for _ in range(2)]
    for model, success in zip(models, (True, False), strict=True):
        SOURCES[name]([told(success)], model)
        pairwise(told(success), replace(told(success), id="b"), model)
    assert models[0].seen == models[1].seen
    for words in ("It has a lid.", "So I push.", "> push lid", "Open the box."):
        assert words in models[0].read
    for words in ("0.73", "That is right", "nil now", "my reward"):
        assert words not in models[0].read


def test_a_judge_scores_the_share_of_the_criteria_it_is_shown() -> None:
    model = in_turn("All of it holds.\nScore: 5", "Score: 2 / 5")
    found = judged([WON, LOST], model)
    assert [(one.trajectory, one.score, one.error) for one in found] == [
        ("a", 1.0, ""), ("b", 0.4, "")
    ]  # fmt: skip
    assert found[0].critique == "All of it holds."
    assert all(text in model.read for text in RUBRIC)
    (one,) = judged([WON], in_turn("Score: 1"), rubric=("It is so.", "It is thus."))
    assert one.score == 0.5


@pytest.mark.parametrize(
    "reply", ["", "It was fine.", "Score: 6", "Score: -1", "Score: 2.5", "Score: 3\nOr so."]
)
def test_a_judge_who_cannot_be_read_says_so_and_is_left_out(reply: str) -> None:
    found = judged([WON, LOST], in_turn(reply, "Score: 0"))
    assert found[0].score is None
    assert found[0].error
    assert [one.id for one in as_feedback_says([WON, LOST], found)] == ["b"]
    assert calibration(found, [WON, LOST]).n_errors == 1


def test_several_askings_are_averaged_over_those_that_could_be_read() -> None:
    replies = ("One.\nScore: 2", "hm", "Two.\nScore: 4", "hm", "hm", "hm")
    model = in_turn(*replies)
    first, second = judged([WON, LOST], model, n=3)
    assert first.score == pytest.approx(0.6)
    assert first.critique == "One."
    assert "'hm'" in first.error
    assert second.score is None
    assert len(model.seen) == 1, "all is asked at once"


def test_what_it_is_sure_of_moves_the_score_to_its_verdict() -> None:
    replies = {
        "It is.\nFulfilled: yes\nSure: 90": 0.9, "Fulfilled: no\nSure: 80%": 0.2,
        "**Fulfilled:** Yes\n**Sure:** 100": 1.0, "Fulfilled: yes\nSure: 101": None,
        "Fulfilled: perhaps\nSure: 5": None, "Fulfilled: yes": None, "": None,
    }  # fmt: skip
    found = self_evaluated([WON] * len(replies), in_turn(*replies))
    for one, score in zip(found, replies.values(), strict=True):
        assert one.score == (None if score is None else pytest.approx(score))
        assert bool(one.error) == (score is None)


def pair() -> tuple[Trajectory, Trajectory]:
    return WON, replace(LOST, task_id=WON.task_id, steps=(Step("t", "kick", "?"),))


def test_a_judge_that_always_prefers_the_first_gives_ties() -> None:
    for some in (pair(), pair()[::-1]):
        found = pairwise(*some, Scripted(lambda i, message: "Better: 1"))
        assert (found.winner, found.agreed, found.error) == ("tie", False, "")


def test_a_judge_that_looks_at_the_episodes_is_followed_in_either_order() -> None:
    def says(i: int, message: str) -> str:
        kick_is_second = message.index("> kick") > message.index("> push")
        return f"Pushing is better.\nBetter: {1 if kick_is_second else 2}"

    first, second = pair()
    assert pairwise(first, second, Scripted(says)).winner == "first"
    assert pairwise(second, first, Scripted(says)).winner == "second"
    both = pairwise(first, second, Scripted(lambda i, message: "Better: both"))
    assert (both.winner, both.agreed) == ("tie", True)


def test_a_comparison_that_cannot_be_read_is_told_and_two_tasks_are_not_compared() -> None:
    found = pairwise(*pair(), in_turn("Better: 1", "Either will do."))
    assert (found.winner, found.agreed) == ("tie", False)
    assert "Either will do." in found.error
    with pytest.raises(ValueError, match="two tasks"):
        pairwise(WON, LOST, in_turn("Better: 1", "Better: 2"))


def test_calibration_is_that_of_a_worked_example() -> None:
    # success and score; bins (0, 0.2], (0.2, 0.4] and so on, each with its upper end
    rows = [(True, 0.9), (True, 0.7), (False, 0.7), (True, 0.3), (False, 0.2), (False, 0.0)]
    some = [replace(WON if won else LOST, id=str(i)) for i, (won, _) in enumerate(rows)]
    said = [Feedback(str(i), "judge", score) for i, (_, score) in enumerate(rows)]
    said.append(Feedback("6", "judge", None, error="unread"))
    found = calibration(said, [*some, replace(WON, id="6")])
    assert (found.n, found.n_errors) == (6, 1)
    assert found.accuracy == pytest.approx(4 / 6)
    # 1 * |1 - 0.9| + 2 * |0.5 - 0.7| + 1 * |1 - 0.3| + 2 * |0 - 0.1|, over 6
    assert found.calibration_error == pytest.approx((0.1 + 0.4 + 0.7 + 0.2) / 6)
    # of the 9 pairs 0.9 wins 3, 0.7 wins 2 and ties 1, 0.3 wins 2
    assert found.auc == pytest.approx(7.5 / 9)


def test_calibration_of_scores_on_the_bounds_of_bins_puts_equal_scores_together() -> None:
    mean = (0.6 + 0.6 + 0.6) / 3 + 1e-16
    said = [Feedback("a", "judge", 0.6), Feedback("b", "judge", mean)]
    assert calibration(said, [WON, LOST]).calibration_error == pytest.approx(0.1)


def test_what_the_environment_did_not_judge_is_no_measure_of_a_judge() -> None:
    nothing = Calibration(0, 0, None, None, None)
    said = [Feedback("a", "judge", 0.0)]
    assert calibration(said, [replace(WON, ending="answered")]) == nothing
    assert calibration(said, [replace(WON, ending="error")]) == nothing
    assert calibration(said, [LOST]) == nothing
    assert calibration(said, [WON]).auc is None


def test_the_environment_says_its_score_and_nothing_of_what_it_did_not_judge() -> None:
    half = replace(LOST, score=0.5)
    free, broken = replace(WON, ending="answered"), replace(WON, ending="error", error="no room")
    found = from_environment([WON, half, free, broken])
    assert [one.score for one in found] == [1.0, 0.5, None, None]
    assert found[1].critique == "Nothing moves."
    assert "no room" in found[3].error
    assert source("environment")([WON], Scripted(lambda i, message: "?")) == found[:1]


def test_episodes_become_what_the_feedback_says_from_a_threshold_on() -> None:
    said = [Feedback("a", "judge", 0.4), Feedback("b", "judge", 0.6)]
    paid = replace(WON, steps=(replace(WON.steps[0], reward=1.0),))
    some = [paid, LOST, episode("c", success=True)]
    found = as_feedback_says(some, said)
    assert [(one.id, one.score, one.success) for one in found] == [
        ("a", 0.4, False), ("b", 0.6, True)
    ]  # fmt: skip
    assert found[0].steps[0].reward == 0.0
    assert [one.success for one in as_feedback_says(some, said, threshold=0.4)] == [True, True]


def test_a_missing_score_is_accounted_for_and_a_score_is_a_share() -> None:
    with pytest.raises(ValueError, match="neither a score nor an error"):
        Feedback("a", "judge", None)
    with pytest.raises(ValueError, match="not within"):
        Feedback("a", "judge", 1.2)


def test_sources_are_found_by_name_and_a_judge_may_be_asked_several_times() -> None:
    model = Scripted(lambda i, message: "Score: 3")
    assert source("judge:3")([WON], model)[0].score == pytest.approx(0.6)
    assert [len(some) for some in model.seen] == [3]
    with pytest.raises(ConfigError, match="did you mean 'judge'"):
        source("jugde")
    with pytest.raises(ConfigError, match="asking"):
        source("judge:0")([WON], model)


def test_of_no_episodes_nobody_is_asked() -> None:
    model = Scripted(lambda i, message: "Score: 3")
    assert [source(name)([], model) for name in SOURCES] == [[], [], []]
    assert not model.seen
