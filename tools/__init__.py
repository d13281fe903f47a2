"""Tools that an agent can call: LangChain tools, made from a function by one decorator.

Stands alone: imports nothing else of agentevo.
"""

from langchain_core.tools import BaseTool, tool

from agentevo.tools.registry import ToolError, load, names

__all__ = ["BaseTool", "ToolError", "load", "names", "tool"]
