"""Finds tools by name (entry points of the group `agentevo.tools`) or by `file.py:name`."""

from __future__ import annotations

import importlib.util
import sys
from difflib import get_close_matches
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from langchain_core.tools import BaseTool

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
        path, _, attribute = name.rpartition(":")
        found = getattr(_module(Path(path).expanduser().resolve()), attribute, None)
        if found is None:
            raise ToolError(f"{path} defines no {attribute!r}")
    elif name.endswith(".py"):
        raise ToolError(f"{name} is a file: write {name}:NAME, a name that it defines")
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


def _module(path: Path) -> ModuleType:
    """Import a file under a name of its own, once per process."""
    key = f"agentevo_tool_{sha256(str(path).encode()).hexdigest()[:12]}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ToolError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module  # where a tool's arguments have types, they are looked up in it
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[key]
        if not isinstance(error, Exception):
            raise
        why = f"{type(error).__name__}: {error}"
        raise ToolError(f"{path} cannot be imported: {why}") from error
    return module
