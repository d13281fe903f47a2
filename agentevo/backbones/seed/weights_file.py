"""Where the seed backbone's weights are, and whether they are what was shipped."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from agentevo.backbones.backbone import BackboneError
from agentevo.files import sha256_of

FOLDER = Path(str(files("agentevo.backbones.seed"))) / "weights"


def checked_folder(folder: Path = FOLDER) -> Path:
    """Return the folder of the weights after comparing them with the hash beside them.

    Raises:
        BackboneError: the weights are missing or were altered.
    """
    weights, noted = folder / "model.safetensors", folder / "SHA256"
    if not weights.exists() or not noted.exists():
        raise BackboneError(
            f"the seed backbone's weights are missing from {folder}: install agentevo anew, or "
            "make them with `python -m agentevo.backbones.seed.pretrain`"
        )
    found, wanted = sha256_of(weights), noted.read_text().split()[0]
    if found != wanted:
        raise BackboneError(
            f"the seed backbone's weights in {folder} were altered: SHA-256 {found[:12]}…, "
            f"shipped {wanted[:12]}…"
        )
    return folder
