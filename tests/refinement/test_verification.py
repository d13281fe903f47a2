"""Answers that are checked by what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agentevo.config import ConfigError
from agentevo.experience import Trajectory
from agentevo.refinement import filters
from agentevo.refinement.sieve import Sieve
from agentevo.sandbox import find
from tests.refinement.test_refinement import episode

Reply = Callable[[str], str]


def tried(name: str, task: str, question: str, answer: str) -> Trajectory:
    one = episode(name, success=False, actions=(answer,))
    return replace(one, task_id=task, instruction=question, first_observation="")


def kept(name: str, some: Sequence[Trajectory], reply: Reply) -> list[str]:
    def answer(dialogues: Sequence[list[dict[str, Any]]]) -> list[str]:
        return [reply(str(one[-1]["content"])) for one in dialogues]

    left, _ = filters.apply((name,), some, Sieve(answer=answer))
    return [one.id for one in left]


SUM = "Ann has 3 pears and gets 4 more. How many has she?"


def by_counting(text: str) -> str:
    """Find what is missing of a sum of which the answer is told."""
    total = int(text.split("The answer is: ")[1].split()[0])
    return f"X is {total - 4}" if "has X pears" in text else f"{total - 3}"


def test_the_answer_from_which_the_question_is_found_again_is_kept() -> None:
    some = [tried(f"e{n}", "sum", SUM, answer) for n, answer in enumerate(("8", "7", "7.", "12"))]
    assert kept("verified", some, by_counting) == ["e1", "e2"]


def test_where_the_question_stands_in_what_is_seen_it_is_checked_as_well() -> None:
    some = [
        replace(one, instruction="Answer.", first_observation=SUM)
        for one in (tried("wrong", "sum", SUM, "9"), tried("right", "sum", SUM, "7"))
    ]
    assert kept("verified:1", some, by_counting) == ["right"]


def test_where_nothing_verifies_no_answer_is_kept_and_other_tasks_are() -> None:
    some = [tried("a", "odd", SUM, "99"), tried("b", "sum", SUM, "7")]
    assert kept("verified", some, by_counting) == ["b"]


def test_a_question_without_numbers_is_asked_for_yes_or_no() -> None:
    some = [tried("a", "t", "Who wrote it?", "Ann"), tried("b", "t", "Who wrote it?", "Ben")]
    assert kept("verified", some, lambda text: "yes" if "is: ben" in text else "No.") == ["b"]


def test_what_asks_a_model_says_so_where_there_is_none() -> None:
    for name in ("verified", "dual"):
        with pytest.raises(ConfigError, match=f"{name} asks a model, and none is at hand"):
            filters.apply((name,), [tried("a", "t", SUM, "7")], Sieve())


TESTS = "```python\nassert double(2) == 4\nassert double(0) == 0\nassert double(1) == 1\n```"
RIGHT = "def double(n):\n    return 2 * n"
ALSO = "```python\ndef double(n):\n    return n + n\n```"
WRONG = "def double(n):\n    return n"
ENDS = "import os\nprint('0')\nos._exit(0)"
BROKEN = "def double(n) return"


@pytest.mark.skipif(bool(find().lacks), reason="no sandbox here keeps code apart")
def test_programs_that_agree_with_others_on_the_most_tests_are_kept() -> None:
    programs = {"right": RIGHT, "wrong": WRONG, "also": ALSO, "ends": ENDS, "broken": BROKEN}
    some = [tried(name, "double", "Double a number.", text) for name, text in programs.items()]
    assert kept("dual", some, lambda text: TESTS) == ["right", "also"]
    assert kept("dual", some, lambda text: "no tests") == []
    many = [*some, *(tried(f"w{n}", "double", "Double a number.", WRONG) for n in range(3))]
    assert kept("dual", many, lambda text: TESTS) == ["wrong", "w0", "w1", "w2"], "more agree"
