"""What becomes of a lesson that is taken in late, anew, or while somebody else writes."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from agentevo.memory import LessonError, Memory, lessons

from .conftest import HashEmbedder, MakeLesson


def test_words_that_were_edited_away_are_another_lesson_when_learned_again(
    memory: Memory, lesson: MakeLesson
) -> None:
    old = memory.insert([lesson("you fry", "pull the lever")], who="x")[0].lesson
    memory.revise(old.id, advice="push the button", who="user:me", why="wrong")
    (again,) = memory.insert([lesson("you fry", "pull the lever", source="t2")], who="x")
    assert (again.outcome, again.lesson.advice) == ("inserted", "pull the lever")
    assert again.lesson.id != old.id
    kept = memory.get(old.id)
    assert (kept.advice, kept.trajectories) == ("push the button", ("t1",))
    assert memory.check() == ()


def test_a_pending_lesson_that_is_learned_again_in_the_background_is_active(
    memory: Memory, lesson: MakeLesson
) -> None:
    old = memory.insert([lesson("you fry", "use the stove")], who="x")[0].lesson
    memory.retire(old.id, who="gate", why="hold", status="pending")
    memory.insert([lesson("you fry", "use stove", source="t2")], who="x", wait=False)
    memory.settle()
    assert memory.get(old.id).status == "active"
    assert memory.search("you fry")[0][0].id == old.id


def test_a_lesson_that_is_out_speaks_for_no_other(memory: Memory, lesson: MakeLesson) -> None:
    fry, roast = (
        one.lesson.id
        for one in memory.insert(
            [lesson("you fry", "use the stove"), lesson("you roast", "use the oven")], who="tests"
        )
    )
    memory.merge(fry, roast, who="x", why="same")
    with pytest.raises(LessonError, match="is merged: it can speak for no other"):
        memory.merge(roast, fry, who="x", why="same")


def test_two_writers_of_one_log_lose_no_source(
    memory: Memory, engine: sa.Engine, tmp_path: Path, lesson: MakeLesson
) -> None:
    with Memory(engine, tmp_path / "other", "kitchen", HashEmbedder()) as other:
        for i in range(5):
            for writer, source in ((memory, f"a{i}"), (other, f"b{i}")):
                writer.insert([lesson("you fry", "use the stove", source=source)], who="x")
        (found,) = lessons(engine, "kitchen")
        assert set(found.trajectories) == {f"{who}{i}" for who in "ab" for i in range(5)}
        memory.insert([lesson("you roast", "use the oven")], who="x")
        (reworded,) = other.insert([lesson("you roast", "use oven", source="b")], who="x")
        assert reworded.outcome == "merged"


def test_a_write_that_fails_is_forgotten(
    memory: Memory, lesson: MakeLesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("insert", {}, Exception("disk full"))

    with monkeypatch.context() as patched:
        patched.setattr("agentevo.memory.log._write", full)
        with pytest.raises(sa.exc.OperationalError):
            memory.insert([lesson("you fry", "use the stove")], who="x")
    (written,) = memory.insert([lesson("you fry", "use stove")], who="x")
    assert written.outcome == "inserted"
