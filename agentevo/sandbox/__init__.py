"""Runs code that nobody vouches for: no network, a file system of its own, limits on all it takes.

Stands alone, under the libraries of tools and of benchmarks, which both run code.
"""

from agentevo.sandbox.kinds import KINDS, Bubblewrap, Container, Subprocess, find
from agentevo.sandbox.outcome import Limits, Outcome, Sandbox, SandboxError

__all__ = [
    "KINDS",
    "Bubblewrap",
    "Container",
    "Limits",
    "Outcome",
    "Sandbox",
    "SandboxError",
    "Subprocess",
    "find",
]
