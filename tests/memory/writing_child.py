"""A process whose children write lessons until they are killed, telling what was acknowledged.

For each line on its standard input it forks one: so what is slow to import is imported once.
"""

import os
import sys
from pathlib import Path

import chromadb.api.rust  # noqa: F401  before the fork
import scipy.special  # noqa: F401
from conftest import HashEmbedder  # type: ignore[import-not-found]  # run by its path

from agentevo.memory import Lesson, Memory, Provenance, connect


def tell(line: str) -> None:
    """Write a line whole, or not at all."""
    os.write(1, f"{line}\n".encode())


def write(folder: Path) -> None:
    """Write for ever: inserts, retirements and revisions in turn, waited for or not."""
    engine = connect(folder / "log.db")
    source = (Provenance("child", trajectories=("t1",)),)
    with Memory(engine, folder / "index", "kitchen", HashEmbedder()) as memory:
        tell("open")
        for n in range(len(memory.lessons), 100_000):
            batch = [Lesson(f"w{n}x{i} happens", f"do y{n}z{i}", "kitchen", source) for i in "ab"]
            first, second = memory.insert(batch, who="child", wait=n % 3 > 0)
            tell(f"{first.lesson.id} active")
            memory.retire(second.lesson.id, who="child", why="half of them")
            tell(f"{second.lesson.id} retired")


def main() -> None:
    """Fork a writer for each line, and wait for its end."""
    tell("ready")
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            try:
                write(Path(sys.argv[1]))
            finally:
                os._exit(1)
        tell(f"pid {child}")
        os.waitpid(child, 0)
        tell("dead")


if __name__ == "__main__":
    main()
