"""Tools within an episode: how they are described, called by text, and how they fail."""

from __future__ import annotations

import json
from collections.abc import Sequence

from langchain_core.tools import BaseTool

MAX_CHARACTERS = 4_000  # of a tool's result that the model reads


def describe_tools(tools: Sequence[BaseTool]) -> str:
    """Return what the system prompt says about the tools; nothing where there are none."""
    if not tools:
        return ""
    lines = ["", "Tools, called as `Action: name {arguments as JSON}` before you answer:"]
    for tool in tools:
        arguments = ", ".join(tool.args)
        lines.append(f"- {tool.name}({arguments}): {' '.join(tool.description.split())}")
    return "\n".join(lines)


def tool_of(tools: Sequence[BaseTool], action: str) -> BaseTool | None:
    """Return the tool that an action names; None: it names none, so it is for the environment."""
    name = action.partition(" ")[0]
    return next((tool for tool in tools if tool.name == name), None)


async def call_tool(tool: BaseTool, action: str) -> str:
    """Call a tool as an action says.

    What goes wrong in it is for the model to read: it comes back as text.
    """
    name, _, rest = action.partition(" ")
    try:
        arguments = json.loads(rest or "{}")
    except json.JSONDecodeError as error:
        return f"The arguments of {name} are not JSON: {error}"
    if not isinstance(arguments, dict):
        return f"The arguments of {name} must be a JSON object."
    try:
        result = str(await tool.ainvoke(arguments))
    except Exception as error:
        return f"{name} failed: {type(error).__name__}: {error}"[:MAX_CHARACTERS]
    if len(result) > MAX_CHARACTERS:
        return result[:MAX_CHARACTERS] + f" ... ({len(result)} characters in all)"
    return result
