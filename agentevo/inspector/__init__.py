"""The local web pages: runs, episodes, the memory and its history, and what a person may change."""

from agentevo.inspector.app import create_app
from agentevo.inspector.server import serve

__all__ = ["create_app", "serve"]
