"""Where the seed backbone's weights are, and whether they are what was shipped."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

from agentevo.backbones.backbone import BackboneError

FOLDER = Path(str(files("agentevo.backbones.seed"))) / "weights"


def sha256(path: Path) -> str:
    """Return a file's SHA-256 as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


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
    found, wanted = sha256(weights), noted.read_text().split()[0]
    if found != wanted:
        raise BackboneError(
            f"the seed backbone's weights in {folder} were altered: SHA-256 {found[:12]}…, "
            f"shipped {wanted[:12]}…"
        )
    return folder
