"""The one door to the `bfcl_eval` package: its data, read late and typed.

Only its data files, its eight simulated systems and its multi-turn checker are used; none of
them needs what the package depends on, but for mpmath.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import JSON

CATEGORIES = ("base", "miss_func", "miss_param", "long_context")
_INSTALL = "pip install 'agentevo[bfcl]', then pip install --no-deps bfcl-eval==2026.3.23"
_FORMAT = "BFCL_v4"


@dataclass(frozen=True)
class Call:
    """One call of a function."""

    name: str
    arguments: Mapping[str, JSON]

    def __str__(self) -> str:
        """Return the call in the form in which an agent writes it."""
        return f"{self.name} {json.dumps(self.arguments)}"


@dataclass(frozen=True)
class Function:
    """A function as its documentation describes it to a model."""

    name: str
    description: str
    schema: Mapping[str, JSON]
    """Its arguments, in JSON Schema."""


@dataclass(frozen=True)
class Entry:
    """One conversation, with its solution."""

    id: str
    category: str
    scenario: int
    """The same in all categories where the scenario is the same."""
    messages: tuple[str, ...]
    """What the user says, turn by turn."""
    classes: tuple[str, ...]
    """The systems whose functions may be called."""
    config: Mapping[str, JSON] = field(hash=False)
    """The state in which each system begins."""
    withheld: Mapping[str, int] = field(hash=False)
    """Functions that are offered only from that turn on."""
    solution: tuple[tuple[Call, ...], ...] = field(hash=False)
    """The calls of each turn; a turn without any is not checked."""

    @property
    def solvable(self) -> bool:
        """Whether no function is needed before it is offered."""
        return all(
            self.withheld.get(call.name, 0) <= turn
            for turn, calls in enumerate(self.solution)
            for call in calls
        )


def version() -> str:
    """Return the installed version of bfcl-eval.

    Raises:
        BenchmarkError: It, or what it needs, is not installed.
    """
    try:
        found = importlib.metadata.version("bfcl-eval")
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError(f"the package bfcl-eval is not installed: {_INSTALL}") from None
    if find_spec("mpmath") is None:
        raise BenchmarkError("the package mpmath is not installed: pip install 'agentevo[bfcl]'")
    return found


@cache
def digest() -> str:
    """Return a hash of all data that the conversations are made of."""
    names = [f"{_FORMAT}_multi_turn_{category}.json" for category in CATEGORIES]
    answers = [f"possible_answer/{name}" for name in names]
    documents = [f"multi_turn_func_doc/{name}" for name in sorted(_documents().values())]
    both = sha256()
    for name in (*names, *answers, *documents):
        both.update(_path(name).read_bytes())
    return both.hexdigest()


@cache
def entries(category: str) -> tuple[Entry, ...]:
    """Return the solvable conversations of a category, by scenario."""
    name = f"{_FORMAT}_multi_turn_{category}.json"
    answers = {row["id"]: row["ground_truth"] for row in _rows(f"possible_answer/{name}")}
    found = (_entry(row, answers[row["id"]], category) for row in _rows(name))
    return tuple(entry for entry in found if entry.solvable)


@cache
def functions(class_name: str) -> tuple[Function, ...]:
    """Return the documented functions of a system."""
    rows = _rows(f"multi_turn_func_doc/{_documents()[class_name]}")
    return tuple(Function(r["name"], r["description"], _schema(r["parameters"])) for r in rows)


def system(class_name: str) -> type:
    """Return the class of a system."""
    from bfcl_eval.constants.executable_backend_config import CLASS_FILE_PATH_MAPPING

    found: type = getattr(import_module(CLASS_FILE_PATH_MAPPING[class_name]), class_name)
    return found


def _entry(row: dict[str, Any], answer: list[list[str]], category: str) -> Entry:
    from bfcl_eval.constants.default_prompts import DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC

    classes = tuple(row["involved_classes"])
    late = row.get("missed_function", {})
    systems = [system(name) for name in classes]
    said = ["\n\n".join(message["content"] for message in turn) for turn in row["question"]]
    return Entry(
        id=row["id"],
        category=category,
        scenario=int(row["id"].rpartition("_")[2]),
        messages=tuple(text or DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC for text in said),
        classes=classes,
        config=row["initial_config"],
        withheld={name: int(turn) for turn, names in late.items() for name in names},
        solution=tuple(tuple(_call(text, systems) for text in calls) for calls in answer),
    )


def _call(text: str, systems: Sequence[type]) -> Call:
    """Read a call that the package writes as Python; what stands in it must be literals."""
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    name = node.func.id
    method = next(getattr(one, name) for one in systems if hasattr(one, name))
    order = [parameter for parameter in signature(method).parameters if parameter != "self"]
    arguments = dict(zip(order, map(ast.literal_eval, node.args), strict=False))
    arguments |= {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
    return Call(name, arguments)


_TYPES = {"dict": "object", "float": "number"}


def _schema(spec: dict[str, Any]) -> dict[str, Any]:
    """Translate a description of arguments into JSON Schema.

    It names two types otherwise, and writes a default of None as the text 'None'.
    """
    found = {**spec, "type": _TYPES.get(spec["type"], spec["type"])}
    if "properties" in spec:
        found["properties"] = {name: _schema(one) for name, one in spec["properties"].items()}
    if "items" in spec:
        found["items"] = _schema(spec["items"])
    if found.get("default") == "None":
        del found["default"]
    return found


def _documents() -> dict[str, str]:
    """Return the file that describes each system's functions."""
    from bfcl_eval.constants.executable_backend_config import MULTI_TURN_FUNC_DOC_FILE_MAPPING

    return dict(MULTI_TURN_FUNC_DOC_FILE_MAPPING)


def _rows(name: str) -> list[dict[str, Any]]:
    with _path(name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _path(name: str) -> Path:
    spec = find_spec("bfcl_eval")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data" / name
    if not path.is_file():
        raise BenchmarkError(f"bfcl-eval {version()} has no {name}: {_INSTALL}")
    return path
