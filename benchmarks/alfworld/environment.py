"""One episode of an ALFWorld game; lives in a worker process, since the engine needs one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from agentevo.benchmarks.alfworld.engine import Engine, Game, State
from agentevo.benchmarks.task import JSON, Observation

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

EXTRAS = ("admissible_commands",)

_BANNER = "-= Welcome to TextWorld, ALFRED! =-"
_GOAL = "Your task is to:"
_SILENCE = "Nothing happens."


class Episode:
    """Plays one game; an Environment."""

    def __init__(self, game: Game, *, max_steps: int, extras: Collection[str] = ()) -> None:
        """Load the game, which takes about a second.

        Args:
            game: The game.
            max_steps: After that many steps the episode is truncated.
            extras: Which of `EXTRAS` stand in `Observation.info`.
        """
        self._engine = Engine(game)
        self._max_steps = max_steps
        self._extras = tuple(extras)
        self._n_steps = 0
        self._done = True

    @property
    def tools(self) -> Sequence[BaseTool]:
        """None: the game is played by commands."""
        return ()

    def reset(self) -> Observation:
        """Begin, or begin again; the goal is left out, since the task's instruction states it."""
        self._n_steps = 0
        state = self._engine.reset()
        text = state.feedback.replace(_BANNER, "").partition(_GOAL)[0]
        return self._observe(text, state)

    def step(self, action: str) -> Observation:
        """Send one command; what is none, or is not possible here, changes nothing."""
        if self._done:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        self._n_steps += 1
        state = self._engine.step(normalise(action))
        return self._observe(state.feedback, state)

    def close(self) -> None:
        """End the episode."""
        self._done = True

    def _observe(self, text: str, state: State) -> Observation:
        """Return what an agent gets; text is never empty, which chat models refuse."""
        truncated = not state.won and self._n_steps >= self._max_steps
        self._done = state.won or truncated
        info: dict[str, JSON] = {name: list(getattr(state, name)) for name in self._extras}
        return Observation(
            text=text.strip() or _SILENCE,
            reward=float(state.won),
            terminated=state.won,
            truncated=truncated,
            score=float(state.won),
            success=state.won,
            info=info,
        )


def normalise(action: str) -> str:
    """Return the action as the engine spells commands: lower case, single spaces, no full stop."""
    return " ".join(action.lower().split()).rstrip(".! ")
