import math

import pytest

from agentevo.memory import FORGETTING, Lesson, Standing, conflicts, contradict, forgotten

from .conftest import MakeLesson


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("you fry", "use the stove"), ("you fry", "use the oven"), True),
        (("you fry", "use stove, not oven"), ("you fry", "use oven, not stove"), True),
        (("a door is shut", "open it"), ("a door is shut", "do not open it"), True),
        (("you fry", "use the stove"), ("you roast", "use the oven"), False),
        (("you fry", "use the stove"), ("you fry", "wash your hands first"), False),
        (("you fry", "use the stove"), ("you should fry", "use a stove"), False),
    ],
)
def test_lessons_contradict_where_one_says_another_thing_in_its_place(
    lesson: MakeLesson, one: tuple[str, str], other: tuple[str, str], expected: bool
) -> None:
    pair = lesson(*one), lesson(*other)
    assert contradict(*pair) == contradict(*reversed(pair)) == expected
    assert bool(conflicts(pair)) == expected


def standing(lesson: Lesson, utility: float = 0.0, n: int = 0, age: float = 0.0) -> Standing:
    return Standing(lesson, utility, n, age)


def test_what_helped_least_goes_first_and_what_is_pinned_stays(lesson: MakeLesson) -> None:
    from dataclasses import replace

    some = [lesson(f"case {i}", f"do {i}") for i in range(4)]
    pinned = replace(some[0], pinned=True)
    standings = [standing(pinned, -0.5), standing(some[1], 0.3), standing(some[2], -0.1),
                 standing(some[3], 0.1)]  # fmt: skip
    gone = forgotten(standings, 2, FORGETTING["utility"])
    assert [one.lesson.id for one in gone] == [some[2].id, some[3].id]
    assert forgotten(standings, 4, FORGETTING["utility"]) == ()


def test_among_equals_the_oldest_goes(lesson: MakeLesson) -> None:
    some = [standing(lesson(f"case {i}", f"do {i}")) for i in range(3)]
    assert forgotten(some, 2, FORGETTING["utility"]) == (some[0],)


def test_first_in_is_first_out_whatever_it_is_worth(lesson: MakeLesson) -> None:
    some = [standing(lesson(f"case {i}", f"do {i}"), 0.9 - i / 10, n=5) for i in range(3)]
    assert forgotten(some, 2, FORGETTING["fifo"]) == (some[0],)


def test_every_recall_slows_forgetting(lesson: MakeLesson) -> None:
    retention = FORGETTING["retention"]
    one = lesson("a", "b")
    assert retention(standing(one, age=0)) == 1.0
    assert retention(standing(one, age=2)) == pytest.approx(math.exp(-2))
    assert retention(standing(one, n=3, age=2)) == pytest.approx(math.exp(-0.5))


def test_lessons_that_are_out_do_not_count(lesson: MakeLesson) -> None:
    from dataclasses import replace

    out = standing(replace(lesson("a", "b"), status="retired"))
    assert forgotten([out, standing(lesson("c", "d"))], 1, FORGETTING["utility"]) == ()
