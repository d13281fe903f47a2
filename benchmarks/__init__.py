"""Benchmarks: named families of tasks, and the environments they are played in.

Stands alone: imports nothing else of agentevo. Importing it imports no game engine.
"""

from agentevo.benchmarks.benchmark import Benchmark, Progress
from agentevo.benchmarks.checker import Finding, check
from agentevo.benchmarks.errors import BenchmarkError, ScoreError
from agentevo.benchmarks.registry import load, names
from agentevo.benchmarks.task import (
    JSON,
    SPLITS,
    Environment,
    Observation,
    Split,
    Task,
    check_score,
)

__all__ = [
    "JSON",
    "SPLITS",
    "Benchmark",
    "BenchmarkError",
    "Environment",
    "Finding",
    "Observation",
    "Progress",
    "ScoreError",
    "Split",
    "Task",
    "check",
    "check_score",
    "load",
    "names",
]
