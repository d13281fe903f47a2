"""One episode of a ScienceWorld task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentevo.benchmarks.scienceworld import engine
from agentevo.benchmarks.task import Observation

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


class Episode:
    """Plays one variation of a task; an Environment."""

    def __init__(
        self, name: str, variation: int, simplification: str, *, max_steps: int, heap_mb: int
    ) -> None:
        """Set the episode up; the first `reset` finds a Java process for it.

        Args:
            name: The task's name in the package.
            variation: Which of its variations.
            simplification: What the package is told to make easier.
            max_steps: After that many steps the episode is truncated.
            heap_mb: The heap limit of its Java process.
        """
        self._task = (name, variation, simplification)
        self._max_steps = max_steps
        self._heap_mb = heap_mb
        self._world: engine.World | None = None
        self._done = True
        self._n_steps = 0
        self._score = 0.0

    @property
    def tools(self) -> Sequence[BaseTool]:
        """None: the world is played by actions."""
        return ()

    def reset(self) -> Observation:
        """Begin, or begin again; the text states the task, then the room."""
        self.close()
        self._world = engine.lend(self._heap_mb)
        state = self._world.load(*self._task)
        self._n_steps, self._score = 0, 0.0
        return self._observe(f"{self._world.description()}\n\n{state.text}", state)

    def step(self, action: str) -> Observation:
        """Take one action; one that the simulator does not know costs a step too."""
        if self._world is None or self._done:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        self._done = True  # and stays so if the Java process fails
        command = " ".join(action.split()).encode("ascii", "replace").decode()
        state = self._world.step(command)
        self._n_steps += 1
        return self._observe(state.text, state)

    def close(self) -> None:
        """Give the Java process back."""
        self._done = True
        if self._world is not None:
            engine.give_back(self._world)
            self._world = None

    def _observe(self, text: str, state: engine.State) -> Observation:
        before, self._score = self._score, max(0, state.points) / 100
        failed = state.points < 0
        terminated = failed or state.completed
        truncated = not terminated and self._n_steps >= self._max_steps
        self._done = terminated or truncated
        return Observation(
            text=text,
            reward=self._score - before,
            terminated=terminated,
            truncated=truncated,
            score=self._score,
            success=state.completed and not failed,
            info={"points": state.points},
        )
