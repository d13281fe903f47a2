"""Calls of tools by text: `name {arguments as JSON}`."""

import json
from collections.abc import Mapping

from langchain_core.tools import BaseTool, ToolException
from pydantic import ValidationError


def written(name: str, arguments: Mapping[str, object]) -> str:
    """Return the text of a call."""
    return f"{name} {json.dumps(arguments)}"


def called(tools: Mapping[str, BaseTool], text: str) -> str | None:
    """Carry out the call that a text makes, and return the result or what is wrong with it.

    None: its first word is no tool's name, so the text is no call.
    """
    name, _, rest = text.strip().partition(" ")
    tool = tools.get(name)
    if tool is None:
        return None
    try:
        arguments = json.loads(rest or "{}")
    except json.JSONDecodeError as error:
        return f"Error: the arguments of {name} are not JSON: {error}"
    if not isinstance(arguments, dict):
        return f"Error: the arguments of {name} must be a JSON object"
    try:
        return str(tool.invoke(arguments))
    except ToolException as error:
        return f"Error: {error}"
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return f"Error: {'; '.join(wrong)}"
