"""LLM agents that evolve by themselves, in memory and in weights.

Importing this imports nothing heavy.
"""

__version__ = "0.1.0"
