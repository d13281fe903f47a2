"""Recorded runs, made by hand, for the tests of reports."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from agentevo.config import make
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.gate import Outcome, judge
from agentevo.evaluation.report import write_report
from agentevo.experience import Recall, Step, Trajectory
from agentevo.memory import Lesson, Memory, Provenance
from agentevo.memory.embedding import Vectors
from agentevo.run import Run

BENCHMARK = """
class Doors:
    name = description = licence = source = "doors"
    levels = (1, 2)
    thread_safe = True
    def max_steps(self, task): return 5
    def fingerprint(self): return "doors-1"
    def tasks(self, split, n_per_level, *, levels=None, start=0): return []
    def prepare(self, tasks, *, progress=None, workers=1): pass
    def open(self, task): raise RuntimeError("a report opens no environment")
    def gold(self, task): return None

doors = Doors()
"""

HOSTILE = (
    '<script>alert(1)</script><img src="https://evil.example/x.png" onerror="alert(2)"/>'
    " {{ 7 * 7 }} </div></details>\x1b[31m\x00 \u202egnitset \udc80 & &lt;b&gt;"
)


class Embedder:
    """A fixed random direction for each text."""

    name, dimension = "hash-16", 16

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = []
        for text in texts:
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
            row = np.random.default_rng(seed).standard_normal(self.dimension)
            rows.append(row / np.linalg.norm(row))
        return np.array(rows, np.float32)


def episode(purpose: Any, arm: str, n: int, score: float, **changes: Any) -> Trajectory:
    """Return an episode of task n; tasks alternate between levels 1 and 2."""
    one = Trajectory(
        id=f"{purpose}/{arm}/{changes.get('generation', 1)}/{n}",
        task_id=f"doors/{purpose}/{n}",
        benchmark="doors",
        split="train" if purpose == "acquisition" else "test",
        difficulty=1 + n % 2,
        instruction="Open the door.",
        first_observation="A door.",
        purpose=purpose,
        generation=1,
        attempt=0,
        arm=arm,
        steps=(Step("It is shut.", "open door", "It opens.", score, 90, 10),) * 2,
        ending="success" if score == 1 else "failure",
        score=score,
        best_score=score,
        success=score == 1,
        seed=0,
        seconds=1.5,
    )
    return replace(one, **changes)


def play(run: Run, arm: Arm, purpose: Any, scores: Sequence[float], **changes: Any) -> None:
    changes = {"memory_version": arm.memory_version, "adapter": arm.adapter, **changes}
    for n, score in enumerate(scores):
        run.ledger.add_episode(run.id, episode(purpose, arm.name, n, score, **changes))


def acquire(run: Run, scores: Sequence[float], generation: int = 1, **changes: Any) -> None:
    for n, score in enumerate(scores):
        one = episode("acquisition", "", n, score, generation=generation, **changes)
        run.ledger.add_episode(run.id, one)


def remember(run: Run, texts: Sequence[tuple[str, str]]) -> tuple[Lesson, ...]:
    source = Provenance("seed+plain", trajectories=("acquisition//1/0",), generation=1)
    with Memory(run.ledger.engine, run.folder / "index", run.scope, Embedder()) as memory:
        memory.insert(
            [Lesson(situation, advice, run.scope, (source,)) for situation, advice in texts],
            who="generation 1",
        )
        return memory.lessons


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    (tmp_path / "doors.py").write_text(BENCHMARK)
    config = make({"benchmark": f"{tmp_path}/doors.py:doors", "n_generations": 1})
    run = Run.start(tmp_path / "one-run", config)
    yield run
    run.close()


@pytest.fixture
def whole(run: Run) -> Run:
    """A run with one generation: the memory was promoted, an adapter held back."""
    acquire(run, [1, 0, 0.5, 0])
    lesson = remember(run, [("the door is shut", "open it")])[0]
    new = Arm(1, "")
    plain = [0, 0.5, 0, 0.5] * 2
    better = [1, 1, 1, 0.5] * 2
    play(run, Arm(0, ""), "gate", plain)
    play(run, new, "gate", better)
    verdict = judge(
        [Outcome(f"t{n}", 0, score, score == 1) for n, score in enumerate(plain)],
        [Outcome(f"t{n}", 0, score, score == 1) for n, score in enumerate(better)],
    ).to_json()
    decision, evidence = str(verdict["decision"]), verdict["evidence"]
    run.ledger.add_verdict(run.id, 1, "memory", decision, evidence)  # type: ignore[arg-type]
    run.promote(1, "memory", new)
    run.ledger.add_update(run.id, 1, "outcome", {"memory_version": 1, "adapter": ""})
    for seconds in (2.0, 3.0):
        run.ledger.add_usage(
            run.id, 1, "acquisition", n_prompt_tokens=100, n_reply_tokens=10, seconds=seconds
        )
    play(run, Arm(0, ""), "report", [0, 0.5, 0, 1])
    shown = Recall({lesson.id: 0.9}, (lesson.id,), (), 1.0)
    play(run, new, "report", [1, 0.5, 1, 1], recall=shown, lessons=(lesson.text,))
    run.ledger.set_status(run.id, "finished")
    return run


def read(run: Run) -> tuple[dict[str, Any], str]:
    """Write a report and return it as data and as a page."""
    path = write_report(run)
    assert path == run.folder / "report.html"
    return json.loads((run.folder / "report.json").read_text()), path.read_text()


def page_text(page: str) -> str:
    """Return what a reader of the page reads; fails where the page is not well-formed."""
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    return " ".join("".join(root.itertext()).split())
