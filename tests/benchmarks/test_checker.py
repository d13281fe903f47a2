from collections.abc import Sequence

import pytest

from agentevo import benchmarks
from agentevo.benchmarks import Benchmark, Observation, Split, Task, check, registry

# Two levels each that differ in kind, so that the whole takes seconds.
SAMPLED = {
    "textworld-cooking": (3, 9),
    "textworld-treasure-hunter": (5, 12),
    "textworld-coin-collector": (3, 105),
}


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_benchmark_keeps_its_promises(name: str) -> None:
    findings = check(benchmarks.load(name), levels=SAMPLED[name])
    assert len(findings) == 4 + 6 * len(SAMPLED[name])
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

    def reset(self) -> Observation:
        return Observation("1 + 1?")

    def step(self, action: str) -> Observation:
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


class Broken(Riddle):
    def fingerprint(self) -> str:
        raise OSError("no data")


def test_a_question_like_benchmark_passes() -> None:
    assert all(finding.ok for finding in check(Riddle()))


@pytest.mark.parametrize(
    ("benchmark", "failed"),
    [
        (WrongKey(), "gold wins"),
        (TooEasy(), "idling does not win"),
        (Leaky(), "splits are disjoint"),
        (Broken(), "fingerprint is stable"),
    ],
)
def test_a_fault_is_found(benchmark: Benchmark, failed: str) -> None:
    assert [finding.check for finding in check(benchmark) if not finding.ok] == [failed]
