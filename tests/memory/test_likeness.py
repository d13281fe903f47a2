import pytest

from agentevo.memory import Memory, MergeSettings, MiniLM
from agentevo.memory.likeness import same_meaning
from agentevo.memory.words import content_words

from .conftest import MakeLesson, Open

SAME = [
    (("the recipe says to fry", "use the stove"), ("a recipe asks you to fry", "Use the stove!")),
    (
        ("the recipe says to fry", "use the stove"),
        ("a recipe tells you to fry something", "you should use a stove"),
    ),
    (("the door is closed", "open it"), ("a door is closed", "you should open the door")),
]
DIFFERENT = [
    (("the recipe says to fry", "use the stove"), ("the recipe says to roast", "use the oven")),
    (("the recipe says to fry", "use the stove"), ("the recipe says to fry", "use the oven")),
    (("the recipe says to fry", "use the stove"), ("the recipe says to grill", "use the stove")),
    (("the door is closed", "open it"), ("the door is closed", "do not open it")),
    (("the door is closed", "open it"), ("the door is closed", "don't open it")),
    (("you chop", "take the knife before you cook"), ("you chop", "take the knife after you cook")),
    (
        ("you chop", "take the knife, drop the apple"),
        ("you chop", "take the apple, drop the knife"),
    ),
    (("you chop", "use the knife"), ("you chop", "drop the knife")),
    (("you chop", "use the knife"), ("you chop", "get the knife")),
    (("it is dark", "turn on the lamp"), ("it is dark", "turn off the lamp")),
    (("it is dark", "move to the lamp"), ("it is dark", "move from the lamp")),
    (("you lift 2 boxes", "push"), ("you lift 3 boxes", "push")),
    (("you fry", "use the stove"), ("you fry or roast", "use the stove")),
    (("the recipe says to fry the apple", "stove"), ("the recipe says to fry", "stove")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_rewordings_are_one_lesson(
    lesson: MakeLesson, one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert same_meaning(lesson(*one), lesson(*other), MergeSettings())


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_lessons_that_differ_in_a_word_that_matters_are_two(
    lesson: MakeLesson, one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert not same_meaning(lesson(*one), lesson(*other), MergeSettings())
    assert not same_meaning(lesson(*other), lesson(*one), MergeSettings())


def test_word_forms_meet() -> None:
    assert content_words("frying fries fried") == ("fry", "fry", "fry")
    assert content_words("chopped chopping chops") == ("chop", "chop", "chop")
    assert content_words("sliced slicing slices") == ("slic", "slic", "slic")
    assert content_words("the doors of this kitchen") == ("door", "kitchen")


@pytest.fixture
def real(open_memory: Open, minilm: MiniLM) -> Memory:
    return open_memory(embedder=minilm)


def test_with_the_real_embedder_rewordings_merge_and_unite_their_sources(
    real: Memory, lesson: MakeLesson
) -> None:
    first, second = SAME[1]
    (kept,) = real.insert([lesson(*first, source="t1")], who="tests")
    (merged,) = real.insert([lesson(*second, source="t2")], who="tests")
    assert merged.outcome == "merged"
    assert merged.lesson.id == kept.lesson.id
    assert merged.lesson.trajectories == ("t1", "t2")
    assert merged.lesson.advice == "use the stove"
    assert len(real.lessons) == 1


def test_with_the_real_embedder_near_rules_stay_apart(real: Memory, lesson: MakeLesson) -> None:
    rules = [lesson(*words) for pair in DIFFERENT[:4] for words in pair]
    words = {one.content_key for one in rules}
    real.insert(rules, who="tests")
    assert {one.content_key for one in real.lessons} == words
    assert all(one.status == "active" for one in real.lessons)
