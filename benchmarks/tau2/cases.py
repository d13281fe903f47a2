"""tau2's own tasks as its files state them, with what they are scored by, and their splits.

A case holds the solution: it never leaves this package. What an agent gets is a `Task`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from agentevo.benchmarks.task import JSON, Split
from agentevo.benchmarks.tau2 import wheel
from agentevo.benchmarks.tau2.domains import DOMAINS, Domain, is_change

LEVELS = (0, 1, 2, 3)
_DEFAULT_BASIS = ("DB", "COMMUNICATE")  # tau2's, where a task names none
_VALIDATION = 3  # one of so many official training tasks


@dataclass(frozen=True)
class Call:
    """One call of a tool in the gold solution."""

    name: str
    arguments: Mapping[str, JSON]
    compared: tuple[str, ...] | None
    """The arguments that count where calls are compared; None: all."""


@dataclass(frozen=True)
class Method:
    """A call of the wheel's own: it sets the scene up, or asserts something about its end."""

    side: str
    name: str
    arguments: Mapping[str, JSON]
    expected: bool = True
    """What an assertion has to return."""


@dataclass(frozen=True)
class Case:
    """One task of tau2."""

    number: int
    """Its place in the official list `base`."""
    level: int
    scenario: Mapping[str, str]
    """What the user is told, by tau2's names for its parts."""
    ticket: str
    """The same as a ticket, where the agent acts alone; mostly empty."""
    scene: tuple[Method, ...]
    gold: tuple[Call, ...]
    assertions: tuple[Method, ...]
    told: tuple[str, ...]
    """What the agent has to have said."""
    basis: frozenset[str]
    """What the score is made of: `DB`, `COMMUNICATE`, `ENV_ASSERTION`, `ACTION`."""


@cache
def cases(name: str) -> tuple[Case, ...]:
    """Return all cases of a domain, in the order of the official list."""
    domain = DOMAINS[name]
    rows = {row["id"]: row for row in wheel.read(domain.tasks)}
    official = wheel.read(domain.splits)["base"]
    return tuple(_case(domain, number, rows[key]) for number, key in enumerate(official))


@cache
def members(name: str, split: Split) -> Mapping[int, Sequence[Case]]:
    """Return the cases of a split by level, in an order drawn by a hash.

    `test` is the official test split. The official training split is cut in two: within each
    level, the first third by the hash of its id is `validation`.
    """
    domain = DOMAINS[name]
    places = wheel.read(domain.splits)
    wanted = set(places["test" if split == "test" else "train"])
    drawn: dict[int, list[tuple[str, Case]]] = {level: [] for level in LEVELS}
    for key, case in zip(places["base"], cases(name), strict=True):
        if key in wanted:
            digest = sha256(f"{name}/{key}".encode()).hexdigest()
            drawn[case.level].append((digest, case))
    found = {}
    for level, rows in drawn.items():
        ordered = [case for _, case in sorted(rows, key=lambda row: row[0])]
        cut = -(-len(ordered) // _VALIDATION)
        found[level] = {"train": ordered[cut:], "validation": ordered[:cut], "test": ordered}[split]
    return found


def _case(domain: Domain, number: int, row: Mapping[str, Any]) -> Case:
    asked, user = row["evaluation_criteria"], row["user_scenario"]
    refused = row["id"] in domain.refused
    scene = (row.get("initial_state") or {}).get("initialization_actions") or []
    gold = tuple(
        Call(one["name"], one["arguments"], _compared(one)) for one in asked["actions"] or []
    )
    told = tuple(asked["communicate_info"] or [])
    parts = {"persona": user["persona"], **user["instructions"]}
    return Case(
        number=number,
        level=_level(domain, () if refused else gold, told),
        scenario={key: text.strip() for key, text in parts.items() if text},
        ticket=row.get("ticket") or "",
        scene=tuple(_method(one) for one in scene),
        gold=gold,
        assertions=tuple(_method(one) for one in asked.get("env_assertions") or []),
        told=told,
        basis=frozenset(asked.get("reward_basis") or _DEFAULT_BASIS),
    )


def _level(domain: Domain, gold: Sequence[Call], told: Sequence[str]) -> int:
    n_changes = sum(is_change(call.name) for call in gold)
    if n_changes == 0 and not told:
        return 0
    return 1 + sum(n_changes > most for most in domain.bands)


def _compared(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    names = row.get("compare_args")
    return None if names is None else tuple(names)


def _method(row: Mapping[str, Any]) -> Method:
    return Method(
        row["env_type"], row["func_name"], row["arguments"], row.get("assert_value", True)
    )
