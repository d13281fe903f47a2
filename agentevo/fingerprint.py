"""What a run's results depend on, apart from chance: its fingerprint, and what changed of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from agentevo.backbones.speaker import load_benchmark
from agentevo.config import RunConfig
from agentevo.recipes import flat
from agentevo.version import __version__

_NAMES = {
    "fingerprint": "the fingerprint of the benchmark",
    "agentevo": "the version of agentevo",
    "weights": "the hash of the weights",
}


def fingerprint(config: RunConfig) -> str:
    """Return a hash of all that a run's results depend on, apart from chance."""
    text = json.dumps(_parts(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def noted_of(config: RunConfig) -> dict[str, object]:
    """Return what is noted as a run begins, beside its settings, to tell later what changed."""
    parts = _parts(config)
    noted = {"fingerprint": parts["benchmark"], "agentevo": parts["agentevo"]}
    return noted | ({"weights": parts["weights"]} if "weights" in parts else {})


def changes(settings: Mapping[str, object], noted: Mapping[str, object], config: RunConfig) -> str:
    """Return in words what is not as it was when a run began.

    Args:
        settings: of the run, as it began.
        noted: what `noted_of` told then; a run of an earlier version may have noted less.
        config: the same settings, as they are read today.
    """
    old, new = flat(settings), flat(config.model_dump(mode="json"))
    found = [
        f"the setting {key} was {_said(old, key)} and is {_said(new, key)}"
        for key in sorted(old.keys() | new.keys())
        if _said(old, key) != _said(new, key)
    ]
    now = noted_of(config)
    found += [
        f"{words} was {noted[key]} and is {now.get(key, 'not known')}"
        for key, words in _NAMES.items()
        if key in noted and noted[key] != now.get(key)
    ]
    return "; ".join(found) or "another version of agentevo, or other weights of the backbone"


def _said(settings: Mapping[str, object], key: str) -> str:
    return json.dumps(settings[key]) if key in settings else "not there"


def _parts(config: RunConfig) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "agentevo": __version__,
        "config": config.model_dump(mode="json"),
        "benchmark": load_benchmark(config.benchmark).fingerprint(),
    }
    if config.backbone == "seed":
        from agentevo.backbones.seed.weights_file import FOLDER

        noted = FOLDER / "SHA256"
        parts["weights"] = noted.read_text().split()[0] if noted.exists() else ""
    return parts
