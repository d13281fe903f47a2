import pytest

from agentevo.memory import Lesson, LessonError, Provenance
from agentevo.memory.lesson import MAX_CHARACTERS, from_row, to_row

SOURCE = (Provenance("tests", trajectories=("t1",)),)


def test_a_lesson_reads_as_one_line_whatever_the_writer_put_in() -> None:
    one = Lesson("When  you\nfry:", " use\x07 the\u200b stove ", "kitchen", SOURCE)
    assert one.text == "When you fry: use the stove"


def test_the_same_words_give_the_same_lesson_and_another_scope_another() -> None:
    one = Lesson("you fry", "use the stove", "kitchen", SOURCE)
    again = Lesson("When you FRY", "Use the stove.", "kitchen", SOURCE)
    elsewhere = Lesson("you fry", "use the stove", "garden", SOURCE)
    assert one.id == again.id
    assert one.id != elsewhere.id


@pytest.mark.parametrize(
    ("situation", "advice", "sources"),
    [
        ("", "use the stove", SOURCE),
        ("When ", "use the stove", SOURCE),
        ("you fry", " \n ", SOURCE),
        ("you fry", "use the stove", ()),
        ("you fry", "a" * (MAX_CHARACTERS + 1), SOURCE),
    ],
)
def test_what_cannot_be_a_lesson_is_refused(
    situation: str, advice: str, sources: tuple[Provenance, ...]
) -> None:
    with pytest.raises(LessonError):
        Lesson(situation, advice, "kitchen", sources)


def test_an_unknown_kind_is_refused_with_the_kinds_there_are() -> None:
    with pytest.raises(LessonError, match="rule, strategy, warning"):
        Lesson("you fry", "use the stove", "kitchen", SOURCE, kind="joke")  # type: ignore[arg-type]


def test_a_lesson_survives_its_row() -> None:
    one = Lesson("you fry", "use the stove", "kitchen", SOURCE, kind="warning", pinned=True)
    assert from_row(to_row(one)) == one


def test_a_foreign_row_is_refused() -> None:
    with pytest.raises(LessonError, match="unknown fields"):
        from_row({"situation": "a", "taste": "sweet"})
