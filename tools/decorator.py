"""`tool`: one function, with types and a docstring, becomes a tool; what is missing is said."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints, overload

from langchain_core.tools import BaseTool, StructuredTool

from agentevo.tools.errors import ToolError

Function = Callable[..., Any]


@overload
def tool(function: Function, /) -> BaseTool: ...


@overload
def tool(*, name: str | None = None) -> Callable[[Function], BaseTool]: ...


def tool(
    function: Function | None = None, /, *, name: str | None = None
) -> BaseTool | Callable[[Function], BaseTool]:
    """Make a function a tool that any LangChain agent can call.

    Its name, description and schema come from its signature and docstring; with a section `Args:`
    each argument has a description of its own. Sync and async functions are taken.

    Args:
        function: has a type for each parameter, and a docstring.
        name: what the model calls it by; None: the function's own name.

    Raises:
        ToolError: something is missing; the message says what to write.
    """
    if function is None:
        return lambda found: _made(found, name)
    return _made(function, name)


def _made(function: Function, name: str | None) -> BaseTool:
    if getattr(function, "__name__", "") == "<lambda>":
        raise ToolError(
            "a lambda is no tool: write a function with a name, types and a docstring, decorated "
            "with agentevo.tools.tool"
        )
    called = name or str(getattr(function, "__name__", ""))
    if not callable(function) or isinstance(function, type):
        raise ToolError(f"{function!r} is no function: a tool is a function, decorated")
    if not called.isidentifier() or len(called) > 64:
        raise ToolError(f"{called!r} is no name of a tool: write @tool(name='a_short_name')")
    doc = inspect.getdoc(function) or ""
    if not doc.strip():
        raise ToolError(
            f'tool {called} has no docstring: write """What it returns.""" under its first line; '
            "it is what the model reads"
        )
    for one in inspect.signature(function).parameters.values():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY):
            raise ToolError(f"tool {called}: name each argument; a model cannot give {one}")
        if one.annotation is one.empty:
            raise ToolError(
                f"tool {called}: argument {one.name} has no type: write {one.name}: str, or "
                "whatever it is"
            )
    try:
        get_type_hints(function)
    except Exception as error:  # whatever an annotation raises when it is looked up
        raise ToolError(f"tool {called}: a type cannot be found: {error}") from None
    is_async = inspect.iscoroutinefunction(function)
    try:
        return StructuredTool.from_function(
            func=None if is_async else function, coroutine=function if is_async else None,
            name=called, parse_docstring="\nArgs:" in doc, error_on_invalid_docstring=True,
        )  # fmt: skip
    except Exception as error:  # of pydantic or of the docstring's sections
        raise ToolError(f"tool {called} cannot be made: {' '.join(str(error).split())}") from None
