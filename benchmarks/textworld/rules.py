"""The rules of a kitchen: which appliance fries, roasts or grills.

Permuted rules give the three effects to other appliances. The map, the foods and the commands
that win stay; what becomes of food on an appliance, what the game says of it and what the recipe
asks for change. generate.py builds that into the game; nothing is rewritten in play.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """What words a finished game has in place of the original's."""

    name: str
    words: Mapping[str, str]
    """Exchanged in the game's logic and in its texts, all at once; empty: nothing is."""


ORIGINAL = Rules("original", {})

# What the original's stove, oven and BBQ make of food, as a state and as a recipe's verb.
_EFFECTS = (("fried", "fry"), ("roasted", "roast"), ("grilled", "grill"))
# Whose effect the three have instead; the two in which none keeps its own come first.
_PERMUTATIONS = ((1, 2, 0), (2, 0, 1), (1, 0, 2), (2, 1, 0), (0, 2, 1))
N_PERMUTED = len(_PERMUTATIONS)
# "Useful for frying things.", says the stove when examined: here it must be found out.
_TOLD = ("frying", "roasting", "grilling")


def permuted(seed: int) -> Rules:
    """Return the permuted rules number `seed`, 0 to `N_PERMUTED` - 1.

    | seed | stove  | oven   | BBQ    |
    |------|--------|--------|--------|
    | 0    | roasts | grills | fries  |
    | 1    | grills | fries  | roasts |
    | 2    | roasts | fries  | grills |
    | 3    | grills | roasts | fries  |
    | 4    | fries  | grills | roasts |
    """
    words = dict.fromkeys(_TOLD, "cooking")
    for own, other in enumerate(_PERMUTATIONS[seed]):
        words |= zip(_EFFECTS[own], _EFFECTS[other], strict=True)
    return Rules(f"permuted-{seed}", words)
