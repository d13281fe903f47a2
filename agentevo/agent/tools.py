"""Tools within an episode: how they are told of, called by text or natively, and how they fail."""

from __future__ import annotations

import json
from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool

from agentevo.dialogue.context import Turn
from agentevo.experience import ToolCall

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
    return await _call(tool, arguments)


async def call_all(tools: Sequence[BaseTool], message: AIMessage) -> tuple[ToolCall, ...]:
    """Carry out the calls that a reply makes in the model's own form; none: it makes none."""
    known = {tool.name: tool for tool in tools}
    made: list[ToolCall] = []
    for one in message.tool_calls:
        name, number = one["name"], one["id"] or f"call_{len(made)}"
        if name in known:
            result = await _call(known[name], one["args"])
        else:
            result = f"There is no tool {name!r} (there are: {', '.join(known)})."
        made.append(ToolCall(number, name, json.dumps(one["args"]), result))
    for bad in message.invalid_tool_calls:
        name, number = bad["name"] or "?", bad["id"] or f"call_{len(made)}"
        result = f"The arguments of {name} are not JSON: {bad['error'] or 'they cannot be read'}"
        made.append(ToolCall(number, name, bad["args"] or "", result))
    return tuple(made)


def messages_of_turn(turn: Turn) -> list[BaseMessage]:
    """Return a reply and what followed as the messages that the model had."""
    if not turn.calls:
        return [AIMessage(turn.reply), HumanMessage(turn.observation)]
    calls = [
        {"id": one.id, "name": one.name, "args": _arguments(one.arguments)} for one in turn.calls
    ]
    results = [ToolMessage(one.result, tool_call_id=one.id, name=one.name) for one in turn.calls]
    return [AIMessage(turn.reply, tool_calls=calls), *results]


def _arguments(text: str) -> dict[str, object]:
    """Return arguments as they can be sent again; what was no JSON object is told as text."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": text}


async def _call(tool: BaseTool, arguments: dict[str, object]) -> str:
    name = tool.name
    try:
        result = str(await tool.ainvoke(arguments))
    except Exception as error:
        return f"{name} failed: {type(error).__name__}: {error}"[:MAX_CHARACTERS]
    if len(result) > MAX_CHARACTERS:
        return result[:MAX_CHARACTERS] + f" ... ({len(result)} characters in all)"
    return result
