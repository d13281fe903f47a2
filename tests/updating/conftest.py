"""Small training sets and jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentevo.settings import WeightSettings
from agentevo.updating.traces import Call, Card, Example, TrainingSet, hash_of
from agentevo.updating.training import Job


def call(question: str, reply: str) -> Call:
    return Call(
        [
            {"role": "system", "content": "Answer."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": reply},
        ]
    )


def example(i: int, reply: str = "", **changes: Any) -> Example:
    reply = reply or f"Action: push {i % 3}"
    return Example((call(f"Box {i}.", reply),), group=f"t{i}", trace=f"e{i}", **changes)


def set_of(*examples: Example) -> TrainingSet:
    return TrainingSet(examples, Card(n_traces=len(examples), hash=hash_of(examples)))


class Jobs:
    """Makes jobs on the tiny model, each in a folder of its own."""

    def __init__(self, weights: Path, folder: Path) -> None:
        self.weights, self.folder = weights, folder

    def __call__(self, data: TrainingSet, name: str = "a", **settings: Any) -> Job:
        defaults = {"mode": "full", "lr": 3e-3, "n_epochs": 2, "tokens_per_step": 256}
        return Job(
            self.weights, None, data, WeightSettings(**{**defaults, **settings}),
            self.folder / "adapters" / name, 64, seed=0,
        )  # fmt: skip


@pytest.fixture
def jobs(tiny_model: Path, tmp_path: Path) -> Jobs:
    return Jobs(tiny_model, tmp_path)
