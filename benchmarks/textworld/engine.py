"""The one door to the `textworld` package: loads it late, and types what it says.

TextWorld: Côté et al., 2018, arXiv:1806.11532. Measured on one busy core: 10 to 20 ms to open a
game, 0.3 ms a command, 2 ms a `look`; asking for admissible commands multiplies that.
"""

import importlib.metadata
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from agentevo.benchmarks.errors import BenchmarkError

# Opening parses the game's logic with one parser that all of TextWorld shares.
_opening = threading.Lock()


@dataclass(frozen=True)
class State:
    """What the engine says after one command, uncleaned."""

    feedback: str
    score: int
    won: bool
    lost: bool
    admissible_commands: tuple[str, ...] = ()
    inventory: str = ""
    policy_commands: tuple[str, ...] = ()
    """A way to win from here; empty when there is none, or when it was not asked for."""


def version() -> str:
    """Return the installed version of textworld.

    Raises:
        BenchmarkError: It is not installed.
    """
    try:
        return importlib.metadata.version("textworld")
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError(
            "the package textworld is not installed: pip install 'agentevo[textworld]'"
        ) from None


class Game:
    """One running game."""

    def __init__(self, path: Path, extras: Collection[str] = ()) -> None:
        """Load the game.

        Args:
            path: The .z8 file, its .json beside it.
            extras: Fields of `State` to fill beyond the first four.
        """
        version()
        import textworld

        asked = dict.fromkeys((*extras, "score", "max_score", "won", "lost", "objective"), True)
        with _opening:
            self._engine = textworld.start(str(path), textworld.EnvInfos(**asked))
        self._extras = tuple(extras)
        self.objective = ""
        self.max_score = 0

    def reset(self) -> State:
        """Begin the game, or begin it again."""
        with _opening:
            said = self._engine.reset()
        self.objective = str(said["objective"])
        self.max_score = int(said["max_score"])
        return self._state(said)

    def step(self, command: str) -> State:
        """Send one command."""
        said, _, _ = self._engine.step(command)
        return self._state(said)

    def close(self) -> None:
        """Free the interpreter; harmless when called twice."""
        self._engine.close()

    def _state(self, said: dict[str, object]) -> State:
        score = said["score"]
        commands, policy = said.get("admissible_commands"), said.get("policy_commands")
        return State(
            feedback=str(said["feedback"]),
            score=score if isinstance(score, int) else 0,
            won=bool(said["won"]),
            lost=bool(said["lost"]),
            admissible_commands=tuple(commands) if isinstance(commands, list) else (),
            inventory=str(said.get("inventory") or ""),
            policy_commands=tuple(policy) if isinstance(policy, list) else (),
        )
