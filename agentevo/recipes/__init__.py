"""Recipes: which strategy fills each slot of the four phases, as TOML files."""

from agentevo.recipes.registry import Recipe, load, names

__all__ = ["Recipe", "load", "names"]
