"""How long the inspector's pages take over a run of 1,000 episodes and 10,000 lessons.

Each page is asked for by a server that has just begun, and again. The run is made up: its episodes
have the size of those of TextWorld, its lessons are numbered.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from conditions import write
from recall import Directions
from rich.console import Console
from rich.table import Table

from agentevo.config import make
from agentevo.evaluation.evaluate import Arm
from agentevo.experience import Recall, Step, Trajectory
from agentevo.memory import Lesson, Memory, Provenance
from agentevo.run import Run

N_EPISODES, N_LESSONS, N_STEPS = 1000, 10_000, 30
OBSERVATION = "You walk on. There is a door to the north, a shelf with a jar, and a lamp. " * 4


def recorded(folder: Path) -> str:
    """Make the run, and return the id of one of its lessons."""
    run = Run.start(folder, make({"n_generations": 2}))
    source = (Provenance("seed+plain", ("acquisition/1/0",), 1, steps=("acquisition/1/0#3",)),)
    with Memory(run.ledger.engine, folder / "index", run.scope, Directions()) as memory:
        for start in range(0, N_LESSONS, 1000):
            texts = [
                f"case {i} of topic-{i % 997:06d} comes up" for i in range(start, start + 1000)
            ]
            memory.insert(
                [Lesson(text, f"do what {text}", run.scope, source) for text in texts],
                who="generation 1", why="distilled", wait=False,
            )  # fmt: skip
            print(f"\r{start + 1000:,} lessons", end="", file=sys.stderr, flush=True)
        memory.settle()
        ids, version = [one.id for one in memory.lessons], memory.version
    rng, new = random.Random(0), Arm(version, "")
    for i in range(N_EPISODES):
        purpose, arm = (
            ("acquisition", Arm(0, "")) if i < 600 else ("report", (Arm(0, ""), new)[i % 2])
        )
        run.ledger.add_episode(run.id, episode(i, purpose, arm, rng.sample(ids, 40), rng))
    print(f"\r{N_EPISODES:,} episodes, {N_LESSONS:,} lessons", file=sys.stderr)
    run.promote(1, "memory", new)
    for generation in (1, 2):
        run.ledger.add_update(run.id, generation, "outcome", new.pair)
    run.ledger.set_status(run.id, "finished")
    run.close()
    return ids[0]


def episode(i: int, purpose: str, arm: Arm, ids: list[str], rng: random.Random) -> Trajectory:
    """Return an episode of the usual size."""
    score = rng.choice([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    return Trajectory(
        id=f"{purpose}/{1 + i % 2}/{i}",
        task_id=f"task/{i // 2}",
        benchmark="textworld-cooking",
        split="train" if purpose == "acquisition" else "test",
        difficulty=1 + i % 10,
        instruction="Cook.",
        first_observation=OBSERVATION,
        purpose=purpose,  # type: ignore[arg-type]
        generation=1 + i % 2,
        attempt=0,
        arm=arm.name if purpose == "report" else "",
        steps=(Step("I look for the jar.", "go north", OBSERVATION, 0.0, 900, 30),) * N_STEPS,
        ending="failure",
        score=score,
        best_score=score,
        success=False,
        seed=i,
        recall=Recall(dict.fromkeys(ids[:32], 0.5), tuple(ids[:8]), tuple(ids[8:10]), 0.85),
        memory_version=arm.memory_version,
        seconds=20.0,
    )


def seconds(home: Path, page: str) -> tuple[float, float]:
    """Return how long a page takes a server that has just begun, and then again."""
    server = subprocess.Popen(
        [sys.executable, "-m", "agentevo", "inspect"],
        env=os.environ | {"AGENTEVO_HOME": str(home)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    address = server.stdout.readline().split("/?")[0]
    times = []
    for _ in range(2):
        began = time.perf_counter()
        with urllib.request.urlopen(address + page) as answer:
            answer.read()
        times.append(time.perf_counter() - began)
    server.terminate()
    server.wait()
    return times[0], times[1]


def main() -> None:
    """Print the table and write the figures."""
    with tempfile.TemporaryDirectory() as folder:
        lesson = recorded(Path(folder) / "runs" / "big")
        pages = {
            "runs": "/",
            "run": "/runs/big",
            "memory": "/runs/big/memory",
            "memory, searched": "/runs/big/memory?words=case+77&order=utility",
            "lesson": f"/runs/big/memory/{lesson}",
            "review": "/runs/big/review",
            "versions": "/runs/big/versions",
            "episodes": "/runs/big/episodes?purpose=report",
            "episode": "/runs/big/episodes/acquisition/1/0",
            "adapters": "/runs/big/adapters",
        }
        found = {name: seconds(Path(folder), page) for name, page in pages.items()}
    table = Table("page", "first time, s", "again, s")
    for name, (first, again) in found.items():
        table.add_row(name, f"{first:.2f}", f"{again:.2f}")
    Console().print(table)
    write(
        "inspector",
        {
            "n_episodes": N_EPISODES, "n_lessons": N_LESSONS,
            "pages": {name: {"first_s": a, "again_s": b} for name, (a, b) in found.items()},
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
