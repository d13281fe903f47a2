"""Finds backbones by name: `seed`, `local:FOLDER`, a plugin's, or `file.py:name`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from agentevo.backbones.backbone import Backbone, BackboneError

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
    return {name: text for name, (_, text) in OURS.items()} | plugins


def load(name: str, *, n_slots: int = 32) -> Backbone:
    """Return a backbone.

    Args:
        name: `kind`, `kind:rest`, or `path/to/file.py:name`; plugins and files give a function
            of the rest and `n_slots`.
        n_slots: requests that will be served at once.

    Raises:
        BackboneError: there is no such backbone, or it cannot be loaded.
    """
    make: Any
    if ".py:" in name:
        path, _, attribute = name.rpartition(":")
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        if spec is None or spec.loader is None or not Path(path).exists():
            raise BackboneError(f"there is no file {path}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        make, rest = getattr(module, attribute, None), ""
        if make is None:
            raise BackboneError(f"{path} defines no {attribute!r}")
        return make(rest, n_slots)  # type: ignore[no-any-return]
    kind, _, rest = name.partition(":")
    if kind in OURS:
        return OURS[kind][0](rest, n_slots)
    points = {point.name: point for point in entry_points(group=GROUP)}
    if kind in points:
        return points[kind].load()(rest, n_slots)  # type: ignore[no-any-return]
    near = get_close_matches(kind, [*OURS, *points], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise BackboneError(
        f"there is no backbone {name!r}{hint} (known: {', '.join(sorted([*OURS, *points]))})"
    )
