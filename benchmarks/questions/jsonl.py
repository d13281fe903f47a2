"""Any file of questions with answers: the quickest way to a benchmark of one's own.

Each row has `question`, and one of `answer` (a text, or a list of which any is right) or `regex`
(which must be found in the answer). It may have `id`, `level`, `context` and `split`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from agentevo.benchmarks.errors import BenchmarkError, ScoreError
from agentevo.benchmarks.questions.bank import (
    Grade,
    QuestionBank,
    Row,
    in_splits,
    key_of,
    partly_right,
    right_or_wrong,
)
from agentevo.benchmarks.questions.data import Record, field_of, files_in, records
from agentevo.benchmarks.questions.text import alike
from agentevo.benchmarks.task import SPLITS, Split

Check = Callable[[str, Mapping[str, Any]], float]

KNOWN = ("question", "answer", "regex", "id", "level", "context", "split")


def jsonl(path: str = "", check: str = "", n_steps: int = 10) -> QuestionBank:
    """Return the questions of a file, or of a folder with train, validation and test files.

    Args:
        path: a file of JSON lines, JSON or CSV; without a field `split` it is cut by a hash of the
            question, 60 to 20 to 20.
        check: `file.py:function` of yours, which takes the answer and the row, and returns its
            score in 0..1 or whether it is right.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: a row lacks something, or the check is none.
    """
    if not path:
        raise BenchmarkError("jsonl: write jsonl:FILE, a file whose rows have question and answer")
    rows: dict[Split, list[Row]] = {split: [] for split in SPLITS}
    unsplit: list[Row] = []
    known: dict[str, tuple[str, str]] = {}
    n_again = 0
    for name, file in files_in(path, SPLITS).items():
        for number, record in enumerate(records(file), 1):
            where = f"{file}, row {number}"
            row = _row(record, where, f"{name or 'row'}-{number}", bool(check))
            split = record.get("split") or name
            if split and split not in SPLITS:
                raise BenchmarkError(f"{where}: split is {split!r}, not {', '.join(SPLITS)}")
            there, before = known.setdefault(key_of(row), (split, where))
            if there != split:
                raise BenchmarkError(
                    f"{where} asks in {split or 'no split'} what {before} asks in "
                    f"{there or 'no split'}: what is trained on must not be tested, so that a "
                    "question is in one split only"
                )
            if before != where:
                n_again += 1
            else:
                (rows[split] if split else unsplit).append(row)
    if n_again:
        warnings.warn(
            f"{path}: {n_again} rows ask what a row before them asks, word for word; of each such "
            "question the first row is kept",
            stacklevel=2,
        )
    for split, some in in_splits(unsplit).items():
        rows[split] += some
    grade = _checked_by(_function(check)) if check else _grade
    about = (
        f"Questions of {Path(path).name}.", "that of the file", str(Path(path).expanduser())
    )  # fmt: skip
    return QuestionBank("jsonl", rows, grade, about=about, version=f"1-{check}", n_steps=n_steps)


def _check_fields(record: Record, where: str, is_checked: bool) -> None:
    """Refuse a field that is hardly meant to have the name it has.

    A field that nobody knows is otherwise the check's own affair.

    Raises:
        BenchmarkError: it is nearly called as one that is not there.
    """
    absent = [one for one in KNOWN if one not in record]
    if is_checked:  # which may well want answers of its own
        absent = [one for one in absent if one not in ("answer", "regex")]
    for name in record:
        if name in KNOWN:
            continue
        near = [one for one in absent if one == str(name).strip().lower()]
        near += get_close_matches(str(name), [one for one in absent if len(one) > 2], 1, 0.8)
        if near:
            raise BenchmarkError(f"{where} has a field {name!r}; did you mean {near[0]!r}?")


def _row(record: Record, where: str, number: str, is_checked: bool) -> Row:
    _check_fields(record, where, is_checked)
    question = str(field_of(record, "question", where=where))
    wanted = record.get("answer")
    if not is_checked and wanted is None and not record.get("regex"):
        raise BenchmarkError(f"{where} has neither an answer nor a regex")
    if record.get("regex"):
        try:
            re.compile(str(record["regex"]))
        except re.error as error:
            raise BenchmarkError(f"{where}: regex cannot be read: {error}") from None
    right = [str(one) for one in (wanted if isinstance(wanted, list) else [wanted])
             if one is not None]  # fmt: skip
    try:
        level = int(record.get("level") or 1)
    except ValueError:
        raise BenchmarkError(f"{where}: level is {record['level']!r}, not a number") from None
    hidden = dict(record) | {"right": right}
    return Row(
        str(record.get("id") or number), question, right[0] if right else None, level,
        str(record.get("context") or ""), hidden,
    )  # fmt: skip


def _grade(row: Row, answer: str) -> Grade:
    if pattern := row.hidden.get("regex"):
        return right_or_wrong(re.search(str(pattern), answer) is not None)
    right: Any = row.hidden["right"]
    return right_or_wrong(any(alike(answer, one) for one in right))


def _function(check: str) -> Check:
    from agentevo.benchmarks.registry import from_file

    found = from_file(check, "the check")
    if not callable(found):
        raise BenchmarkError(f"{check} is no function of (answer, row)")
    return found


def _checked_by(check: Check) -> Callable[[Row, str], Grade]:
    def grade(row: Row, answer: str) -> Grade:
        score = float(check(answer, row.hidden))
        if not 0.0 <= score <= 1.0:
            raise ScoreError(f"the check gives the score {score}: a score is a number in 0..1")
        return partly_right(score)

    return grade
