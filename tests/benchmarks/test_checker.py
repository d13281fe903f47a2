from collections.abc import Sequence
from dataclasses import replace

import pytest

from agentevo import benchmarks
from agentevo.benchmarks import Benchmark, Observation, Split, Task, check, registry

# Some levels each that differ in kind, so that the whole takes seconds.
SAMPLED: dict[str, Sequence[int] | None] = {
    "alfworld-gen": (1, 4),
    "babyai": (1, 7),
    "bfcl-multi-turn": (1, 2),
    "humaneval": None,
    "miniwob": (1, 3),
    "reasoning-gym": (1, 3),
    "scienceworld": (1, 2),
    "tau2": (1, 2),
    "textworld-cooking": (3, 9),
    "textworld-treasure-hunter": (5, 12),
    "textworld-coin-collector": (3, 105),
}
WITH_FILES = {"alfworld", "gsm8k", "hotpotqa", "inspect", "jsonl", "mbpp", "verifiers"}
"""Want files of the user's; tests of their own check them on some."""


def test_every_benchmark_is_checked_somewhere() -> None:
    assert set(registry.BUILT_IN) == SAMPLED.keys() | WITH_FILES


@pytest.mark.parametrize("name", SAMPLED)
def test_every_benchmark_keeps_its_promises(name: str) -> None:
    try:
        found = benchmarks.load(name)
    except benchmarks.BenchmarkError as error:
        if "pip install" not in str(error) and "apt-get" not in str(error):
            raise
        pytest.skip(str(error))
    findings = check(found, levels=SAMPLED[name])
    assert len(findings) >= 6 + 7 * 3, "three tasks at least, one of each split"
    assert [finding for finding in findings if not finding.ok] == []


class Riddle:
    """A question-like benchmark, right in everything."""

    name = "riddle"
    description = "What is one and one?"
    licence = "none"
    source = "this file"
    levels = (1,)
    thread_safe = True
    answer = "2"

    def max_steps(self, task: Task) -> int:
        return 1

    def fingerprint(self) -> str:
        return "riddle-1"

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        return [
            Task(f"riddle/{split}/{i}", "riddle", split, f"1 + 1? ({split})", i, 1)
            for i in range(start, start + n_per_level)
        ]

    def prepare(self, tasks: object, *, progress: object = None, workers: int = 1) -> None:
        pass

    def open(self, task: Task) -> "Answer":
        return Answer(self.answer)

    def gold(self, task: Task) -> list[str] | None:
        return ["2"]


class Answer:
    tools = ()

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self._over = False

    def reset(self) -> Observation:
        self._over = False
        return Observation("1 + 1?")

    def step(self, action: str) -> Observation:
        if self._over:
            raise RuntimeError("answered already")
        self._over = True
        right = self._answer in ("any", action)
        return Observation(
            "right" if right else "wrong",
            reward=float(right),
            terminated=True,
            score=float(right),
            success=right,
        )

    def close(self) -> None:
        pass


class WrongKey(Riddle):
    answer = "3"


class TooEasy(Riddle):
    answer = "any"


class Leaky(Riddle):
    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        rows = super().tasks("train", n_per_level, start=start)
        return [Task(f"{split}/{t.seed}", "riddle", split, "1 + 1?", t.seed, 1) for t in rows]


class Few(Riddle):
    """Three tasks to train on, one of each other split."""

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        rows = super().tasks(split, n_per_level, start=start)
        return [task for task in rows if task.seed < (3 if split == "train" else 1)]


class Empty(Riddle):
    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        return []


class Unprepared(Riddle):
    def prepare(self, tasks: object, *, progress: object = None, workers: int = 1) -> None:
        raise OSError("no data")


class NoTest(Riddle):
    def open(self, task: Task) -> "Answer":
        if task.split == "test":
            raise OSError("no data")
        return super().open(task)


class Endless(Riddle):
    def open(self, task: Task) -> "Answer":
        return Again(self.answer)


class Toolless(Riddle):
    def open(self, task: Task) -> "Answer":
        return WithFunction(self.answer)


class Broken(Riddle):
    def fingerprint(self) -> str:
        raise OSError("no data")


class Again(Answer):
    def step(self, action: str) -> Observation:
        self._over = False
        return super().step(action)


class WithFunction(Answer):
    tools = (print,)  # type: ignore[assignment]


class Unsteady(Riddle):
    """Whose first observation is another one each time."""

    n = 0

    def open(self, task: Task) -> "Answer":
        Unsteady.n += 1
        return Told(f"It is {Unsteady.n} o'clock.")


class Told(Answer):
    def __init__(self, text: str) -> None:
        super().__init__("2")
        self._text = text

    def reset(self) -> Observation:
        return replace(super().reset(), text=self._text)


class Dicey(Riddle):
    """Whose steps are drawn by chance."""

    def open(self, task: Task) -> "Answer":
        return Drawn(self.answer)


class Drawn(Answer):
    n = 0

    def step(self, action: str) -> Observation:
        Drawn.n += 1
        return replace(super().step(action), text=f"{Drawn.n}")


@pytest.mark.parametrize("benchmark", [Riddle(), Few()])
def test_a_question_like_benchmark_passes(benchmark: Benchmark) -> None:
    findings = check(benchmark, 2)
    assert [finding for finding in findings if not finding.ok] == []
    subjects = {finding.subject.split("/")[1] for finding in findings if "/" in finding.subject}
    assert subjects == {"train", "validation", "test"}, "each split is tried"


def test_a_split_that_cannot_be_opened_is_found() -> None:
    faults = [one for one in check(NoTest()) if not one.ok]
    assert {one.subject for one in faults} == {"riddle/test/0"}


def test_levels_that_have_no_tasks_are_named() -> None:
    faults = [one.message for one in check(Riddle(), levels=(1, 7)) if not one.ok]
    assert faults == ["train: no task of level 7"]


@pytest.mark.parametrize(
    ("benchmark", "failed"),
    [
        (WrongKey(), "gold wins"),
        (TooEasy(), "idling does not win"),
        (Leaky(), "splits are disjoint"),
        (Endless(), "environment is whole"),
        (Toolless(), "environment is whole"),
        (Broken(), "fingerprint is stable"),
        (Empty(), "every level has tasks"),
        (Unprepared(), "tasks can be prepared"),
        (Unsteady(), "reset is deterministic"),
        (Dicey(), "episodes do not touch"),
    ],
)
def test_a_fault_is_found(benchmark: Benchmark, failed: str) -> None:
    assert {finding.check for finding in check(benchmark) if not finding.ok} == {failed}


def test_what_cannot_be_judged_is_told_apart_from_a_fault() -> None:
    side = [one for one in check(Unsteady()) if one.check == "episodes do not touch"]
    assert [one.judged for one in side] == [False] * 3
    assert {one.message for one in side} == {
        "not judged: reset itself is not deterministic, so that no two episodes are alike"
    }
    drawn = [one for one in check(Dicey()) if one.check == "episodes do not touch"]
    assert {one.message for one in drawn} == {
        "the same actions gave another episode with nothing beside it: step draws by chance"
    }
