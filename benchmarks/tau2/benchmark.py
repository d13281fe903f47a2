"""The benchmarks of tau2-bench behind their names."""

import difflib
import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Literal

from langchain_core.tools import BaseTool

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import SPLITS, Environment, Split, Task
from agentevo.benchmarks.tau2 import wheel
from agentevo.benchmarks.tau2.calls import written
from agentevo.benchmarks.tau2.cases import LEVELS, Case, cases, members
from agentevo.benchmarks.tau2.customer import DONE, Customer, Scripted, Simulated, User
from agentevo.benchmarks.tau2.domains import DOMAINS, Domain
from agentevo.benchmarks.tau2.environment import Episode

_TEXT_FORMAT = 1
"""Counts up when prompts, scripts or anything else that an agent sees changes."""
_MAX_STEPS = 100  # tau2 allows 200 messages, about half of them the agent's


class Tau2:
    """One domain of tau2-bench; a Benchmark.

    `test` is the official test split; `validation` is a third of the official training split,
    cut by a hash within each level. The level is how much there is to change: 0 nothing (the
    request is to be refused, answered or handed over), then in three bands.
    """

    licence = "MIT (inspect_evals, and tau2-bench with its data)"
    source = "PyPI inspect-evals, after Barres et al., 2025, arXiv:2506.07982"
    thread_safe = True

    def __init__(
        self, domain: Domain, *, user: User | None = None, max_steps: int = _MAX_STEPS
    ) -> None:
        """Set the benchmark up; nothing is imported yet.

        Args:
            domain: Which domain.
            user: Plays the user; it must bear being called from several threads. None: a script
                does, which is tau2 in our own solo form.
            max_steps: The step limit of every episode.

        Raises:
            BenchmarkError: inspect_evals is not installed, or an option is out of range.
        """
        wheel.version()
        if max_steps < 1:
            raise BenchmarkError(f"tau2: max_steps is {max_steps}, must be 1 or more")
        self._domain = domain
        self._user = user
        self._max_steps = max_steps
        self.name = f"tau2-{domain.name}" + ("-solo" if user is None else "")
        self.levels: tuple[int, ...] = LEVELS[1:] if user is None else LEVELS
        self.description = _description(domain, user is None)

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""
        return self._max_steps

    def fingerprint(self) -> str:
        """Return the version of inspect_evals and a hash of all settings and data."""
        shape = [
            _TEXT_FORMAT,
            self._max_steps,
            _instruction(self._domain, self._user is None),
            _name_of(self._user),
            _data_digest(self._domain.name),
            [
                [case.number for case in members(self._domain.name, split)[level]]
                for split in SPLITS
                for level in LEVELS
            ],
        ]
        digest = sha256(json.dumps(shape).encode()).hexdigest()
        return f"{self.name}-inspect_evals-{wheel.version()}-{digest[:12]}"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level, in turn."""
        if n_per_level < 0:
            raise BenchmarkError(f"{self.name}: n_per_level is {n_per_level}, must not be negative")
        if split not in SPLITS:
            raise BenchmarkError(f"{self.name}: {_no_such('split', split, SPLITS)}")
        asked = tuple(dict.fromkeys(self.levels if levels is None else levels))
        for level in asked:
            if level not in LEVELS:
                raise BenchmarkError(
                    f"{self.name} has no level {level}; there are: {LEVELS[0]}-{LEVELS[-1]}"
                )
        found = members(self._domain.name, split)
        return [
            self._task(split, index, found[level][index])
            for index in range(start, start + n_per_level)
            for level in asked
            if index < len(found[level])
        ]

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Do nothing: all is in the wheel."""
        if progress is not None:
            progress(len(tasks), len(tasks))

    def open(self, task: Task) -> Environment:
        """Return a fresh episode."""
        case, user = self._case(task), self._user

        def customer(tools: Sequence[BaseTool]) -> Customer:
            return Scripted(case) if user is None else Simulated(case, user, tools)

        domain = self._domain
        files = domain.solo_policy if user is None else domain.policy
        return Episode(
            domain,
            case,
            customer=customer,
            solo=user is None,
            policy="\n\n".join(str(wheel.read(file)).strip() for file in files),
            max_steps=self._max_steps,
        )

    def gold(self, task: Task) -> list[str] | None:
        """Return tau2's own solution and a closing message; None where a callable is the user."""
        case = self._case(task)
        if self._user is not None:
            return None
        calls = [written(call.name, call.arguments) for call in case.gold]
        return [*calls, " ".join([*case.told, DONE])]

    def _task(self, split: Split, index: int, case: Case) -> Task:
        return Task(
            id=f"{self.name}/{split}/{case.level}/{index}",
            benchmark=self.name,
            split=split,
            instruction=_instruction(self._domain, self._user is None),
            seed=0,
            difficulty=case.level,
            data={"number": case.number},
        )

    def _case(self, task: Task) -> Case:
        if task.benchmark != self.name:
            raise BenchmarkError(f"{task.id} is a task of {task.benchmark}, not of {self.name}")
        number = task.data.get("number")
        known = cases(self._domain.name)
        if not isinstance(number, int) or not 0 <= number < len(known):
            raise BenchmarkError(f"{self.name} has no task number {number!r}")
        return known[number]


