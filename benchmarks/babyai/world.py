"""The one door to the package minigrid: finds a task's world, runs it, and types what it says.

Measured on one busy core: 1 to 25 ms to make a world, 0.3 ms a step, 15 to 500 ms for the bot.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING

from agentevo.benchmarks.babyai.text import FREE, WALL, View
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import SPLITS, Split

if TYPE_CHECKING:
    from minigrid.envs.babyai.core.roomgrid_level import RoomGridLevel

ACTIONS: Mapping[str, int] = {
    "turn left": 0,
    "turn right": 1,
    "go forward": 2,
    "pick up": 3,
    "drop": 4,
    "toggle": 5,
}
"""The package's own numbers. Its seventh, `done`, does nothing in these levels."""

_MAX_GOALS = 200
_COMPASS = ("east", "south", "west", "north")
_STRIDE = 1_000_000_000
"""From one seed that is tried to the next; more than the largest seed of a task."""


@dataclass(frozen=True)
class Outcome:
    """What one action did."""

    changed: bool
    """Whether anything is now other than before."""
    terminated: bool
    reward: float
    """The package's own: 1 - 0.9 * steps / max_steps on success, else 0."""


def version(package: str = "minigrid") -> str:
    """Return the installed version of minigrid, or of what it stands on.

    Raises:
        BenchmarkError: It is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError(
            f"the package {package} is not installed: pip install 'agentevo[babyai]'"
        ) from None


class _Goals(list[object]):
    """The bot's open goals. In a rare world it would go on adding to them for ever."""

    def append(self, goal: object) -> None:
        """Add a goal.

        Raises:
            RecursionError: There are more than any plan needs.
        """
        if len(self) >= _MAX_GOALS:
            raise RecursionError(f"the bot has {_MAX_GOALS} open goals")
        super().append(goal)


class World:
    """One running world of one task."""

    def __init__(self, level_id: str, split: Split, seed: int, max_steps: int) -> None:
        """Find the task's world: the first, from its seed on, that belongs to its split.

        The smallest level has but a few thousand worlds, so seeds alone would let the same one
        stand in two splits.
        """
        self._level_id = level_id
        self._max_steps = max_steps
        for tried in count(seed, _STRIDE):
            self._seed = tried
            self.reset()
            if self._split() == split:
                return

    def reset(self) -> None:
        """Begin, or begin again, in a fresh copy of the package's environment."""
        self._level = _make(self._level_id, self._max_steps)
        self._seen, _ = self._level.reset(seed=self._seed)

    @property
    def mission(self) -> str:
        """What is to be done, in the package's words."""
        return str(self._level.mission)

    def step(self, action: str) -> Outcome:
        """Take one of `ACTIONS`."""
        before = self._state()
        self._seen, reward, terminated, _, _ = self._level.step(ACTIONS[action])
        return Outcome(self._state() != before, terminated, float(reward))

    def view(self) -> View:
        """Return what the agent sees from where it stands."""
        image = self._seen["image"]  # columns of cells, each a kind, a colour and a state
        seen, n_rows = image.tobytes(), image.shape[1]
        cells = [_NAMES[seen[i : i + 3]] for i in range(0, len(seen), 3)]
        carrying = self._level.carrying
        return View(
            rows=[cells[y::n_rows] for y in range(n_rows)],
            facing=_COMPASS[self._level.agent_dir],
            carrying=None if carrying is None else _NAMES[bytes(carrying.encode())],
        )

    def solve(self) -> list[str] | None:
        """Play to the end with the package's bot, and return its actions if they succeeded."""
        from minigrid.utils.baby_ai_bot import BabyAIBot

        names = {number: name for name, number in ACTIONS.items()}
        actions: list[str] = []
        bot = BabyAIBot(self._level)
        bot.stack = _Goals(bot.stack)
        suggested: int | None = None
        while len(actions) < self._max_steps:
            try:
                suggested = bot.replan(suggested)
            except Exception:  # it gives up in many ways, failed assertions among them
                return None
            if suggested not in names:
                return None
            actions.append(names[suggested])
            outcome = self.step(actions[-1])
            if outcome.terminated:
                return actions if outcome.reward > 0 else None
        return None

    def _state(self) -> tuple[object, ...]:
        """Return all that one action can change."""
        level = self._level
        x, y = (int(at) for at in level.agent_pos)
        front = level.grid.get(*level.front_pos)
        return x, y, level.agent_dir, level.carrying, front and front.encode()

    def _split(self) -> Split:
        """Return the split of this world: a third each, by what it holds.

        Worlds that differ only in where north lies look alike to the agent, and are one.
        """
        import numpy as np

        cells = self._level.grid.encode()
        x, y = self._level.agent_pos
        cells[x, y] = 255
        seen = np.rot90(cells, -self._level.agent_dir)
        digest = sha256(f"{self.mission} {seen.shape} ".encode() + seen.tobytes()).digest()
        return SPLITS[digest[0] % len(SPLITS)]


def _make(level_id: str, max_steps: int) -> RoomGridLevel:
    import gymnasium
    import minigrid  # noqa: F401  registers its environments
    from minigrid.envs.babyai.core import roomgrid_level, verifier

    if verifier.use_done_actions:
        raise BenchmarkError("babyai: unset BABYAI_DONE_ACTIONS, it changes what success means")
    # It prints each draft of a mission that it rejects; sys.stdout belongs to all threads.
    vars(roomgrid_level).setdefault("print", lambda *words: None)
    made = gymnasium.make(level_id, disable_env_checker=True, max_steps=max_steps)
    level: RoomGridLevel = made.unwrapped
    return level


class _Names(dict[bytes, str | None]):
    """What stands in a cell, by its kind, colour and state, a byte each; see `View.rows`."""

    def __missing__(self, cell: bytes) -> str | None:
        """Find the name of a cell; there are some hundred kinds."""
        from minigrid.core.constants import IDX_TO_COLOR, IDX_TO_OBJECT

        kind, colour, state = cell
        name: str | None = str(IDX_TO_OBJECT[kind])
        if name == "unseen":
            name = None
        elif name == "empty":
            name = FREE
        elif name != WALL:
            door = f"{('open', 'closed', 'locked')[state]} " if name == "door" else ""
            name = f"{door}{IDX_TO_COLOR[colour]} {name}"
        self[cell] = name
        return name


_NAMES = _Names()
