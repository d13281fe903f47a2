"""A process that writes lessons until it is killed, telling each one that was acknowledged."""

import sys
from pathlib import Path

from conftest import HashEmbedder  # type: ignore[import-not-found]  # run by its path

from agentevo.memory import Lesson, Memory, Provenance, connect


def write(folder: Path) -> None:
    """Write for ever: inserts, retirements and revisions in turn."""
    engine = connect(folder / "log.db")
    source = (Provenance("child", trajectories=("t1",)),)
    with Memory(engine, folder / "index", "kitchen", HashEmbedder()) as memory:
        print("open", flush=True)
        for n in range(len(memory.lessons), 100_000):
            batch = [Lesson(f"w{n}x{i} happens", f"do y{n}z{i}", "kitchen", source) for i in "ab"]
            first, second = memory.insert(batch, who="child")
            print(first.lesson.id, "active", flush=True)
            memory.retire(second.lesson.id, who="child", why="half of them")
            print(second.lesson.id, "retired", flush=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
