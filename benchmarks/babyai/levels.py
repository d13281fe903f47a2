"""The ladder: which of minigrid's BabyAI levels are played, in which order and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import SPLITS, Split

_SPLIT_BLOCK = 100_000_000
_LEVEL_BLOCK = 1_000_000


@dataclass(frozen=True)
class Level:
    """One level of the package."""

    id: str
    """Its name in Gymnasium's registry."""
    max_steps: int
    """Well above the longest that the bot took in 150 worlds or more."""


LADDER: Mapping[int, Level] = {
    1: Level("BabyAI-GoToRedBallNoDists-v0", 64),
    2: Level("BabyAI-GoToObj-v0", 64),
    3: Level("BabyAI-GoToLocal-v0", 64),
    4: Level("BabyAI-PickupLoc-v0", 64),
    5: Level("BabyAI-OpenDoor-v0", 64),
    6: Level("BabyAI-PutNextLocal-v0", 128),
    7: Level("BabyAI-UnlockLocal-v0", 96),
    8: Level("BabyAI-UnlockPickupDist-v0", 128),
    9: Level("BabyAI-Synth-v0", 320),
    10: Level("BabyAI-BossLevel-v0", 480),
}


def seed(split: Split, level: int, index: int) -> int:
    """Return where the search for a task's world begins; no two tasks share it."""
    if not 0 <= index < _LEVEL_BLOCK:
        raise BenchmarkError(f"babyai: task number {index} is not in 0..{_LEVEL_BLOCK - 1}")
    return SPLITS.index(split) * _SPLIT_BLOCK + level * _LEVEL_BLOCK + index
