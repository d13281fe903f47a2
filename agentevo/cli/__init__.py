"""The command line; each command imports what it needs when it runs."""

from agentevo.cli.app import main

__all__ = ["main"]
