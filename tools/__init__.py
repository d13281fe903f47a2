"""Tools that an agent can call: LangChain tools, made from a function by one decorator.

Stands alone: of agentevo it uses only the sandbox. Importing it opens nothing.
"""

from langchain_core.tools import BaseTool

from agentevo.tools.context import Context, Embed
from agentevo.tools.decorator import tool
from agentevo.tools.errors import ToolError
from agentevo.tools.registry import Toolbox, load, names

__all__ = ["BaseTool", "Context", "Embed", "ToolError", "Toolbox", "load", "names", "tool"]
