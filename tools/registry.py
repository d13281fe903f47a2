"""Finds tools by name (entry points of the group `agentevo.tools`) or by `file.py:name`."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import entry_points

from langchain_core.tools import BaseTool

from agentevo.files import from_file

GROUP = "agentevo.tools"


class ToolError(Exception):
    """A tool that cannot be found or used; the user can mend it."""


def names() -> tuple[str, ...]:
    """Return every registered name, sorted."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))


def load(name: str) -> BaseTool:
    """Return a tool by its registered name or as `path/to/file.py:name`.

    Raises:
        ToolError: there is no such tool, or what was found is none.
    """
    found: object
    if ".py:" in name:
        found = from_file(name, ToolError)
    else:
        points = {point.name: point for point in entry_points(group=GROUP)}
        if name not in points:
            near = get_close_matches(name, points, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(points)) or "none"
            raise ToolError(f"there is no tool {name!r}{hint} (known: {known})")
        found = points[name].load()
    if not isinstance(found, BaseTool):
        raise ToolError(f"{name} is no tool: decorate the function with agentevo.tools.tool")
    return found
