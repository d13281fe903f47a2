"""One episode of a TextWorld game."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentevo.benchmarks.task import JSON, Observation
from agentevo.benchmarks.textworld.commands import normalise, refusal
from agentevo.benchmarks.textworld.engine import Game, State
from agentevo.benchmarks.textworld.text import clean, without_objective

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_SILENCE = "Nothing happens."
EXTRAS = ("admissible_commands", "inventory")


_DOCUMENT = "You open the copy of"
"""How a text begins that the rest of the game refers to; `info["keep"]` asks to keep it in view."""


class Episode:
    """Plays one compiled game; an Environment."""

    def __init__(
        self,
        path: Path,
        *,
        max_score: int,
        max_steps: int,
        extras: Collection[str] = (),
        hide_objective: bool = False,
    ) -> None:
        """Load the game.

        Args:
            path: The game.
            max_score: What counts as 1.0.
            max_steps: After that many steps the episode is truncated.
            extras: Which of `EXTRAS` stand in `Observation.info`; each costs milliseconds a step.
            hide_objective: Leave the game's objective out of the first observation, because the
                task's instruction says it already.
        """
        self._game = Game(path, extras)
        self._max_score = max_score
        self._max_steps = max_steps
        self._extras = tuple(extras)
        self._hide_objective = hide_objective
        self._state: State | None = None
        self._done = True
        self._n_steps = 0
        self._score = 0.0
        self._best = 0.0

    @property
    def tools(self) -> Sequence[BaseTool]:
        """None: the game is played by commands."""
        return ()

    def reset(self) -> Observation:
        """Begin, or begin again."""
        self._state = self._game.reset()
        self._n_steps, self._score, self._best = 0, 0.0, 0.0
        text = clean(self._state.feedback)
        if self._hide_objective:
            text = without_objective(text, clean(self._game.objective))
        return self._observe(text, self._state)

    def step(self, action: str) -> Observation:
        """Send one command; what no player may say is answered here and costs a step too."""
        if self._state is None or self._done:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        self._n_steps += 1
        command = normalise(action)
        reply = refusal(command)
        if reply is None:
            self._state = self._game.step(command)
            reply = clean(self._state.feedback)
        return self._observe(reply, self._state)

    def close(self) -> None:
        """Free the interpreter."""
        self._done = True
        self._game.close()

    def _observe(self, text: str, state: State) -> Observation:
        """Return what an agent gets; text is never empty, which chat models refuse."""
        before, self._score = self._score, min(max(state.score / self._max_score, 0.0), 1.0)
        self._best = max(self._best, self._score)
        terminated = state.won or state.lost
        truncated = not terminated and self._n_steps >= self._max_steps
        self._done = terminated or truncated
        info: dict[str, JSON] = {
            "points": state.score,
            "max_points": self._game.max_score,
            "best_score": self._best,
        }
        if text.startswith(_DOCUMENT):
            info["keep"] = True
        for name in self._extras:
            value = getattr(state, name)
            info[name] = clean(value) if isinstance(value, str) else list(value)
        return Observation(
            text=text or _SILENCE,
            reward=self._score - before,
            terminated=terminated,
            truncated=truncated,
            score=self._score,
            success=state.won,
            info=info,
        )
