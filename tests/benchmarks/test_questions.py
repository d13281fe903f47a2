"""Benchmarks of questions: how files are read, cut into splits and graded."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentevo.benchmarks import SPLITS, Benchmark, BenchmarkError, ScoreError, check, load
from agentevo.benchmarks.questions.bank import Row, in_splits, split_of
from agentevo.benchmarks.questions.code import code_in
from agentevo.benchmarks.questions.text import alike, f1, normalised, number_in
from agentevo.sandbox import SandboxError, find


def written(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def faults(benchmark: Benchmark) -> list[str]:
    return [f"{one.check}: {one.message}" for one in check(benchmark, 2) if not one.ok]


def graded(benchmark: Benchmark, answer: str, split: Any = "train", i: int = 0) -> float:
    environment = benchmark.open(benchmark.tasks(split, i + 1)[i])
    environment.reset()
    seen = environment.step(answer)
    assert seen.terminated
    assert seen.success is (seen.score == 1.0)
    return seen.score


@pytest.fixture
def sandboxed() -> None:
    try:
        find("bubblewrap")
    except SandboxError as error:
        pytest.skip(str(error))


# --- options after a colon -------------------------------------------------------------------


def test_options_stand_after_the_name(tmp_path: Path) -> None:
    rows = [{"question": f"What is {i} + 1?", "answer": i + 1} for i in range(60)]
    file = written(tmp_path / "sums.jsonl", rows)
    one, other = load(f"jsonl:{file}"), load(f"jsonl:path={file},n_steps=3")
    task = one.tasks("train", 1)[0]
    assert (one.max_steps(task), other.max_steps(task)) == (10, 3)
    with pytest.raises(BenchmarkError, match="no option 'steps=3'"):
        load("jsonl:steps=3")
    with pytest.raises(BenchmarkError, match="did you mean 'jsonl'"):
        load("json:x")


# --- a file of one's own -----------------------------------------------------------------------


def test_a_file_of_questions_is_a_benchmark(tmp_path: Path) -> None:
    rows = [{"question": f"What is {i} + 1?", "answer": i + 1, "level": 1 + i % 2}
            for i in range(60)]  # fmt: skip
    found = load(f"jsonl:{written(tmp_path / 'sums.jsonl', rows)}")
    assert faults(found) == []
    assert found.levels == (1, 2)
    per_split = {split: found.tasks(split, 100) for split in SPLITS}
    assert sum(map(len, per_split.values())) == 60
    assert min(map(len, per_split.values())) >= 5
    assert "answer" not in json.dumps([task.data for task in per_split["train"]])


def test_splits_of_a_folder_and_of_a_field_are_kept(tmp_path: Path) -> None:
    for split in SPLITS:
        rows = [{"question": f"{split} {i}?", "answer": "x"} for i in range(3)]
        written(tmp_path / f"{split}.jsonl", rows)
    found = load(f"jsonl:{tmp_path}")
    assert {s: len(found.tasks(s, 9)) for s in SPLITS} == dict.fromkeys(SPLITS, 3)
    every = [{"question": f"{s} {i}?", "answer": "x", "split": s} for s in SPLITS for i in (1, 2)]
    found = load(f"jsonl:{written(tmp_path / 'one.jsonl', every)}")
    assert [task.instruction for task in found.tasks("test", 9)] == ["test 1?", "test 2?"]


@pytest.mark.parametrize(
    ("row", "answer", "score"),
    [
        ({"answer": "The Eiffel Tower"}, "eiffel tower.", 1.0), ({"answer": "1,234"}, "$1234", 1.0),
        ({"answer": ["yes", "indeed"]}, "Indeed", 1.0), ({"answer": "12"}, "13", 0.0),
        ({"regex": r"\b4[0-9]\b"}, "it is 42", 1.0), ({"regex": r"\b4[0-9]\b"}, "it is 142", 0.0),
        ({"answer": "2.50"}, "2.5", 1.0), ({"answer": ""}, "x", 0.0),
    ],
)  # fmt: skip
def test_answers_are_graded_by_text_number_or_pattern(
    tmp_path: Path, row: dict[str, Any], answer: str, score: float
) -> None:
    rows = [{"question": f"{s}?", "split": s, **row} for s in SPLITS]
    assert graded(load(f"jsonl:{written(tmp_path / 'q.jsonl', rows)}"), answer) == score


def test_a_check_of_ones_own_grades_in_parts(tmp_path: Path) -> None:
    code = "def length(answer, row):\n    return len(answer) / row['most']\n"
    (tmp_path / "grade.py").write_text(code)
    rows = [{"question": f"{s}?", "split": s, "most": 4} for s in SPLITS]
    file = written(tmp_path / "q.jsonl", rows)
    found = load(f"jsonl:path={file},check={tmp_path}/grade.py:length")
    assert [graded(found, "x" * n) for n in (1, 4)] == [0.25, 1.0]
    with pytest.raises(ScoreError, match=r"the check gives the score 2\.25: .* in 0\.\.1"):
        graded(found, "x" * 9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"question": "a"}', "row 1 has neither an answer nor a regex"),
        ('{"answer": "a"}', "has no field question"), ("{", "line 1 is no JSON"),
        ("[1]", "no object"),
        ('{"question": "a", "regex": "("}', "regex cannot be read"),
        ('{"question": "a", "answer": 1, "level": "x"}', "level is 'x'"),
        ('{"question": "a", "answer": 1, "split": "dev"}', "split is 'dev'"),
        ('{"question": "a", "answer": 1}', "no row in the split"), ("", "no row in the split"),
    ],
)  # fmt: skip
def test_a_row_that_says_nothing_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "q.jsonl").write_text(text)
    with pytest.raises(BenchmarkError, match=words):
        load(f"jsonl:{tmp_path}/q.jsonl")


@pytest.mark.parametrize("name", ["jsonl:gone.jsonl", "jsonl", "gsm8k:gone", "mbpp:gone"])
def test_data_that_is_not_there_is_one_clear_line(name: str) -> None:
    with pytest.raises(BenchmarkError, match=r"neither a file nor a folder|write jsonl:FILE"):
        load(name)


@pytest.mark.parametrize("name", ["gsm8k", "hotpotqa", "mbpp"])
def test_nothing_is_downloaded_unasked(name: str) -> None:
    with pytest.raises(BenchmarkError, match=f"write {name}:FOLDER, .* or {name}:hub"):
        load(name)


def test_one_question_is_in_one_split_however_it_is_written() -> None:
    rows = [Row(str(i), text) for i, text in enumerate(["What  is it?", "what is IT?", "Why?"])]
    cut = in_splits(rows)
    assert [row.id for split in SPLITS for row in cut[split] if "hat" in row.question] == ["0"]
    assert split_of("What is it?") == split_of("what is  it?")


# --- the known ones, from files in their own form ------------------------------------------------

SUM = "She has <<{n}+2={m}>>{m} and <<{m}+1={k}>>{k} of them.\n#### {k}"


def test_gsm8k_is_graded_by_its_last_number(tmp_path: Path) -> None:
    for name, first, n in (("train", 0, 80), ("test", 1000, 10)):
        rows = [
            {"question": f"Ann has {i}, gets 3?", "answer": SUM.format(n=i, m=i + 2, k=i + 3)}
            for i in range(first, first + n)
        ]
        written(tmp_path / f"{name}.jsonl", rows)
    found = load(f"gsm8k:{tmp_path}")
    assert faults(found) == []
    assert len(found.tasks("test", 99)) == 10
    task = found.tasks("train", 1)[0]
    (gold,) = found.gold(task) or [""]
    assert graded(found, f"so it is 3 + {int(gold) - 3} = ${int(gold):,}.00") == 1.0
    assert graded(found, f"{int(gold) + 1}") == graded(found, "none") == 0.0


def code_rows(n: int) -> list[dict[str, Any]]:
    return [
        {"task_id": number, "text": f"Write a function to add {number}.",
         "code": f"def plus{number}(x):\n    return x + {number}",
         "test_list": [f"assert plus{number}({i}) == {i + number}" for i in (1, 0)]}
        for number in range(1, n)
    ]  # fmt: skip


@pytest.mark.usefixtures("sandboxed")
def test_mbpp_runs_answers_against_its_tests_in_official_splits(tmp_path: Path) -> None:
    found = load(f"mbpp:{written(tmp_path / 'mbpp.jsonl', code_rows(700))}")
    counts = {split: len(found.tasks(split, 999)) for split in SPLITS}
    assert counts == {"train": 99, "validation": 90, "test": 500}
    assert found.tasks("train", 1)[0].id == "mbpp/train/601"
    assert faults(found) == []
    right = "Here it is:\n```python\nimport os\ndef plus601(x):\n    return x + 601\n```\nDone."
    assert graded(found, right) == 1.0
    for wrong in ("def plus601(x):\n    return x", "import sys; sys.exit(0)", "def plus601(x: ",
                  "import os; os._exit(0)", "while True: pass", "print('all fine')"):  # fmt: skip
        assert graded(found, wrong) == 0.0


@pytest.mark.usefixtures("sandboxed")
def test_humaneval_takes_whole_functions_and_continuations(tmp_path: Path) -> None:
    rows = [
        {"task_id": f"HumanEval/{i}", "entry_point": f"plus{i}",
         "canonical_solution": f"    return x + {i}\n",
         "prompt": f"from math import pi\n\ndef plus{i}(x):\n    '''Add {i}.'''\n",
         "test": f"def check(candidate):\n    assert candidate(2) == {2 + i}\n"}
        for i in range(30)
    ]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "HumanEval.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    found = load(f"humaneval:{tmp_path}/HumanEval.jsonl.gz")
    assert faults(found) == []
    number = found.tasks("train", 1)[0].id.rpartition("-")[2]
    assert graded(found, f"    return x + {number}") == 1.0
    assert graded(found, f"def plus{number}(x):\n    return round(pi * 0) + x + {number}") == 1.0
    assert graded(found, "    return 0") == 0.0


def test_fenced_code_is_taken_out_of_an_answer() -> None:
    assert code_in("a\n```python\nx = 1\n```\nb\n```\ny = 2\n```") == "x = 1\n\n\ny = 2\n"
    assert code_in("x = 1") == "x = 1"


CONTEXT = {"title": ["Tea", "Milk"], "sentences": [["Tea is hot. ", "It is brown."], ["Milk."]]}


def hotpot_row(i: int, context: Any) -> dict[str, Any]:
    return {"_id": f"q{i}", "question": f"What is {i}?", "answer": "the hot tea", "level": "easy",
            "context": context}  # fmt: skip


PRINTED = (
    "{'title': array(['Tea', \"Milk\"],\n      dtype=object), 'sentences': array([array(["
    "'Tea is hot. ', 'It is brown.'], dtype=object),\n array(['Milk.'], dtype=object)], "
    "dtype=object)}"
)


@pytest.mark.parametrize(
    "context",
    [CONTEXT, [["Tea", ["Tea is hot. ", "It is brown."]], ["Milk", ["Milk."]]], PRINTED],
    ids=["columns", "published", "printed"],
)
def test_hotpotqa_reads_its_forms_and_searches_its_passages(tmp_path: Path, context: Any) -> None:
    rows = [hotpot_row(i, context) for i in range(40)]
    found = load(f"hotpotqa:{written(tmp_path / 'hotpot.jsonl', rows)}")
    assert faults(found) == []
    environment = found.open(found.tasks("train", 1)[0])
    search, titles = environment.tools
    assert search.invoke({"query": "brown?"}) == "Tea: Tea is hot.  It is brown."
    assert search.invoke({"query": '"*'}) == "Nothing is found."
    assert titles.invoke({}) == "Tea\nMilk"
    assert graded(found, "Hot tea!") == 1.0
    assert graded(found, "tea hot") == 0.99
    assert graded(found, "tea") == pytest.approx(2 / 3)
    assert graded(found, "yes") == 0.0


def test_hotpotqa_runs_no_code_of_its_data(tmp_path: Path) -> None:
    rows = [hotpot_row(i, "__import__('os').system('true')") for i in range(3)]
    with pytest.raises(BenchmarkError, match="the context cannot be read"):
        load(f"hotpotqa:{written(tmp_path / 'hotpot.jsonl', rows)}")


def test_reasoning_gym_has_disjoint_puzzles_and_verifies_them() -> None:
    pytest.importorskip("reasoning_gym")
    found = load("reasoning-gym:chain_sum+countdown")
    assert found.levels == (1, 2)
    assert faults(found) == []
    asked = [task.instruction for split in SPLITS for task in found.tasks(split, 30, levels=(1,))]
    assert len(set(asked)) == len(asked)
    with pytest.raises(BenchmarkError, match="no data set 'sums'"):
        load("reasoning-gym:sums")


# --- how answers are compared --------------------------------------------------------------------


def test_text_is_compared_as_the_official_scripts_do() -> None:
    assert normalised("The  U.S.A., an ally!") == "usa ally"
    assert f1("the cat sat", "cat sat down") == pytest.approx(0.8)
    assert f1("yes", "yes") == 1.0
    assert f1("yes it is", "yes") == 0.0
    assert [str(number_in(text)) for text in ("1,200 or 3.50", "-7", "none", ".5")] == [
        "3.5", "-7", "None", "0.5",
    ]  # fmt: skip
    assert alike("10", "10.0")
    assert not alike("10", "100")
