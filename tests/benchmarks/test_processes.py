import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from agentevo.benchmarks import BenchmarkError, Environment, Observation
from agentevo.benchmarks.processes import Pooled, end_idle


class Counter:
    """Counts in a module's global, as engines that are not thread-safe do."""

    count = 0
    tools = ()

    def __init__(self, goal: int = 3, *, marks: Path | None = None) -> None:
        self._goal = goal
        self._marks = marks

    def reset(self) -> Observation:
        Counter.count = 0
        return self._observe()

    def step(self, action: str) -> Observation:
        if Counter.count >= self._goal:
            raise RuntimeError("the episode is over")
        match action:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                sys.exit("no more memory")
            case "break":
                raise Odd("broken")
            case "print":
                print("noise", flush=True)
                os.system("echo noise; cat")
            case "sleep":
                time.sleep(30)
            case "linger":  # a child that keeps all pipes open
                if os.fork() == 0:
                    time.sleep(30)
                    os._exit(0)
                os.kill(os.getpid(), signal.SIGKILL)
        Counter.count += 1
        return self._observe()

    def close(self) -> None:
        if self._marks is not None:
            self._marks.write_text("closed")

    def _observe(self) -> Observation:
        return Observation(f"{Counter.count}", info={"process": os.getpid()})


class Odd(Exception):
    pass


class Question(Counter):
    takes_answers = True


def refuse() -> Environment:
    raise BenchmarkError("there is no such game")


def tooled() -> Environment:
    environment = Counter()
    environment.tools = ("hammer",)  # type: ignore[assignment]
    return environment


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    end_idle()


def _process(environment: Environment) -> int:
    found = environment.reset().info["process"]
    assert isinstance(found, int)
    return found


def test_an_episode_in_a_worker_is_that_of_its_environment() -> None:
    with closing(Pooled(Counter, 2)) as pooled:
        assert isinstance(pooled, Environment)
        assert _process(pooled) != os.getpid()
        assert [pooled.step("go").text for _ in range(2)] == ["1", "2"]
        with pytest.raises(RuntimeError, match="the episode is over"):
            pooled.step("go")
        assert pooled.reset().text == "0"
        assert not pooled.takes_answers
    with closing(Pooled(Question)) as question:
        assert question.takes_answers


def test_closing_hands_the_worker_to_the_next_and_is_harmless_twice(tmp_path: Path) -> None:
    first = Pooled(Counter, marks=tmp_path / "first")
    process = _process(first)
    first.close()
    first.close()
    assert (tmp_path / "first").read_text() == "closed"
    with pytest.raises(RuntimeError, match="closed"):
        first.step("go")
    with closing(Pooled(Counter)) as second:
        assert _process(second) == process
        with closing(Pooled(Counter)) as beside:
            assert _process(beside) != process


def test_eight_episodes_in_threads_do_not_mix() -> None:
    def play(goal: int) -> list[str]:
        with closing(Pooled(Counter, goal)) as pooled:
            ready.wait()
            return [pooled.reset().text, *(pooled.step("go").text for _ in range(goal))]

    ready = threading.Barrier(8)  # all are open at once
    with ThreadPoolExecutor(8) as threads:
        played = list(threads.map(play, range(10, 18)))
    assert played == [[str(i) for i in range(goal + 1)] for goal in range(10, 18)]


@pytest.mark.parametrize(
    ("action", "told"),
    [("die", "SIGKILL"), ("exit", "no more memory"), ("linger", "SIGKILL")],
)
def test_a_dead_worker_is_told_and_harms_no_other(action: str, told: str) -> None:
    with closing(Pooled(Counter)) as other:
        other.reset()
        with closing(Pooled(Counter)) as pooled:
            pooled.reset()
            for attempt in (action, "go"):
                with pytest.raises(ConnectionError, match=told):
                    pooled.step(attempt)
        assert other.step("go").text == "1"


def test_a_worker_killed_from_outside_in_mid_step_is_told() -> None:
    with closing(Pooled(Counter)) as pooled:
        process = _process(pooled)
        threading.Timer(0.3, os.kill, (process, signal.SIGKILL)).start()
        with pytest.raises(ConnectionError, match="SIGKILL"):
            pooled.step("sleep")


def test_a_worker_that_died_while_idle_is_not_used() -> None:
    with closing(Pooled(Counter)) as pooled:
        process = _process(pooled)
    os.kill(process, signal.SIGKILL)
    time.sleep(0.2)
    with closing(Pooled(Counter)) as pooled:
        assert _process(pooled) != process


def test_what_an_engine_prints_and_reads_does_not_mix_with_the_answers() -> None:
    with closing(Pooled(Counter)) as pooled:
        pooled.reset()
        assert pooled.step("print").text == "1"
        assert pooled.step("go").text == "2"


def test_errors_come_across_and_leave_the_worker_usable() -> None:
    with closing(Pooled(Counter)) as pooled:
        pooled.reset()
        with pytest.raises(RuntimeError, match="Odd: broken") as caught:
            pooled.step("break")
        assert any("in step" in note for note in caught.value.__notes__)
        assert pooled.step("go").text == "1"
    with pytest.raises(BenchmarkError, match="there is no such game"):
        Pooled(refuse)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot import"):
        Pooled(lambda: Counter())
    with pytest.raises(TypeError, match="has tools"):
        Pooled(tooled)


def test_workers_say_sets_out_in_one_order() -> None:
    with closing(Pooled(Shelf)) as one, closing(Pooled(Shelf)) as other:
        assert one.reset() == other.reset()


class Shelf(Counter):
    def _observe(self) -> Observation:
        return Observation(" ".join({f"thing {i}" for i in range(50)}))


def test_workers_end_with_their_parent_even_if_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path[:] = {sys.path!r}\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        f"spec = spec_from_file_location('counting', {__file__!r})\n"
        "sys.modules['counting'] = module = module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "idle, open = module.Pooled(module.Counter), module.Pooled(module.Counter)\n"
        "print(idle.reset().info['process'], open.reset().info['process'], flush=True)\n"
        "idle.close()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
    deadline = time.monotonic() + 20
    while any(_runs(worker) for worker in workers):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
