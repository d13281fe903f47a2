"""The thirty types of tasks: their order, their variations in the three splits, their actions.

Facts of scienceworld 1.2.3, written down so that listing tasks starts no Java process. A test
compares them with the package.
"""

from dataclasses import dataclass
from hashlib import sha256

from agentevo.benchmarks.task import Split

EASY = "easy"
"""Stands for four of the simplifications, as each type allows, and cannot stand beside others."""
SIMPLIFICATIONS = (
    *("teleportAction", "openDoors", "openContainers", "selfWateringFlowerPots"),
    "noElectricalAction",
)
_TEMPLATES = (
    *("look around", "look at OBJ", "look in OBJ", "inventory", "task", "reset task", "wait"),
    *("wait1", "go OBJ", "open OBJ", "close OBJ", "pick up OBJ", "put down OBJ", "focus on OBJ"),
    *("move OBJ to OBJ", "pour OBJ in OBJ", "dunk OBJ in OBJ", "mix OBJ", "use OBJ on OBJ"),
    *("activate OBJ", "deactivate OBJ", "read OBJ", "eat OBJ", "flush OBJ"),
)


@dataclass(frozen=True)
class TaskType:
    """One type of task."""

    name: str
    """As the package calls it."""
    n_variations: int
    max_steps: int

    def variations(self, split: Split) -> range:
        """Return the split as the package cuts it: two quarters, one quarter, the rest."""
        quarter = self.n_variations // 4
        first, end = {
            "train": (0, 2 * quarter),
            "validation": (2 * quarter, 3 * quarter),
            "test": (3 * quarter, self.n_variations),
        }[split]
        return range(first, end)

    def mixed(self, split: Split) -> list[int]:
        """Return the split's variations in an order of our own, always the same.

        Neighbours in the package's order differ in the colour of a box, or not even in that.
        """
        return sorted(
            self.variations(split),
            key=lambda variation: sha256(f"{self.name}/{variation}".encode()).digest(),
        )

    def simplification(self, asked: str) -> str:
        """Return what the package is told: as with "easy", nothing that makes it impossible."""
        if self._electrical:
            return ",".join(part for part in asked.split(",") if part != "noElectricalAction")
        return asked

    def actions(self, asked: str) -> tuple[str, ...]:
        """Return the templates of the actions that there are with these simplifications."""
        parts = asked.split(",")
        teleports = EASY in parts or "teleportAction" in parts
        wires = self._electrical or not (EASY in parts or "noElectricalAction" in parts)
        return (
            *_TEMPLATES,
            *(("teleport OBJ",) if teleports else ()),
            *(("connect OBJ to OBJ", "disconnect OBJ") if wires else ()),
        )

    @property
    def _electrical(self) -> bool:
        return self.name.startswith(("power-component", "test-conductivity"))


# In the order of the mean length of the package's own way with "easy", over nine variations:
# 5 steps to 150. The step limit is the package's 100, more where that way can be longer.
TASK_TYPES = tuple(
    TaskType(*row)
    for row in (
        ("lifespan-longest-lived", 125, 100),
        ("lifespan-shortest-lived", 125, 100),
        ("find-non-living-thing", 300, 100),
        ("lifespan-longest-lived-then-shortest-lived", 125, 100),
        ("power-component", 20, 100),
        ("find-plant", 300, 100),
        ("chemistry-mix-paint-secondary-color", 36, 100),
        ("find-animal", 300, 100),
        ("find-living-thing", 300, 100),
        ("identify-life-stages-2", 10, 100),
        ("use-thermometer", 540, 100),
        ("power-component-renewable-vs-nonrenewable-energy", 20, 100),
        ("chemistry-mix-paint-tertiary-color", 36, 100),
        ("test-conductivity", 900, 100),
        ("test-conductivity-of-unknown-substances", 600, 100),
        ("chemistry-mix", 32, 100),
        ("grow-plant", 126, 100),
        ("identify-life-stages-1", 14, 100),
        ("measure-melting-point-known-substance", 436, 100),
        ("change-the-state-of-matter-of", 30, 200),
        ("melt", 30, 200),
        ("freeze", 30, 200),
        ("boil", 30, 200),
        ("measure-melting-point-unknown-substance", 300, 200),
        ("inclined-plane-determine-angle", 168, 200),
        ("grow-fruit", 126, 200),
        ("inclined-plane-friction-named-surfaces", 1386, 200),
        ("mendelian-genetics-known-plant", 120, 200),
        ("mendelian-genetics-unknown-plant", 480, 200),
        ("inclined-plane-friction-unnamed-surfaces", 162, 300),
    )
)
