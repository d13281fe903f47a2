"""The three families of generated games: their levels, settings, seeds and scores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import JSON, SPLITS, Split
from agentevo.benchmarks.textworld.rules import ORIGINAL, Rules

_SPLIT_BLOCK = 100_000_000
_LEVEL_BLOCK = 100_000


@dataclass(frozen=True)
class Family:
    """One of TextWorld's challenges as a benchmark."""

    name: str
    challenge: str
    """TextWorld's own name for it."""
    description: str
    source: str
    instruction: str
    objective: str | None
    """What the game itself states as its goal; None where each game has its own."""
    levels: tuple[int, ...]
    """The ladder; what a caller gets who names no levels."""
    allowed: frozenset[int]
    """All that the generator can make within its 100 rooms."""
    settings: Callable[[int, Split], Mapping[str, JSON]]
    """(level, split) to what the generator is told."""
    max_score: Callable[[int], int]
    max_steps: Callable[[int], int]
    rules: Rules = ORIGINAL
    """By which its games go."""

    def seed(self, split: Split, level: int, index: int) -> int:
        """Return the seed of a game; no two of a family share one, so splits are disjoint."""
        if not 0 <= index < _LEVEL_BLOCK:
            raise BenchmarkError(f"{self.name}: task number {index} is not in 0..{_LEVEL_BLOCK}")
        return SPLITS.index(split) * _SPLIT_BLOCK + level * _LEVEL_BLOCK + index


# Level: ingredients, rooms, cut, cook. The ladder of GATA (Adhikari et al., 2020,
# arXiv:2002.09127), which Microsoft's TALES suite (arXiv:2504.14128) also plays. As there,
# every ingredient must be fetched, everything that closes is closed, and the inventory has
# no limit.
_COOKING: Mapping[int, tuple[int, int, bool, bool]] = {
    1: (1, 1, False, False),
    2: (1, 1, False, True),
    3: (1, 1, True, False),
    4: (1, 6, False, False),
    5: (1, 9, False, False),
    6: (1, 12, False, False),
    7: (1, 1, True, True),
    8: (3, 6, False, False),
    9: (3, 6, True, True),
    10: (3, 12, True, True),
}
_COOKING_SPLITS: Mapping[Split, str] = {"train": "train", "validation": "valid", "test": "test"}
_COOKING_OBJECTIVE = (
    "You are hungry! Let's cook a delicious meal. Check the cookbook in the kitchen for the"
    " recipe. Once done, enjoy your meal!"
)
_COIN_OBJECTIVE = "A coin lies in one of these rooms. Find it and take it."


def _cooking_settings(level: int, split: Split) -> Mapping[str, JSON]:
    ingredients, rooms, cut, cook = _COOKING[level]
    return {
        "recipe": ingredients,
        "take": ingredients,
        "go": rooms,
        "cut": cut,
        "cook": cook,
        "open": True,
        "drop": False,
        "recipe_seed": 0,
        "split": _COOKING_SPLITS[split],
    }


def _cooking_score(level: int) -> int:
    ingredients, _, cut, cook = _COOKING[level]
    return ingredients * (1 + cut + cook) + 2  # each taken, cut, cooked; then prepare and eat


def _coin_distance(level: int) -> int:
    return (level - 1) % 100 + 1


COOKING = Family(
    name="textworld-cooking",
    challenge="tw-cooking",
    description="Find the cookbook and the ingredients, cut and cook them as the recipe says, "
    "prepare the meal and eat it. Ten levels, 1 to 12 rooms; foods and preparations differ "
    "between the splits.",
    source="PyPI textworld (tw-cooking), the game of Microsoft's First TextWorld Problems",
    instruction=_COOKING_OBJECTIVE,
    objective=_COOKING_OBJECTIVE,
    levels=tuple(_COOKING),
    allowed=frozenset(_COOKING),
    settings=_cooking_settings,
    max_score=_cooking_score,
    max_steps=lambda level: 100,
)


def cooking_by(rules: Rules) -> Family:
    """Return the family of cooking games by permuted rules, under a name of its own."""
    return replace(
        COOKING,
        name=f"{COOKING.name}-{rules.name}",
        description=f"{COOKING.description} Stove, oven and BBQ fry, roast and grill in another "
        "assignment than in the original, the same in every game, and told in none.",
        rules=rules,
    )


TREASURE_HUNTER = Family(
    name="textworld-treasure-hunter",
    challenge="tw-treasure_hunter",
    description="Find one named object in a maze of 5, 10 or 20 rooms and take it; from level 11 "
    "on through doors and containers. Another object ends the game. Levels 26 to 30 can "
    "take a minute each to generate.",
    source="PyPI textworld (tw-treasure_hunter), after Parisotto and Salakhutdinov, 2017, "
    "arXiv:1702.08360",
    instruction="Walk through the rooms and take the object that the opening text names.",
    objective=None,
    levels=(1, 5, 10, 11, 15, 20, 21, 25),
    allowed=frozenset(range(1, 31)),
    settings=lambda level, split: {"level": level},
    max_score=lambda level: 1,
    max_steps=lambda level: 50,
)

COIN_COLLECTOR = Family(
    name="textworld-coin-collector",
    challenge="tw-coin_collector",
    description="Find the coin at the end of a chain of rooms: level modulo 100 rooms away, with "
    "one dead end per room from level 101 on and two from 201 on.",
    source="PyPI textworld (tw-coin_collector), after Yuan et al., 2018, arXiv:1806.11525",
    instruction=_COIN_OBJECTIVE,
    objective=_COIN_OBJECTIVE,
    levels=(1, 5, 10, 20, 105, 110, 120, 205, 210, 220),
    allowed=frozenset([*range(1, 101), *range(101, 151), *range(201, 234)]),
    settings=lambda level, split: {"level": level},
    max_score=lambda level: 1,
    max_steps=lambda level: max(50, 3 * _coin_distance(level)),
)
