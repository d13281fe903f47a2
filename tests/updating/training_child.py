"""Trains what a file says, slowly, and tells of each step: to be killed in the middle."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from agentevo.settings import WeightSettings
from agentevo.updating.in_weights import tune
from agentevo.updating.traces import TrainingSet
from agentevo.updating.training import Job, Pace

told = json.loads(Path(sys.argv[1]).read_text())


def tell(pace: Pace) -> None:
    print(pace.step, flush=True)
    time.sleep(0.3)


job = Job(
    Path(told["weights"]), None, TrainingSet.from_json(told["data"]),
    WeightSettings(**told["settings"]), Path(told["out"]), 64, seed=0,
)  # fmt: skip
tune("sft", job, tell)
