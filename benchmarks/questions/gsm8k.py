"""GSM8K: grade-school mathematics in words (Cobbe et al. 2021, arXiv 2110.14168)."""

from __future__ import annotations

from collections.abc import Iterable

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.questions.bank import Grade, QuestionBank, Row, in_splits, right_or_wrong
from agentevo.benchmarks.questions.data import HUB, Record, field_of, files_in, from_hub, records
from agentevo.benchmarks.questions.text import number_in
from agentevo.benchmarks.task import Split

SHARES = (0.9, 0.1)  # of the official training set; the official test set is the test


def gsm8k(path: str = "", n_steps: int = 10) -> QuestionBank:
    """Return the benchmark; levels by the steps of the official solution: to 2, to 4, to 6, more.

    Args:
        path: folder with train.jsonl and test.jsonl, or `hub`: Hugging Face's.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: the files are not there or hold something else.
    """
    if path and path != HUB:
        files = files_in(path, ("train", "test"))
        if files.keys() != {"train", "test"}:
            raise BenchmarkError(f"gsm8k: {path} must have train.jsonl and test.jsonl")
        train, test = (_rows(records(files[name]), name) for name in ("train", "test"))
    else:
        found = from_hub("gsm8k", path, "openai/gsm8k", "main", ("train", "test"))
        train, test = (_rows(found[name], name) for name in ("train", "test"))
    asked = {row.question for row in test}
    cut = in_splits([row for row in train if row.question not in asked], SHARES)
    rows: dict[Split, list[Row]] = {
        "train": cut["train"], "validation": cut["validation"], "test": test,
    }  # fmt: skip
    about = (
        "Grade-school mathematics in words; the answer is a number.",
        "MIT",
        "openai/grade-school-math (arXiv 2110.14168)",
    )
    return QuestionBank("gsm8k", rows, _grade, about=about, version="1", n_steps=n_steps)


def _rows(found: Iterable[Record], name: str) -> list[Row]:
    rows = []
    for i, one in enumerate(found):
        where = f"gsm8k {name}, row {i + 1}"
        solution = str(field_of(one, "answer", where=where))
        _, sign, gold = solution.rpartition("####")
        if not sign or number_in(gold) is None:
            raise BenchmarkError(f"{where}: the answer does not end with #### and a number")
        level = min(4, (solution.count("<<") + 1) // 2) or 1
        question = str(field_of(one, "question", where=where))
        rows.append(Row(f"{name}-{i}", question, gold.strip(), level))
    return rows


def _grade(row: Row, answer: str) -> Grade:
    assert row.gold is not None
    return right_or_wrong(number_in(answer) == number_in(row.gold))
