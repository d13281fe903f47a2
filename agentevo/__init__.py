"""LLM agents that evolve by themselves, in memory and in weights.

Importing this imports nothing heavy.
"""

from agentevo.api import aevolve, evolve
from agentevo.solving import Agent, Answer
from agentevo.version import __version__

__all__ = ["Agent", "Answer", "__version__", "aevolve", "evolve"]
