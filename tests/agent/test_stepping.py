"""Steps that hang end their episode, and nothing else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from agentevo import backbones, benchmarks
from agentevo.agent.episode import Limits
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.agent.stepping import StepTimeoutError, stepped
from agentevo.benchmarks import Observation, Task
from agentevo.benchmarks.processes import Pooled
from agentevo.experience import Trajectory

ROOT = Path(__file__).parents[2]
WORLDS = ROOT / "tests" / "worlds.py"


class Slow:
    """Answers once it is let go."""

    tools: Sequence[BaseTool] = ()

    def __init__(self) -> None:
        self.go, self.is_closed = threading.Event(), threading.Event()

    def reset(self) -> Observation:
        return Observation("A door.")

    def step(self, action: str) -> Observation:
        if action == "stop":
            raise StopIteration("no more")
        self.go.wait(60)
        return Observation("It opens.", terminated=True, score=1.0, success=True)

    def close(self) -> None:
        self.is_closed.set()


class Stuck(Slow):
    """Hangs in a worker process, which notes its id."""

    def __init__(self, note: Path) -> None:
        super().__init__()
        self.note = note

    def step(self, action: str) -> Observation:
        import os

        self.note.write_text(str(os.getpid()))
        time.sleep(600)
        return Observation("")


def played(player: Player, benchmark: Any, tasks: Sequence[Task]) -> dict[str, Trajectory]:
    """Return the episodes of some tasks, played side by side, by task."""

    async def collect() -> dict[str, Trajectory]:
        occasion = Occasion(0, "evaluation")
        found = [t async for ts in play_all(player, benchmark, tasks, occasion) for t in ts]
        return {one.task_id: one for one in found}

    return asyncio.run(collect())


def test_a_step_that_hangs_ends_its_episode_and_its_siblings_go_on() -> None:
    benchmark: Any = benchmarks.load(f"{WORLDS}:boxes")
    whole, slow = benchmark.open, Slow()
    tasks = benchmark.tasks("validation", 3)
    benchmark.open = lambda task: slow if task == tasks[0] else whole(task)
    player = Player(backbones.load(f"{WORLDS}:scripted"), limits=Limits(step_timeout_s=0.3))

    found = played(player, benchmark, tasks)
    stuck = found.pop(tasks[0].id)
    assert stuck.ending == "error"
    assert "did not answer 'pull lever' within 0.3 s (agent.step_timeout_s)" in stuck.error
    assert {one.ending for one in found.values()} == {"failure"}
    assert not slow.is_closed.is_set(), "nobody touches what the step still has"
    slow.go.set()
    assert slow.is_closed.wait(10), "the step came back, and its thread tidied up"


@pytest.mark.parametrize("hanging", ["open", "reset"])
def test_what_hangs_before_the_first_observation_ends_its_episode(hanging: str) -> None:
    benchmark: Any = benchmarks.load(f"{WORLDS}:boxes")
    whole, slow = benchmark.open, Slow()
    tasks = benchmark.tasks("validation", 2)

    def wait() -> Observation:
        slow.go.wait(60)
        return Observation("A door.")

    def opened(task: Task) -> Any:
        if task != tasks[0]:
            return whole(task)
        if hanging == "open":
            wait()
        return slow

    benchmark.open, slow.reset = opened, wait  # type: ignore[method-assign]
    player = Player(backbones.load(f"{WORLDS}:scripted"), limits=Limits(open_timeout_s=0.3))

    found = played(player, benchmark, tasks)
    stuck = found.pop(tasks[0].id)
    assert (stuck.ending, stuck.steps) == ("error", ())
    assert "within 0.3 s (agent.open_timeout_s)" in stuck.error
    assert {one.ending for one in found.values()} == {"failure"}
    slow.go.set()
    assert slow.is_closed.wait(10), "what came too late is closed"


def test_what_takes_its_time_is_waited_for() -> None:
    async def play(timeout_s: float) -> str:
        slow = Slow()
        threading.Timer(0.2, slow.go.set).start()
        return (await stepped(slow, "open door", timeout_s)).text

    assert asyncio.run(play(0)) == "It opens."
    assert asyncio.run(play(30)) == "It opens."
    with pytest.raises(StepTimeoutError, match=r"within 0\.05 s"):
        asyncio.run(play(0.05))


def test_an_error_of_a_step_comes_across() -> None:
    with pytest.raises(RuntimeError, match="StopIteration: no more"):
        asyncio.run(stepped(Slow(), "stop", 30))


def test_a_worker_process_that_hangs_is_ended(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    environment = Pooled(Stuck, note)

    async def play() -> None:
        environment.reset()
        await stepped(environment, "look", 1.0)

    with pytest.raises(StepTimeoutError):
        asyncio.run(play())
    deadline = time.monotonic() + 20
    while Path(f"/proc/{note.read_text()}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_step_that_hangs_does_not_keep_the_program_from_ending() -> None:
    script = """
import asyncio, time

from agentevo.agent.stepping import StepTimeoutError, stepped

class Stuck:
    tools = ()
    def step(self, action):
        time.sleep(600)

try:
    asyncio.run(stepped(Stuck(), "look", 0.2))
except StepTimeoutError:
    print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr


def test_a_task_is_played_without_a_limit() -> None:
    benchmark: Any = benchmarks.load(f"{WORLDS}:boxes")
    tasks: list[Task] = benchmark.tasks("validation", 1)
    player = Player(backbones.load(f"{WORLDS}:scripted"), limits=Limits(step_timeout_s=0))
    assert {one.ending for one in played(player, benchmark, tasks).values()} == {"failure"}
