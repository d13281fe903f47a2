"""Metric-free filters that check an answer by what follows from it, without knowing the right one.

Backwards: a right answer lets what the question told be found again. By running: of programs and
tests that a model wrote, those that many of the others agree with are right more often.
"""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from agentevo.benchmarks import BenchmarkError
from agentevo.benchmarks.questions.code import LIMITS, code_in, sandbox_of
from agentevo.config import ConfigError
from agentevo.experience import Trajectory
from agentevo.refinement.agreement import answer_of
from agentevo.refinement.sieve import Answer, Sieve
from agentevo.sandbox import Sandbox

MAX_MASKED = 3  # numbers of a question that are asked for again
MAX_TESTS = 8  # of a task

CHECK_SYSTEM = (
    "You look at a statement from which something is missing, or say whether it is right. Answer "
    "with that alone: the number, or yes or no."
)
TESTS_SYSTEM = (
    "You write tests of a program that somebody else writes. Write only lines that begin with "
    "'assert', each a test of its own, and nothing of the program."
)

_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")
_YES = re.compile(r"\byes\b", re.IGNORECASE)


def verified(
    trajectories: Sequence[Trajectory], sieve: Sieve, n_asked: int = 3
) -> list[Trajectory]:
    """Keep, of each task's answers, those from which the question's numbers are found again best.

    Self-Verification, Weng et al. 2022 (arXiv 2212.09561): an answer is taken as known, a number of
    the question is masked, and the model is asked for it. Where a question has no number, it is
    asked whether the answer is right. Of a task whose answers verify nothing, none is kept.

    Args:
        trajectories: one or several of each task.
        sieve: has the model that is asked.
        n_asked: times that each number is asked for.

    Raises:
        ConfigError: no model is at hand.
    """
    ask = _asked(sieve, "verified")
    answers: dict[tuple[str, str], str] = {}  # task and answer to the question
    for one in trajectories:
        if answer := answer_of(one):
            answers.setdefault((one.task_id, answer), _question(one))
    dialogues: list[list[dict[str, Any]]] = []
    wanted: list[
        tuple[tuple[str, str], str]
    ] = []  # of each dialogue, whose it is and what is hoped
    for key, question in answers.items():
        for text, hoped in _checks(question, key[1]):
            dialogues += [_dialogue(CHECK_SYSTEM, text)] * n_asked
            wanted += [(key, hoped)] * n_asked
    points: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for (key, hoped), reply in zip(wanted, ask(dialogues) if dialogues else [], strict=True):
        points[key].append(_meets(reply, hoped))
    best: dict[str, float] = defaultdict(float)
    share = {key: sum(found) / len(found) for key, found in points.items()}
    for (task, _), found in share.items():
        best[task] = max(best[task], found)
    return [
        one for one in trajectories
        if share.get((one.task_id, answer_of(one)), 0.0) == best[one.task_id] > 0
    ]  # fmt: skip


def _checks(question: str, answer: str) -> list[tuple[str, str]]:
    """Return what the model is asked about an answer, each with what is hoped for."""
    numbers = [found for found in _NUMBER.finditer(question)][:MAX_MASKED]
    if not numbers:
        return [(f"{question}\nThe answer is: {answer}\nIs that right, yes or no?", "yes")]
    return [
        (f"{question[: one.start()]}X{question[one.end() :]}\nThe answer is: {answer}\nWhat is X?",
         one.group())
        for one in numbers
    ]  # fmt: skip


def _meets(reply: str, hoped: str) -> bool:
    if hoped == "yes":
        return bool(_YES.search(reply))
    found = _NUMBER.findall(reply)
    return bool(found) and found[-1].replace(",", "") == hoped.replace(",", "")


def dual(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep, of each task's programs, those that pass the same tests as many others do.

    CodeT, Chen et al. 2022 (arXiv 2207.10397): the model writes tests, every program is run with
    every test in the sandbox, programs that pass the same ones are a group, and the group counts
    with the number of its programs times that of its tests. One that passes none is not kept.

    Args:
        trajectories: several of each task, whose last action is a program.
        sieve: has the model that writes the tests.

    Raises:
        ConfigError: no model is at hand, or no sandbox that keeps code apart.
    """
    ask = _asked(sieve, "dual")
    try:
        sandbox = sandbox_of("auto")
    except BenchmarkError as error:
        raise ConfigError(f"refinement.filters: dual runs programs: {error}") from None
    by_task: dict[str, list[Trajectory]] = defaultdict(list)
    for one in trajectories:
        by_task[one.task_id].append(one)
    if not by_task:
        return []
    replies = ask([_dialogue(TESTS_SYSTEM, _question(some[0])) for some in by_task.values()])
    kept: set[int] = set()
    for some, reply in zip(by_task.values(), replies, strict=True):
        tests = [line.strip() for line in code_in(reply).splitlines()]
        tests = list(dict.fromkeys(one for one in tests if one.startswith("assert ")))[:MAX_TESTS]
        groups: dict[frozenset[int], list[int]] = defaultdict(list)
        passed: dict[str, frozenset[int]] = {}
        for one in some:
            program = code_in(next((s.action for s in reversed(one.steps) if s.action), "") or "")
            if program not in passed:
                passed[program] = _passed(sandbox, program, tests)
            groups[passed[program]].append(id(one))
        best = max(groups, key=lambda group: len(groups[group]) * len(group))
        kept.update(groups[best] if best else ())
    return [one for one in trajectories if id(one) in kept]


def _passed(sandbox: Sandbox, program: str, tests: Sequence[str]) -> frozenset[int]:
    """Return the numbers of the tests that a program passes."""
    mark = secrets.token_hex(8)  # what the program prints is told from what the tests came to
    main = (
        "space = {'__name__': 'answer'}\n"
        "exec(compile(open('answer.py').read(), 'answer.py', 'exec'), space)\n"
        f"for number, test in enumerate({list(tests)!r}):\n"
        "    try:\n"
        "        exec(test, dict(space))\n"
        "    except BaseException:\n"
        "        continue\n"
        f"    print({mark!r}, number, flush=True)\n"
    )
    done = sandbox.run(
        [sandbox.python, "main.py"], files={"answer.py": program, "main.py": main}, limits=LIMITS
    )
    return frozenset(int(number) for number in re.findall(rf"^{mark} (\d+)$", done.stdout, re.M))


def _question(one: Trajectory) -> str:
    """Return what was asked, wherever it stands."""
    parts = dict.fromkeys(part.strip() for part in (one.instruction, one.first_observation))
    return "\n".join(part for part in parts if part)


def _dialogue(system: str, text: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": text}]


def _asked(sieve: Sieve, name: str) -> Answer:
    if sieve.answer is None:
        raise ConfigError(f"refinement.filters: {name} asks a model, and none is at hand here")
    return sieve.answer
