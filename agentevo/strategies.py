"""The one door by which a recipe finds what fills a slot: ours, a plugin's, or a file's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from importlib.metadata import entry_points
from typing import Any, TypeVar

from agentevo.config import ConfigError
from agentevo.files import from_file

GROUP = "agentevo.strategies"

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


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


def configured(slot: str, name: str, ours: Mapping[str, F]) -> F:
    """Return the strategy of a slot with its own setting: `cap:4` is `cap` with 4.

    The setting is the last parameter of the strategy's function, which has a default and says by
    that what kind of value it takes.

    Raises:
        ConfigError: there is no such strategy, it takes no setting, or not this one.
    """
    kind, sign, text = name.partition(":")
    if not sign or ".py:" in name:
        return find(slot, name, ours)
    strategy = find(slot, kind, ours)
    *_, last = inspect.signature(strategy).parameters.values()
    if last.default is last.empty:
        raise ConfigError(f"{slot}: {kind} takes no setting, and has {text!r}")
    try:
        value = type(last.default)(text)
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}.get(type(last.default), "another")
        raise ConfigError(f"{slot}: {kind} takes {wanted}, not {text!r}") from None
    return partial(strategy, **{last.name: value})  # type: ignore[return-value]


def hint(name: str, known: Sequence[str], also: str = "") -> str:
    """Return what to add to a message on an unknown name: the nearest known one, and all.

    Args:
        name: that is not known.
        known: all that are.
        also: what else might be written, after these.
    """
    near = get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{meant} (known: {', '.join(known) or 'none'}{also})"
