"""Made tasks: how they are kept, played and removed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from agentevo.acquisition.documents import chunks_of
from agentevo.acquisition.made_tasks import MadeTasks, removed
from agentevo.acquisition.making import Made, from_documents
from agentevo.benchmarks import BenchmarkError, Environment, Task

HARL = Made("When was the lamp of Harl lit?", "1,871", "moss.md#1", "from a document")
RHYME = Made("Find a rhyme for silver.", None, "pool#3", "self-instruct", ("pool#3", "pool#1"))


def kept(path: Path) -> MadeTasks:
    MadeTasks.write(path, [HARL, RHYME], 1)
    MadeTasks.write(path, [Made("What is older?", "slate", "moss.md#2", "from a document")], 2)
    return MadeTasks(path)


def test_tasks_of_a_generation_say_where_they_come_from_and_not_what_solves_them(
    tmp_path: Path,
) -> None:
    made = kept(tmp_path / "made.jsonl")
    first, second = made.tasks(1)
    assert [one.id for one in made.tasks(1) + made.tasks(2)] == [
        "made/train/1/0", "made/train/1/1", "made/train/2/0"
    ]  # fmt: skip
    assert (first.benchmark, first.split, first.instruction) == ("made", "train", HARL.question)
    assert first.data == {"source": "moss.md#1", "how": "from a document", "parents": ()}
    assert second.data["parents"] == ("pool#3", "pool#1")
    assert "1,871" not in str(first)
    assert made.tasks(3) == []
    assert MadeTasks(tmp_path / "none.jsonl").tasks(1) == []


def test_an_answer_is_graded_where_one_is_known_and_unjudged_where_none_is(tmp_path: Path) -> None:
    made = kept(tmp_path / "made.jsonl")
    known, unknown = made.tasks(1)
    ends = []
    for task, said in ((known, "1871"), (known, "1872"), (unknown, "chilver")):
        environment = made.open(task)
        assert isinstance(environment, Environment)
        assert not environment.reset().done
        ends.append(environment.step(said))
    assert [(one.terminated, one.success, one.score) for one in ends] == [
        (True, True, 1.0), (True, False, 0.0), (True, False, 0.0)
    ]  # fmt: skip
    assert [one.info.get("judged", True) for one in ends] == [True, True, False]
    assert made.gold(known) == ["1,871"]
    assert made.gold(unknown) is None
    assert made.max_steps(known) > 1


def test_a_generation_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    made = kept(path)
    before = path.read_bytes()
    MadeTasks.write(path, [RHYME], 1)
    assert path.read_bytes() == before
    MadeTasks.write(path, [RHYME], 3)
    assert path.read_bytes().startswith(before)
    assert [one.instruction for one in made.tasks(3)] == [RHYME.question]
    assert [one.name for one in tmp_path.iterdir()] == ["made.jsonl"]


def test_a_generation_that_cannot_be_written_whole_leaves_the_file_as_it_was(
    tmp_path: Path,
) -> None:
    path = tmp_path / "made.jsonl"
    kept(path)
    before = path.read_bytes()
    unwritable: Any = object()
    with pytest.raises(TypeError):
        MadeTasks.write(path, [HARL, Made("What?", unwritable, "s", "by hand")], 3)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["made.jsonl"]


def test_texts_of_any_kind_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    odd = "two\nlines,\u2028a third, \x85 \x1c and \N{SNOWMAN}"
    MadeTasks.write(path, [Made(odd, odd, odd, "by hand", (odd,))], 1)
    (task,) = MadeTasks(path).tasks(1)
    assert (task.instruction, task.data["source"], task.data["parents"]) == (odd, odd, (odd,))
    assert MadeTasks(path).gold(task) == [odd]


def test_removing_a_document_removes_its_tasks_and_those_made_of_them(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    made = kept(path)
    harder = Made("In which decade was it lit?", None, "made/train/1/0", "evolved, deepen")
    MadeTasks.write(path, [harder], 3)
    MadeTasks.write(path, [RHYME, Made("And then?", None, "made/train/3/0", "evolved, reason")], 4)
    tasks = [task for generation in range(1, 5) for task in made.tasks(generation)]
    gone = ("made/train/1/0", "made/train/3/0", "made/train/4/1")
    assert removed(path, "moss.md#1") == gone
    left = [task for generation in range(1, 5) for task in made.tasks(generation)]
    assert left == [task for task in tasks if task.id not in gone]
    with pytest.raises(BenchmarkError, match="no task 'made/train/1/0'"):
        made.open(tasks[0])
    assert removed(path, "moss.md#1") == ()
    assert removed(path, "made/train/2/0") == ("made/train/2/0",)
    assert made.tasks(2) == []


def test_every_task_of_a_folder_of_documents_has_a_source_whose_removal_removes_it(
    tmp_path: Path,
) -> None:
    for name, word in (("a.txt", "slate"), ("b.md", "herring")):
        (tmp_path / name).write_text(f"Here is {word}.\n\nThere is more {word}.\n")
    chunks = chunks_of(tmp_path, n_words=4)
    assert len(chunks) == 4

    def answer(dialogues: Any) -> list[str]:
        texts = [one[-1]["content"] for one in dialogues]
        words = ["slate" if "slate" in text else "herring" for text in texts]
        return [f"Question: What is there, said {word}?\nAnswer: {word}" for word in words]

    making = from_documents(chunks, answer, random.Random(0), n=4)
    path = tmp_path / "made.jsonl"
    MadeTasks.write(path, making.made, 1)
    made = MadeTasks(path)
    sources = {task.data["source"]: task.id for task in made.tasks(1)}
    assert sources.keys() == {name for name, _ in chunks}
    for i, (source, name) in enumerate(sources.items(), 1):
        assert removed(path, str(source)) == (name,)
        assert len(made.tasks(1)) == 4 - i


def test_a_file_that_is_none_of_ours_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text(json.dumps({"id": "x"}) + "\n")
    with pytest.raises(BenchmarkError, match="line 1 has no field generation"):
        MadeTasks(path).tasks(1)
    stranger = Task("boxes/train/1/0", "boxes", "train", "Open a box.", 0, 1)
    with pytest.raises(BenchmarkError, match="boxes/train/1/0"):
        MadeTasks(tmp_path / "none.jsonl").open(stranger)


def test_an_answer_to_what_a_text_says_is_right_in_part(tmp_path: Path) -> None:
    text = "Bees dance to tell the others where flowers stand."
    path = tmp_path / "made.jsonl"
    MadeTasks.write(path, [Made("How do bees tell?", text, "b#1", "back-translated")], 1)
    made = MadeTasks(path)
    (task,) = made.tasks(1)

    def score(answer: str) -> float:
        environment = made.open(task)
        environment.reset()
        return environment.step(answer).score

    assert score(text) == 1.0
    assert score("They dance to tell the others.") > score("They sing.")
