"""Finds backbones by name: `seed`, `local:FOLDER`, a plugin's, or `file.py:name`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from agentevo.backbones.backbone import Backbone, BackboneError
from agentevo.files import from_file
from agentevo.strategies import hint

GROUP = "agentevo.backbones"


def _seed(rest: str, n_slots: int) -> Backbone:
    from agentevo.backbones.local import Local
    from agentevo.backbones.seed.weights_file import checked_folder

    return Local("seed", checked_folder(), n_slots=n_slots)


def _local(rest: str, n_slots: int) -> Backbone:
    from agentevo.backbones.local import Local

    folder = Path(rest)
    if not (folder / "config.json").exists():
        raise BackboneError(f"{rest or '(nothing)'} is no model folder: it has no config.json")
    return Local(f"local:{rest}", folder, n_slots=n_slots)


OURS: dict[str, tuple[Callable[[str, int], Backbone], str]] = {
    "seed": (_seed, "the small model that ships with agentevo; trainable"),
    "local": (_local, "local:FOLDER, a causal model in the Hugging Face form; trainable"),
}


def names() -> dict[str, str]:
    """Return every known kind of backbone with a line on it."""
    plugins = {point.name: f"from {point.value}" for point in entry_points(group=GROUP)}
    ours = {name: text for name, (_, text) in OURS.items()}
    file = {"file.py:name": "a function of yours, of (rest, n_slots), that returns a Backbone"}
    return ours | plugins | file


def load(name: str, *, n_slots: int = 32) -> Backbone:
    """Return a backbone.

    Args:
        name: `kind`, `kind:rest`, or `path/to/file.py:name`; plugins and files give a function
            of the rest and `n_slots`.
        n_slots: requests that will be served at once.

    Raises:
        BackboneError: there is no such backbone, or it cannot be loaded.
    """
    if ".py:" in name:
        return _called(name, from_file(name, BackboneError), n_slots)
    if name.endswith(".py"):
        raise BackboneError(f"{name} is a file: write {name}:NAME, a name that it defines")
    kind, _, rest = name.partition(":")
    if kind in OURS:
        return OURS[kind][0](rest, n_slots)
    points = {point.name: point for point in entry_points(group=GROUP)}
    if kind in points:
        return points[kind].load()(rest, n_slots)  # type: ignore[no-any-return]
    known = sorted([*OURS, *points])
    raise BackboneError(f"there is no backbone {name!r}{hint(kind, known)}")


def _called(name: str, found: object, n_slots: int) -> Backbone:
    """Return the backbone that a file's function gives."""
    wanted = f"{name} must be a function of (rest, n_slots) that returns a Backbone"
    if not callable(found):
        raise BackboneError(f"{wanted}, not a {type(found).__name__}")
    try:
        inspect.signature(found).bind("", n_slots)
    except TypeError as error:
        raise BackboneError(f"{wanted}: {error}") from error
    built: object = found("", n_slots)
    if not isinstance(built, Backbone):
        raise BackboneError(f"{wanted}, not a {type(built).__name__}")
    return built
