"""Finds recipes by name, ours beside those of entry points, or by the path of a TOML file."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

from agentevo.config import ConfigError, checked, read_toml

GROUP = "agentevo.recipes"


@dataclass(frozen=True)
class Recipe:
    """A named set of settings."""

    name: str
    description: str
    settings: dict[str, Any]
    source: str
    """The file it was read from."""
    paper: str = ""
    """Who described the method; empty: nobody but its file."""
    departs: str = ""
    """Where it is another method than the paper's; empty: nowhere that is known."""


def _files() -> dict[str, Path]:
    """Return every known recipe's file by name.

    An entry point of the group leads to a function or constant that gives a path.
    """
    found = {
        Path(str(item)).stem: Path(str(item))
        for item in files("agentevo.recipes").iterdir()
        if str(item).endswith(".toml")
    }
    for point in entry_points(group=GROUP):
        value = point.load()
        found[point.name] = Path(value() if callable(value) else value)
    return found


def names() -> tuple[str, ...]:
    """Return every known name, sorted."""
    return tuple(sorted(_files()))


def _beside(value: Any, folder: Path) -> Any:
    """Return settings in which files of code that lie in a folder have their whole path."""
    if isinstance(value, dict):
        return {key: _beside(one, folder) for key, one in value.items()}
    if isinstance(value, list):
        return [_beside(one, folder) for one in value]
    if isinstance(value, str) and ".py:" in value and (folder / value.rpartition(":")[0]).is_file():
        return str(folder / value)
    return value


def load(name: str) -> Recipe:
    """Return a recipe by its name or by the path of a TOML file.

    Strategies that a file names as `file.py:name` are looked for beside it first.

    Raises:
        ConfigError: there is no such recipe.
    """
    if name.endswith(".toml"):
        path = Path(name)
    else:
        known = _files()
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"there is no recipe {name!r}{hint} (known: {', '.join(sorted(known))})"
            )
        path = known[name]
    settings = _beside(read_toml(path), path.resolve().parent)
    told = {key: str(settings.pop(key, "")) for key in ("description", "paper", "departs")}
    checked(settings, path)
    return Recipe(Path(name).stem, settings=settings, source=str(path), **told)
