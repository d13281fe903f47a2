"""Any Gymnasium environment that can be told in words, as a Benchmark."""

from agentevo.benchmarks.gymnasium.benchmark import Gymnasium

__all__ = ["Gymnasium"]
