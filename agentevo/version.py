"""The version of agentevo."""

__version__ = "0.1.0"
