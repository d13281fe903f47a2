"""What two processes, or one that was killed, do to a memory."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentevo.memory import Lesson, Memory, MemoryAccessError, connect, lessons

from .conftest import HashEmbedder

ROOT = Path(__file__).parents[2]


class Writers:
    """Writing processes, one after the other, each to be killed."""

    def __init__(self, folder: Path) -> None:
        self.parent = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("writing_child.py")), str(folder)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.read() == "ready"

    def read(self) -> str:
        assert self.parent.stdout is not None
        return self.parent.stdout.readline().strip()

    def start(self) -> int:
        """Start one, wait until it has the memory open, and return its process id."""
        assert self.parent.stdin is not None
        self.parent.stdin.write("go\n")
        self.parent.stdin.flush()
        said = sorted([self.read(), self.read()])
        assert said[0] == "open", said
        return int(said[1].removeprefix("pid "))

    def kill(self, child: int, *, after: int = 0, wait_s: float = 0) -> dict[str, str]:
        """Kill one with SIGKILL, so many acknowledgements and seconds from now.

        Returns:
            What it had acknowledged: status by lesson id.
        """
        told = [self.read() for _ in range(after)]
        time.sleep(wait_s)
        os.kill(child, signal.SIGKILL)
        while (line := self.read()) != "dead":
            told.append(line)
        return dict(line.split() for line in told)

    def close(self) -> None:
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.parent.stdin.close()
        self.parent.wait()
        self.parent.stdout.close()


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    some = Writers(tmp_path)
    yield some
    some.close()


def test_fifty_killed_writers_lose_nothing_acknowledged_and_index_and_log_agree(
    tmp_path: Path, writers: Writers
) -> None:
    acknowledged: dict[str, str] = {}
    for n in range(50):
        child = writers.start()
        acknowledged |= writers.kill(child, after=n % 4, wait_s=0.0007 * (7 * n % 50))
    engine = connect(tmp_path / "log.db")
    with Memory(engine, tmp_path / "index", "kitchen", HashEmbedder()) as memory:
        standing = {one.id: one.status for one in memory.lessons}
        assert len(acknowledged) >= 75
        assert acknowledged.items() <= standing.items()
        assert len({one.content_key for one in memory.lessons}) == len(memory.lessons)
        assert memory.check() == ()
    engine.dispose()


def test_a_second_process_is_refused_and_can_still_read(tmp_path: Path, writers: Writers) -> None:
    child = writers.start()
    engine = connect(tmp_path / "log.db")
    try:
        with pytest.raises(MemoryAccessError, match=f"by process {child}.*chroma run --path"):
            Memory(engine, tmp_path / "index", "kitchen", HashEmbedder())
        with pytest.raises(MemoryAccessError):
            Memory(engine, tmp_path / "index", "another scope", HashEmbedder())
        lessons(engine, "kitchen")
    finally:
        writers.kill(child)
    with Memory(engine, tmp_path / "index", "kitchen", HashEmbedder()) as memory:
        assert memory.check() == ()
    engine.dispose()


def test_two_writers_share_a_server_and_read_each_others_lessons(
    tmp_path: Path, server: str, lesson: Callable[..., Lesson]
) -> None:
    engine = connect(tmp_path / "log.db")
    one = Memory(engine, server, "kitchen", HashEmbedder())
    other = Memory(engine, server, "kitchen", HashEmbedder())
    one.insert([lesson("you fry", "use the stove")], who="one")
    (written,) = other.insert([lesson("you fry", "use the stove", source="t2")], who="other")
    assert written.outcome == "merged"
    other.retire(written.lesson.id, who="other", why="x")
    one.insert([lesson("you roast", "use the oven")], who="one")
    assert one.check() == other.check() == ()
    assert one.version == 4
    assert [found.advice for found, _ in other.search("you fry", 5)] == ["use the oven"]
    one.close()
    other.close()
    engine.dispose()


def test_importing_the_memory_loads_neither_a_model_nor_chroma() -> None:
    code = (
        "import sys, agentevo.memory\n"
        "heavy = {'torch', 'chromadb', 'sentence_transformers', 'transformers', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