def tau2(
    domain: str = "airline",
    user: User | Literal["solo"] = "solo",
    *,
    max_steps: int = _MAX_STEPS,
) -> Tau2:
    """Return the benchmark of a domain: `airline`, `retail` or `telecom`.

    Args:
        domain: Which domain.
        user: Plays the user: a callable from the messages so far to the next one. Or `solo`:
            the user's brief is told at once, and a script agrees to whatever the agent says.
        max_steps: The step limit of every episode.

    Raises:
        BenchmarkError: There is no such domain or user.
    """
    if domain not in DOMAINS:
        raise BenchmarkError(f"tau2: {_no_such('domain', domain, tuple(DOMAINS))}")
    if user != "solo" and not callable(user):
        raise BenchmarkError(f"tau2: user is {user!r}, must be 'solo' or a callable")
    return Tau2(DOMAINS[domain], user=None if user == "solo" else user, max_steps=max_steps)


def _instruction(domain: Domain, solo: bool) -> str:
    ending = (
        f"The customer has told all and agrees to what you propose. When nothing is left to be "
        f"done, end your message with the word {DONE}."
        if solo
        else "The customer ends the conversation."
    )
    return (
        f"You are {domain.agent}. Do what the customer asks for as far as your policy allows it. "
        f"Look things up and change them with your tools; whatever else you write is a message "
        f"to the customer. {ending}"
    )


def _description(domain: Domain, solo: bool) -> str:
    what = f"tau2-bench, {domain.name}: serve a customer by the policy, with the domain's tools."
    if not solo:
        return f"{what} A callable, most often a language model, plays the customer."
    return (
        f"{what} Solo variant, not the official benchmark: the customer's brief is told at once, "
        "a script agrees to whatever is said"
        + (", and the agent has the customer's phone in hand" if "user" in domain.kits else "")
        + ". Tasks in which nothing is to be changed are level 0, which must be asked for."
    )


def _name_of(user: User | None) -> str:
    named = user if hasattr(user, "__qualname__") else type(user)
    return "solo" if user is None else f"{named.__module__}.{getattr(named, '__qualname__', '')}"


@cache
def _data_digest(name: str) -> str:
    domain = DOMAINS[name]
    databases = (kit.database for kit in domain.kits.values())
    files = (domain.tasks, domain.splits, *domain.policy, *domain.solo_policy, *databases)
    return sha256(b"\0".join(wheel.path(file).read_bytes() for file in files)).hexdigest()


def _no_such(what: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no {what} {name!r}{hint} (known: {', '.join(known)})"
