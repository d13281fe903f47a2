"""Finds tools by name: built in, a plugin's, a file's, a folder's, an MCP server's.

A plugin's entry point of the group `agentevo.tools` leads to a tool, to several, to a toolkit, or
to a function of the text after the colon that returns one of these.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from types import FunctionType, ModuleType

from langchain_core.tools import BaseTool, BaseToolkit

from agentevo.tools import builtin
from agentevo.tools.context import Context
from agentevo.tools.decorator import Function, tool
from agentevo.tools.errors import ToolError

GROUP = "agentevo.tools"

Closing = Callable[[], None]


def names() -> dict[str, str]:
    """Return every known name with a line on it."""
    ours = {name: text for name, (_, text) in builtin.BUILT_IN.items()}
    plugins = {point.name: f"from {point.value}" for point in entry_points(group=GROUP)}
    rest = {
        "file.py:name": "a function decorated with agentevo.tools.tool, any LangChain tool, "
        "toolkit, or list of tools",
        "FOLDER": "all the tools that the files of a folder define; file.py: those of a file",
    }
    return dict(sorted((ours | plugins).items())) | rest


def load(name: str, context: Context | None = None) -> tuple[tuple[BaseTool, ...], Closing | None]:
    """Return the tools behind a name, and what closes them, where they hold something open.

    Args:
        name: a registered name, with what it takes after a colon; `path/to/file.py:name`, the file
            alone, or a folder of such files.
        context: what built-in tools need of their surroundings.

    Raises:
        ToolError: there is no such tool, or it cannot be opened.
    """
    if ".py:" in name:
        path, _, attribute = name.rpartition(":")
        module = _module(Path(path).expanduser().resolve())
        if not hasattr(module, attribute):
            near = get_close_matches(attribute, [one for one in vars(module) if one[0] != "_"], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ToolError(f"{path} defines no {attribute!r}{hint}")
        return _tools_of(name, getattr(module, attribute)), None
    if name.endswith(".py"):
        return _defined_in([Path(name).expanduser().resolve()]), None
    kind, _, rest = name.partition(":")
    if kind in builtin.BUILT_IN:
        return builtin.BUILT_IN[kind][0](rest, context or Context())
    points = {point.name: point for point in entry_points(group=GROUP)}
    if kind in points:
        try:
            found = points[kind].load()
        except Exception as error:  # a plugin is anybody's code
            raise ToolError(f"tool {kind} cannot be loaded: {error}") from error
        is_made = isinstance(found, FunctionType | type) and not isinstance(found, BaseTool)
        return _tools_of(name, found(rest) if is_made else found), None
    if (folder := Path(name).expanduser()).is_dir():
        return _defined_in(sorted(folder.resolve().glob("*.py"))), None
    near = get_close_matches(kind, [*builtin.BUILT_IN, *points], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = ", ".join(sorted([*builtin.BUILT_IN, *points]))
    raise ToolError(f"there is no tool {name!r}{hint} (known: {known}; or file.py:name, a folder)")


class Toolbox:
    """Tools that were asked for by name, and what they hold open.

    Args:
        asked: names as `load` takes them, tools themselves, and functions that become tools.
        context: what built-in tools need of their surroundings.

    Raises:
        ToolError: one is not there, cannot be opened, or has the name of another.
    """

    def __init__(
        self, asked: Iterable[str | BaseTool | Function], context: Context | None = None
    ) -> None:
        """Open all of them, or none."""
        self._closing: list[Closing] = []
        found: dict[str, BaseTool] = {}
        try:
            for one in asked:
                if isinstance(one, str):
                    some, closing = load(one, context)
                else:
                    some, closing = _tools_of(repr(one), one), None
                if closing is not None:
                    self._closing.append(closing)
                for made in some:
                    if found.setdefault(made.name, made) is not made:
                        raise ToolError(
                            f"two tools are called {made.name}: one of them is of {one}"
                        )
        except BaseException:
            self.close()
            raise
        self.tools: tuple[BaseTool, ...] = tuple(found.values())

    def close(self) -> None:
        """Let go of what the tools hold open; harmless when called twice."""
        while self._closing:
            self._closing.pop()()


def _tools_of(name: str, found: object) -> tuple[BaseTool, ...]:
    """Return what a name leads to as tools.

    Raises:
        ToolError: it is none.
    """
    if isinstance(found, BaseTool):
        return (found,)
    if isinstance(found, BaseToolkit):
        return tuple(found.get_tools())
    if isinstance(found, FunctionType):
        return (tool(found),)
    if isinstance(found, Sequence) and found and not isinstance(found, str | bytes):
        return tuple(one for part in found for one in _tools_of(name, part))
    raise ToolError(
        f"{name} is a {type(found).__name__} and no tool: decorate a function with "
        "agentevo.tools.tool, or name a LangChain tool, toolkit or list of tools"
    )


def _defined_in(paths: Sequence[Path]) -> tuple[BaseTool, ...]:
    """Return the tools that files define, in their order."""
    found = [
        one for path in paths for one in vars(_module(path)).values() if isinstance(one, BaseTool)
    ]
    if not found:
        where = ", ".join(map(str, paths)) or "the folder"
        raise ToolError(f"{where} defines no tool: decorate functions with agentevo.tools.tool")
    return tuple(dict((id(one), one) for one in found).values())


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
        if isinstance(error, ToolError):
            raise ToolError(f"{path}: {error}") from None
        if not isinstance(error, Exception):
            raise
        why = f"{type(error).__name__}: {error}"
        raise ToolError(f"{path} cannot be imported: {why}") from error
    return module
