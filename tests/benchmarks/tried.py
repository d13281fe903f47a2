"""What tests of benchmarks try: one task, some steps of it, the checker, a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import agentevo
from agentevo import benchmarks
from agentevo.benchmarks import Benchmark, Observation, Task

ROOT = Path(agentevo.__path__[0]).parent


def task_of(benchmark: Benchmark, level: int = 1, start: int = 0) -> Task:
    return benchmark.tasks("train", 1, levels=[level], start=start)[0]


def seen_in(benchmark: Benchmark, task: Task, actions: Sequence[str]) -> list[Observation]:
    with closing(benchmark.open(task)) as environment:
        return [environment.reset(), *(environment.step(action) for action in actions)]


def faults_of(benchmark: Benchmark, n_per_level: int = 1, **options: Any) -> list[str]:
    findings = benchmarks.check(benchmark, n_per_level, **options)
    assert len(findings) > 10
    return [f"{one.check}, {one.subject}: {one.message}" for one in findings if not one.ok]


def in_a_process(code: str) -> str:
    """Return what the code prints in a process that finds the benchmarks as this one does."""
    start = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import agentevo.benchmarks as b; "
        f"b.__path__[:] = {list(benchmarks.__path__)!r}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
