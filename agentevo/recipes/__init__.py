"""Named methods: which strategy fills each slot, and their settings, in one short TOML each."""

from agentevo.recipes.explaining import explained, flat, users
from agentevo.recipes.mechanisms import MECHANISMS
from agentevo.recipes.registry import Recipe, load, names
from agentevo.recipes.taxonomy import LEAVES, Mechanism, Slot

__all__ = [
    "LEAVES", "MECHANISMS", "Mechanism", "Recipe", "Slot", "explained", "flat", "load", "names",
    "users",
]  # fmt: skip
