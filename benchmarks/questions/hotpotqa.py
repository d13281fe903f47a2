"""HotpotQA: questions whose answer wants two documents (Yang et al. 2018, arXiv 1809.09600).

The ten passages that come with a question (distractor setting) are searched by a tool; answers are
graded by F1, and right where they match exactly, as the official script counts.
"""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.questions.bank import Grade, QuestionBank, Row, in_splits
from agentevo.benchmarks.questions.data import HUB, Record, field_of, files_in, from_hub, records
from agentevo.benchmarks.questions.text import f1, normalised
from agentevo.benchmarks.task import Split

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

LEVELS = {"easy": 1, "medium": 2, "hard": 3}
SHARES = (0.9, 0.1)
ASK = "Answer the question in a few words. The documents are found by the tools."

Passages = list[tuple[str, list[str]]]
"""Titles, each with its sentences."""


def hotpotqa(path: str = "", n_steps: int = 10) -> QuestionBank:
    """Return the benchmark.

    The official test set has no answers: its development set is the test, and training and
    validation are cut from its training set. A single file is cut by a hash of the question.

    Args:
        path: a file, or a folder with `train` and `dev` (JSON as published, JSON lines or CSV);
            `hub`: Hugging Face's.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: the files are not there or hold something else.
    """
    rows: dict[Split, list[Row]]
    if path and path != HUB:
        files = files_in(path, ("train", "hotpot_train", "dev", "hotpot_dev", "hotpot"))
        train = files.get("train") or files.get("hotpot_train")
        dev = files.get("dev") or files.get("hotpot_dev")
        if train and dev:
            rows = _official(_rows(records(train)), _rows(records(dev)))
        else:
            rows = in_splits(_rows(records(next(iter(files.values())))))
    else:
        found = from_hub(
            "hotpotqa", path, "hotpotqa/hotpot_qa", "distractor", ("train", "validation")
        )
        rows = _official(_rows(found["train"]), _rows(found["validation"]))
    about = (
        "Questions that want two documents; ten come with each, to be searched by a tool.",
        "CC BY-SA 4.0", "hotpotqa.github.io (arXiv 1809.09600)",
    )  # fmt: skip
    return QuestionBank(
        "hotpotqa", rows, _grade, about=about, version="1", tools=tools_of, n_steps=n_steps
    )


def _official(train: Sequence[Row], dev: Sequence[Row]) -> dict[Split, list[Row]]:
    cut = in_splits(train, SHARES)
    return {"train": cut["train"], "validation": cut["validation"], "test": list(dev)}


def _rows(found: Sequence[Record]) -> list[Row]:
    rows = []
    for i, one in enumerate(found):
        where = f"hotpotqa, row {i + 1}"
        passages = _passages(field_of(one, "context", where=where), where)
        rows.append(
            Row(
                str(field_of(one, "_id", "id", where=where)),
                f"{ASK}\n{field_of(one, 'question', where=where)}",
                str(field_of(one, "answer", where=where)),
                LEVELS.get(str(one.get("level", "hard")), 3),
                hidden={"passages": [[title, list(some)] for title, some in passages]},
            )
        )
    return rows


def _passages(value: Any, where: str) -> Passages:
    """Return the passages of a row, in any of the forms in which they are about."""
    try:
        if isinstance(value, str):
            value = _literal(ast.parse(value.strip(), mode="eval").body)
        if isinstance(value, dict):
            value = list(zip(value["title"], value["sentences"], strict=True))
        return [(str(title), [str(one) for one in some]) for title, some in value]
    except (SyntaxError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{where}: the context cannot be read: {error}") from None


def _literal(node: ast.expr) -> Any:
    """Return the value of a literal in which `array(...)` may stand for a list, as numpy prints."""
    match node:
        case ast.Dict(keys=keys, values=values):
            return {_literal(k): _literal(v) for k, v in zip(keys, values, strict=True) if k}
        case ast.List(elts=some) | ast.Tuple(elts=some):
            return [_literal(one) for one in some]
        case ast.Call(func=ast.Name(id="array"), args=[inner, *_]):
            return _literal(inner)
        case ast.Constant(value=value):
            return value
    raise ValueError(f"{ast.unparse(node)[:40]} is no plain value")


def tools_of(row: Row) -> tuple[BaseTool, ...]:
    """Return the tools over the passages of a question."""
    from langchain_core.tools import StructuredTool

    passages: Any = row.hidden["passages"]

    def search(query: str) -> str:
        """Search the documents; return the titles and texts of the three that fit best."""
        words = re.findall(r"\w+", query)
        with closing(sqlite3.connect(":memory:")) as found:
            found.execute("create virtual table p using fts5(title, text, tokenize=porter)")
            texts = [(title, " ".join(some)) for title, some in passages]
            found.executemany("insert into p values (?, ?)", texts)
            asked = " OR ".join(f'"{word}"' for word in words)
            order = "select title, text from p where p match ? order by bm25(p, 3.0, 1.0) limit 3"
            best = found.execute(order, (asked,)).fetchall() if words else []
        return "\n\n".join(f"{title}: {text}" for title, text in best) or "Nothing is found."

    def titles() -> str:
        """List the titles of all documents there are."""
        return "\n".join(title for title, _ in passages)

    # with schemas of their own: inferring them is not made for threads
    asked = {"query": {"type": "string", "description": "A question or a few words."}}
    return (
        StructuredTool.from_function(search, args_schema=_schema(asked), infer_schema=False),
        StructuredTool.from_function(titles, args_schema=_schema({}), infer_schema=False),
    )


def _schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _grade(row: Row, answer: str) -> Grade:
    assert row.gold is not None
    if normalised(answer) == normalised(row.gold):
        return Grade(1.0, "That is right.")
    score = min(f1(answer, row.gold), 0.99)  # the same words in another order are no exact match
    return Grade(score, f"That is not the answer; {score:.0%} of the words are alike.")
