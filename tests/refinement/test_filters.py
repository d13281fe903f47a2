"""Filters by a score or rule, and filters by agreement."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from agentevo.config import ConfigError
from agentevo.experience import Step, Trajectory
from agentevo.refinement import filters
from agentevo.refinement.agreement import scatter
from agentevo.refinement.novelty import rouge_l
from agentevo.refinement.sieve import Sieve
from tests.refinement.test_refinement import episode


def tried(name: str, task: str, *actions: str, success: bool = False, **more: Any) -> Trajectory:
    one = episode(name, success=success, actions=actions or ("wait",))
    return replace(one, task_id=task, **more)


def kept(name: str, *some: Trajectory) -> list[str]:
    left, _ = filters.apply((name,), some, Sieve())
    return [one.id for one in left]


def test_a_threshold_keeps_what_scored_at_least_so_much() -> None:
    some = [tried(f"e{i}", "t", score=i / 4) for i in range(5)]
    assert kept("threshold", *some) == ["e2", "e3", "e4"]
    assert kept("threshold:0.8", *some) == ["e4"]


def test_no_task_has_more_than_the_cap_and_the_best_stay() -> None:
    some = [
        tried("long", "a", "x", "y", success=True), tried("lost", "a"),
        tried("short", "a", "x", success=True), tried("other", "b"),
    ]  # fmt: skip
    assert kept("cap:1", *some) == ["short", "other"]
    assert kept("cap:2", *some) == ["long", "short", "other"]
    assert kept("cap", *some) == ["long", "lost", "short", "other"]


def test_one_of_each_way_of_reasoning_stays() -> None:
    some = [
        tried("a", "t", "take  Pan", "cook"), tried("b", "t", "take pan", "cook"),
        tried("c", "t", "cook", "take pan"), tried("d", "u", "take pan", "cook"),
    ]  # fmt: skip
    assert kept("distinct", *some) == ["a", "c", "d"]


def test_rules_of_length_and_form() -> None:
    silent = replace(tried("silent", "t"), steps=(Step("hm", None, "?"),))
    odd = tried("odd", "t", ending="malformed")
    long = tried("long", "t", "a", "b", "c")
    assert kept("well-formed", silent, odd, long) == ["long"]
    assert kept("concise:2", silent, odd, long) == ["silent", "odd"]


def test_what_is_kept_says_something_new_and_a_copy_is_refused() -> None:
    first = tried("a", "a", "take pan", first_observation="A kitchen with a stove and a fridge.")
    copy = replace(first, id="copy", task_id="b")
    other = tried("b", "c", "dig", "plant bulb", first_observation="Out on a field there is rain.",
                  instruction="Grow tulips before summer comes")  # fmt: skip
    assert kept("novel", first, copy, other) == ["a", "b"]
    assert kept("novel:1.1", first, copy, other) == ["a", "copy", "b"]


def test_rouge_l_is_that_of_worked_examples() -> None:
    one = ["police", "killed", "the", "gunman"]
    assert rouge_l(one, ["police", "kill", "the", "gunman"]) == pytest.approx(0.75)
    assert rouge_l(one, ["the", "gunman", "kill", "police"]) == pytest.approx(0.5)
    assert rouge_l(one, one) == 1.0
    assert rouge_l(one, []) == 0.0


def planted() -> list[Trajectory]:
    """Return five answers to each of twelve questions, of which three say the right one."""
    return [
        tried(f"{q}-{i}", f"q{q}", "Right" if i in (0, 2, 4) else f"wrong {i}",
              success=i in (0, 2, 4))
        for q in range(12)
        for i in range(5)
    ]  # fmt: skip


def test_what_most_say_is_right_more_often_than_all_that_is_said() -> None:
    some = planted()
    left, _ = filters.apply(("vote",), some, Sieve())
    assert sum(one.success for one in left) / len(left) == 1.0
    assert sum(one.success for one in some) / len(some) == 0.6
    assert set(Counter(one.task_id for one in left).values()) == {3}


def test_a_vote_looks_at_no_verdict_and_a_tie_keeps_nobody() -> None:
    some = planted()
    blind = [replace(one, success=not one.success, score=1 - one.score) for one in some]
    assert kept("vote", *some) == kept("vote", *blind)
    assert kept("vote", tried("a", "t", "x"), tried("b", "t", "y")) == []
    assert kept("vote:0.7", *some) == []


def test_entropy_grows_with_disagreement() -> None:
    apart = [scatter([4]), scatter([3, 1]), scatter([2, 2]), scatter([2, 1, 1]), scatter([1] * 4)]
    assert apart == sorted(apart)
    assert apart[0] == 0.0
    assert apart[-1] == pytest.approx(1.0)


def test_tasks_whose_answers_scatter_are_left_out_and_so_is_what_was_answered_once() -> None:
    agreed = [tried(f"a{i}", "a", "yes") for i in range(3)]
    apart = [tried(f"b{i}", "b", f"{i}") for i in range(3)]
    assert kept("entropy", *agreed, *apart, tried("c", "c", "yes")) == ["a0", "a1", "a2"]


def test_a_filter_without_a_setting_takes_none() -> None:
    with pytest.raises(ConfigError, match="takes no setting"):
        kept("distinct:3", tried("a", "t"))


HELD = (
    "A baker sells seventeen loaves on Monday and twice as many on Tuesday, then gives a third of "
    "what is left to the school next door. How many does she keep?"
)


def asked(name: str, text: str) -> Trajectory:
    return replace(tried(name, name), instruction=text, first_observation="")


def test_a_task_that_repeats_a_held_out_one_is_left_out_and_one_that_speaks_alike_stays() -> None:
    rest = "Read the question with care and answer with one whole number and with nothing else."
    copy = asked("copy", f"Well: {HELD.replace(',', ';').upper()} {rest}")
    others = [asked(f"own {n}", f"There are {n} pears in basket {n}. {rest}") for n in range(20)]
    sieve = Sieve(texts=frozenset({f"{HELD} {rest}", f"Who wrote it? {rest}", "Yes?"}))
    left, taken = filters.apply(("clean",), [copy, *others], sieve)
    assert left == others
    assert taken == {"clean": 1}
    left, _ = filters.apply(("clean:60",), [copy, *others], sieve)
    assert copy in left, "no sixty words in a row are the same"
    short = asked("short", "yes!")
    assert filters.apply(("clean",), [short, *others], sieve)[0] == others
