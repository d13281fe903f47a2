"""Tools within an episode: how they are told of, called by text or natively, and how they fail."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool, ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ValidationError

from agentevo.agent.rules import Counts, Rules
from agentevo.dialogue.context import Turn
from agentevo.experience import Step, ToolCall, ToolUse

MAX_ERROR = 20_000  # characters of an error that the trajectory keeps


def describe_tools(tools: Sequence[BaseTool]) -> str:
    """Return what the system prompt says about the tools; nothing where there are none."""
    if not tools:
        return ""
    lines = ["", "Tools, called as `Action: name {arguments as JSON}` before you answer:"]
    for tool in tools:
        lines.append(f"- {tool.name}({_signature(tool)}): {' '.join(tool.description.split())}")
    return "\n".join(lines)


def _signature(tool: BaseTool) -> str:
    """Return a tool's arguments with their types; those that may be left out end with `?`."""
    told = convert_to_openai_tool(tool)["function"].get("parameters", {})
    needed = told.get("required", [])
    return ", ".join(
        f"{name}{'' if name in needed else '?'}: {_type(one)}"
        for name, one in told.get("properties", {}).items()
    )


def _type(schema: dict[str, Any]) -> str:
    """Return a JSON schema's type in a word or two."""
    if values := schema.get("enum"):
        return "|".join(map(str, values))
    if several := schema.get("anyOf"):
        return "|".join(_type(one) for one in several)
    kind = str(schema.get("type", "any"))
    return f"{kind} of {_type(schema['items'])}" if schema.get("items") else kind


def tool_of(tools: Sequence[BaseTool], action: str) -> BaseTool | None:
    """Return the tool that an action names; None: it names none, so it is for the environment."""
    name = action.partition(" ")[0]
    return next((tool for tool in tools if tool.name == name), None)


@dataclass(frozen=True)
class Called:
    """What came of one call."""

    result: str
    """What the model reads."""
    use: ToolUse


async def call_tool(tools: Sequence[BaseTool], action: str, rules: Rules, n_used: Counts) -> Called:
    """Call the tool that an action names, as it says.

    What goes wrong in it is for the model to read: it comes back as text.
    """
    name, _, rest = action.partition(" ")
    tool = tool_of(tools, action)
    assert tool is not None
    try:
        arguments = json.loads(rest or "{}")
    except (ValueError, RecursionError) as error:
        return _refused(name, f"The arguments of {name} are not JSON: {error}")
    if not isinstance(arguments, dict):
        return _refused(name, f"The arguments of {name} must be a JSON object.")
    return await _call(tool, arguments, rules, n_used)


async def call_all(
    tools: Sequence[BaseTool], message: AIMessage, rules: Rules, n_used: Counts
) -> tuple[tuple[ToolCall, ...], tuple[ToolUse, ...]]:
    """Carry out the calls that a reply makes in the model's own form; none: it makes none."""
    known = {tool.name: tool for tool in tools}
    made: list[ToolCall] = []
    uses: list[ToolUse] = []
    counts = Counter(n_used)
    for one in message.tool_calls:
        name, number = one["name"], one["id"] or f"call_{len(made)}"
        if name in known:
            called = await _call(known[name], one["args"], rules, counts)
        else:
            there = ", ".join(known)
            called = _refused(name, f"There is no tool {name!r} (there are: {there}).")
        counts[name] += 1
        uses.append(called.use)
        made.append(ToolCall(number, name, json.dumps(one["args"]), called.result))
    for bad in message.invalid_tool_calls:
        name, number = bad["name"] or "?", bad["id"] or f"call_{len(made)}"
        why = f"The arguments of {name} are not JSON: {bad['error'] or 'they cannot be read'}"
        uses.append(_refused(name, why).use)
        made.append(ToolCall(number, name, bad["args"] or "", why))
    return tuple(made), tuple(uses)


def used(steps: Sequence[Step]) -> Counts:
    """Return how often each tool was called in some steps."""
    return Counter(use.name for step in steps for use in step.uses)


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


async def _call(
    tool: BaseTool, arguments: dict[str, object], rules: Rules, n_used: Counts
) -> Called:
    """Call a tool, if the rules allow it, for as long as they do."""
    name = tool.name
    if refusal := await rules.refusal(name, json.dumps(arguments), n_used):
        return _refused(name, refusal)
    began = time.monotonic()
    try:
        result = str(await asyncio.wait_for(_result(tool, arguments), rules.timeout_s))
        error = ""
    except TimeoutError:
        result = error = f"{name} failed: it took more than {rules.timeout_s:g} s"
    except ToolException as failure:
        result = error = f"{name} failed: {failure}"
    except ValidationError as failure:  # of the arguments, mostly
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in failure.errors()]
        result = f"{name} failed: {'; '.join(told)}"
        error = "".join(traceback.format_exception(failure)) + result
    except Exception as failure:
        result = f"{name} failed: {type(failure).__name__}: {failure}"
        error = "".join(traceback.format_exception(failure)).strip()
    use = ToolUse(name, time.monotonic() - began, error[-MAX_ERROR:])
    n = len(result)
    if n > rules.max_characters:
        most = rules.max_characters
        result = result[:most] + f" ... (the first {most:,} of {n:,} characters)"
    return Called("".join(one for one in result if one.isprintable() or one in "\n\t"), use)


async def _result(tool: BaseTool, arguments: dict[str, object]) -> object:
    """Return what a tool gives.

    One that is not async runs in a thread of its own, which nobody waits for once it takes too
    long, not even the end of the program.
    """
    is_async = type(tool)._arun is not BaseTool._arun
    if isinstance(tool, StructuredTool | Tool):
        is_async = tool.coroutine is not None
    if is_async:
        return await tool.ainvoke(arguments)
    done: Future[object] = Future()

    def work() -> None:
        try:
            result = tool.invoke(arguments)
        except BaseException as error:
            if isinstance(error, SystemExit):  # it ends the tool's call and nothing else
                error = RuntimeError(f"it called exit: {error}")
            if not done.cancelled():
                done.set_exception(error)
        else:
            if not done.cancelled():
                done.set_result(result)

    threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    return await asyncio.wrap_future(done)


def _refused(name: str, why: str) -> Called:
    return Called(why, ToolUse(name, 0.0, why))
