"""Files of questions: fields that are nearly right, and questions that come twice."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentevo.benchmarks import SPLITS, Benchmark, BenchmarkError, load


def written(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def questions(benchmark: Benchmark, split: Any) -> list[str]:
    return [task.instruction for task in benchmark.tasks(split, 100)]


ROWS = [{"question": f"{s} {i}?", "answer": "x", "split": s} for s in SPLITS for i in (1, 2)]


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("anwser", "answer"), ("answers", "answer"), ("Answer", "answer"), ("Question", "question"),
        ("qestion", "question"), ("leval", "level"), ("spilt", "split"), ("contxt", "context"),
        ("regexp", "regex"), ("ID", "id"),
    ],
)  # fmt: skip
def test_a_field_that_is_nearly_right_is_refused(tmp_path: Path, field: str, meant: str) -> None:
    row = {"question": "a?", "regex" if meant == "answer" else "answer": "x"}
    row.pop(meant, None)
    row[field] = "1"
    with pytest.raises(BenchmarkError, match=f"row 1 has .*{field}.*did you mean '{meant}'"):
        load(f"jsonl:{written(tmp_path / 'q.jsonl', [row])}")


def test_fields_of_ones_own_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "grade.py").write_text("def right(answer, row):\n    return True\n")
    own = {"question_id": 7, "answer_type": "x", "label": 1, "idx": 3, "source": "y"}
    load(f"jsonl:{written(tmp_path / 'q.jsonl', [row | own for row in ROWS])}")
    rows = [{"question": row["question"], "split": row["split"], "answers": [1]} for row in ROWS]
    file = written(tmp_path / "checked.jsonl", rows)
    load(f"jsonl:path={file},check={tmp_path}/grade.py:right")
    with pytest.raises(BenchmarkError, match="did you mean 'answer'"):
        load(f"jsonl:{file}")


def test_one_question_in_two_splits_is_refused(tmp_path: Path) -> None:
    again = {"question": "TRAIN  1?", "answer": "x", "split": "test"}
    with pytest.raises(BenchmarkError, match=r"row 7 asks in test what .*row 1 asks in train"):
        load(f"jsonl:{written(tmp_path / 'q.jsonl', [*ROWS, again])}")
    for split in SPLITS:
        rows = [{"question": f"{split}?", "answer": "x"}, {"question": "all?", "answer": "x"}]
        written(tmp_path / f"{split}.jsonl", rows)
    with pytest.raises(BenchmarkError, match=r"row 2 asks in .* what .*, row 2 asks in"):
        load(f"jsonl:{tmp_path}")
    unsplit = {"question": "train 1?", "answer": "x"}
    with pytest.raises(BenchmarkError, match=r"row 7 asks in no split what .*row 1 asks in train"):
        load(f"jsonl:{written(tmp_path / 'q.jsonl', [*ROWS, unsplit])}")


def test_a_question_that_comes_twice_in_a_split_is_kept_once_and_counted(tmp_path: Path) -> None:
    again = [ROWS[0] | {"answer": "y"}, ROWS[0] | {"question": " Train 1? "}]
    file = written(tmp_path / "q.jsonl", [*ROWS, *again])
    with pytest.warns(UserWarning, match=r"q\.jsonl: 2 rows ask what a row before them asks"):
        found = load(f"jsonl:{file}")
    assert questions(found, "train") == ["train 1?", "train 2?"]
    rows = [{"question": f"{i % 50}?", "answer": "x"} for i in range(60)]
    with pytest.warns(UserWarning, match="10 rows ask"):
        found = load(f"jsonl:{written(tmp_path / 'u.jsonl', rows)}")
    asked = [one for split in SPLITS for one in questions(found, split)]
    assert len(asked) == len(set(asked)) == 50
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = [row | {"context": "there"} for row in ROWS]  # what is shown with it counts
        load(f"jsonl:{written(tmp_path / 'c.jsonl', [*ROWS, *other])}")


def test_two_rows_of_one_id_are_refused(tmp_path: Path) -> None:
    rows = [row | {"id": "same" if i in (1, 4) else f"{i}"} for i, row in enumerate(ROWS)]
    with pytest.raises(BenchmarkError, match="two rows have the id 'same'"):
        load(f"jsonl:{written(tmp_path / 'q.jsonl', rows)}")
