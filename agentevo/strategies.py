"""The one door by which a recipe finds what fills a slot: ours, a plugin's, or a file's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TypeVar

from agentevo.config import ConfigError
from agentevo.files import from_file

GROUP = "agentevo.strategies"

T = TypeVar("T")


def find(slot: str, name: str, ours: Mapping[str, T]) -> T:
    """Return the strategy of a slot.

    Args:
        slot: for example `refinement.filters`; plugins register `slot:name` as entry points.
        name: a name, or `path/to/file.py:name`.
        ours: the strategies that come with agentevo.

    Raises:
        ConfigError: there is no such strategy.
    """
    if name in ours:
        return ours[name]
    if ".py:" in name:
        return from_file(name, ConfigError)  # type: ignore[no-any-return]
    if name.endswith(".py"):
        raise ConfigError(f"{slot}: {name} is a file: write {name}:NAME, a name that it defines")
    plugins = {p.name.removeprefix(f"{slot}:"): p for p in entry_points(group=GROUP)
               if p.name.startswith(f"{slot}:")}  # fmt: skip
    if name in plugins:
        return plugins[name].load()  # type: ignore[no-any-return]
    known = sorted([*ours, *plugins])
    raise ConfigError(f"{slot}: there is no {name!r}{hint(name, known)}")


def hint(name: str, known: Sequence[str]) -> str:
    """Return what to add to a message on an unknown name: the nearest known one, and all."""
    near = get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{meant} (known: {', '.join(known) or 'none'})"
