"""One episode of a MiniWoB++ task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentevo.benchmarks.miniwob.browser import Window
from agentevo.benchmarks.miniwob.commands import perform
from agentevo.benchmarks.miniwob.page import Page, read
from agentevo.benchmarks.miniwob.pool import pool
from agentevo.benchmarks.task import Observation, Split

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


class Episode:
    """Plays one task of one page; an Environment. It has a window from `reset` to `close`."""

    def __init__(self, page: str, *, seed: int, split: Split, max_steps: int) -> None:
        """Set the episode up; no browser is started yet.

        Args:
            page: Which, e.g. `click-button`.
            seed: See `Window.begin`.
            split: See `Window.begin`.
            max_steps: After that many steps the episode is truncated.
        """
        self._name = page
        self._seed = seed
        self._split = split
        self._max_steps = max_steps
        self._window: Window | None = None
        self._done = True
        self._n_steps = 0
        self.page = Page("", (), n_more=0, done=False, reward=0.0)
        """As it was seen last."""

    @property
    def tools(self) -> Sequence[BaseTool]:
        """None: the page is used by actions."""
        return ()

    def reset(self) -> Observation:
        """Load the page anew and begin its task."""
        if self._window is None:
            self._window = pool.take()
        self._window.begin(self._name, seed=self._seed, split=self._split)
        self.page = read(self._window.look())
        self._n_steps = 0
        return self._observe(str(self.page))

    def step(self, action: str) -> Observation:
        """Take one action; one that cannot be done is answered and costs a step too."""
        if self._window is None or self._done:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        self._n_steps += 1
        refusal = perform(action, self.page, self._window)
        if refusal is not None:
            return self._observe(f"{refusal}\n{self.page}")
        self.page = read(self._window.look())
        return self._observe(str(self.page))

    def close(self) -> None:
        """Give the window back."""
        self._done = True
        window, self._window = self._window, None
        if window is not None:
            window.give_back()

    def _observe(self, text: str) -> Observation:
        """Return what an agent gets. The page's reward is the score, without its negative half."""
        page = self.page
        if page.done:
            text = f"The page ended the task with {page.reward:g} of 1 points."
        truncated = not page.done and self._n_steps >= self._max_steps
        self._done = page.done or truncated
        score = min(max(page.reward, 0.0), 1.0) if page.done else 0.0
        return Observation(
            text=text,
            reward=score,  # it comes with the last step, all at once
            terminated=page.done,
            truncated=truncated,
            score=score,
            success=page.done and page.reward == 1.0,
            info={"points": page.reward},
        )
