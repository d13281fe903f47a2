"""An adapter's folder: what stands in its card, and for which model it was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentevo.backbones.backbone import BackboneError
from agentevo.files import fingerprint_of

CARD = "training.json"
"""File of an adapter's folder that says what it was trained on, and how."""


def card_of(folder: Path) -> dict[str, Any]:
    """Return an adapter's card; empty: it was not made here."""
    noted = folder / CARD
    found: dict[str, Any] = json.loads(noted.read_text()) if noted.is_file() else {}
    return found


def check_base(folder: Path, weights: Path) -> None:
    """Raise BackboneError where an adapter was trained for another model."""
    base = card_of(folder).get("base")
    if base and base != fingerprint_of(weights):
        raise BackboneError(
            f"adapter {folder.name} was trained for another model than the one in {weights}"
        )
