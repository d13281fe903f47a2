"""Which mechanisms a recipe turns on, and which recipes turn on a mechanism."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from agentevo.config import BUDGETS, ConfigError, make
from agentevo.files import from_file
from agentevo.recipes.mechanisms import MECHANISMS
from agentevo.recipes.registry import load, names
from agentevo.recipes.taxonomy import Mechanism, Slot, slots


def explained(settings: Mapping[str, Any]) -> list[Slot]:
    """Return every leaf of the survey's tree with what merged settings fill it with.

    Raises:
        ConfigError: they name a file of one's own that is not there, or has no such name.
    """
    told = flat(settings)
    return slots(told, (*MECHANISMS, *_own(told)))


def _own(settings: Mapping[str, Any]) -> list[Mechanism]:
    """Return the strategies in files of one's own, in the leaf of those that they stand beside."""
    leaves = {one.setting: one.leaf for one in reversed(MECHANISMS) if one.value != "any"}
    found = []
    for setting, value in settings.items():
        for name in value if isinstance(value, (list, tuple)) else [value]:
            if setting in leaves and isinstance(name, str) and ".py:" in name:
                about = inspect.getdoc(from_file(name, ConfigError)) or "(it has no docstring)"
                what = about.splitlines()[0].rstrip(".")
                found.append(Mechanism(leaves[setting], setting, name, what, "your own", name))
    return found


def users() -> dict[Mechanism, tuple[str, ...]]:
    """Return the recipes, of all that are known, that turn each mechanism on."""
    found: dict[Mechanism, list[str]] = {one: [] for one in MECHANISMS}
    for name in names():
        merged = make(BUDGETS["small"], load(name).settings)
        for slot in explained(merged.model_dump(mode="json")):
            for one in slot.mechanisms:
                found[one].append(name)
    return {one: tuple(some) for one, some in found.items()}


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
