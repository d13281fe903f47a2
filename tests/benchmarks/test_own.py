"""A class of the user's as a benchmark: what is wrong with it is said before anything is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentevo.benchmarks import SPLITS, BenchmarkError, ScoreError, check, load
from agentevo.benchmarks.task import Observation, check_score

RIGHT = '''
from agentevo.benchmarks import Observation


class Door:
    """Open the door."""

    {more}

    def __init__(self, seed, level):
        self.seed = seed

    def reset(self):
        return Observation("A door.")

    def step(self, action):
        won = action == "open"
        return Observation("It opens." if won else "No.", float(won), terminated=won,
                           score=float(won), success=won)
'''


def file_of(folder: Path, text: str = RIGHT, more: str = "levels = (1, 2)") -> str:
    (folder / "mine.py").write_text(text.replace("{more}", more))
    return f"{folder}/mine.py:Door"


@pytest.mark.parametrize("levels", ["(1, 2)", "[1, 2]", "range(1, 3)", "(1, 2, 1)"])
def test_levels_may_be_any_row_of_numbers(tmp_path: Path, levels: str) -> None:
    assert load(file_of(tmp_path, more=f"levels = {levels}")).levels == (1, 2)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("levels = 3", r"Door: levels is 3: write whole numbers in brackets, such as \(1, 2, 3\)"),
        ("levels = '12'", "levels is '12': write whole numbers"),
        ("levels = ('easy', 'hard')", "write whole numbers"),
        ("levels = (1.5,)", "write whole numbers"),
        ("levels = ()", "levels is empty"),
        ("levels = (1, 1000)", "a level is a number from 0 to 999, not 1000"),
        ("levels = (-1,)", "not -1"),
        ("max_steps = '9'", "max_steps is '9': write a whole number"),
        ("max_steps = 0", "max_steps is 0"),
    ],
)
def test_what_is_no_level_or_limit_is_one_line(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(BenchmarkError, match=words) as caught:
        load(file_of(tmp_path, more=more))
    assert "\n" not in str(caught.value)


def test_levels_of_a_whole_benchmark_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "whole.py").write_text(
        "from tests.worlds import Boxes\n\nclass Bad(Boxes):\n    levels = 3\n\nbad = Bad()\n"
    )
    with pytest.raises(BenchmarkError, match="levels is 3: write whole numbers"):
        load(f"{tmp_path}/whole.py:bad")


@pytest.mark.parametrize(("gone", "there"), [("step", "reset"), ("reset", "step")])
def test_half_an_environment_is_told_what_it_lacks(tmp_path: Path, gone: str, there: str) -> None:
    name = file_of(tmp_path, RIGHT.replace(f"def {gone}(", "def other("))
    with pytest.raises(BenchmarkError, match=f"Door has {there} and no {gone}: an environment has"):
        load(name)


def test_a_class_without_gold_is_not_said_to_be_won_by_it(tmp_path: Path) -> None:
    findings = check(load(file_of(tmp_path)))
    assert [one for one in findings if not one.ok] == []
    open_ = {one.check: one.message for one in findings if not one.judged}
    assert open_ == dict.fromkeys(
        ("gold wins", "gold stays hidden"), "not judged: no gold is known of it"
    )
    gold = "gold = staticmethod(lambda seed, level: ['open'])"
    (tmp_path / "other").mkdir()
    with_gold = check(load(file_of(tmp_path / "other", more=gold)))
    assert {one.message for one in with_gold if one.check == "gold wins"} == {"as promised"}


@pytest.mark.parametrize("score", ["100", "float('nan')", "-0.5", "'1'", "None"])
def test_a_score_that_is_none_is_shown_by_the_checker(tmp_path: Path, score: str) -> None:
    text = RIGHT.replace("score=float(won)", f"score={score} if won else 0.0")
    gold = "gold = staticmethod(lambda seed, level: ['open'])"
    findings = check(load(file_of(tmp_path, text, gold)))
    faults = {one.check: one.message for one in findings if not one.ok}
    shown = repr(eval(score))
    assert faults["scores are in bounds"] == (
        f"the environment states the score {shown}: a score is a number in 0..1"
    )
    assert faults["gold wins"] == f"gold states the score {shown}: a score is a number in 0..1"
    assert {one.subject.split("/")[1] for one in findings if not one.ok} == set(SPLITS)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Observation("", score=1.01), "shop states the score 1.01"),
        (Observation("", reward=float("nan")), "shop states the reward nan"),
    ],
)
def test_scores_and_rewards_are_numbers(seen: Observation, words: str) -> None:
    with pytest.raises(ScoreError, match=words):
        check_score(seen, "shop")
    check_score(Observation("", 1.0, score=1.0), "shop")
