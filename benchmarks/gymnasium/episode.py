"""One episode of a Gymnasium environment, its words and its score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import Observation

if TYPE_CHECKING:
    import gymnasium
    from langchain_core.tools import BaseTool

# Observations and infos are of any type, as Gymnasium's own: each environment has another.
Render: TypeAlias = Callable[[Any], str]
Success: TypeAlias = Callable[[Mapping[str, Any], float, float], bool]

_SILENCE = "Nothing happens."


@dataclass(frozen=True)
class Scoring:
    """What counts as done, and what a return is worth."""

    success: Success | None
    """(info, reward, return) to whether the task is done; None: the highest return is reached."""
    return_range: tuple[float, float] | None
    """The returns that score 0.0 and 1.0; None: the score is 1.0 on success, else 0.0."""

    def succeeded(self, info: Mapping[str, Any], reward: float, total: float) -> bool:
        """Return whether the task is done."""
        if self.success is not None:
            return bool(self.success(info, reward, total))
        return self.return_range is not None and total >= self.return_range[1]

    def score(self, total: float, *, success: bool, done: bool) -> float:
        """Return the score in 0..1.

        Where returns can be negative it is 0.0 until the end: an episode that is broken off must
        not be worth more than one that is played.
        """
        if self.return_range is None:
            return float(success)
        lowest, highest = self.return_range
        if lowest < 0 and not done:
            return 0.0
        return min(max((total - lowest) / (highest - lowest), 0.0), 1.0)


class Words:
    """Observations into text, and text into actions."""

    def __init__(
        self,
        name: str,
        env: gymnasium.Env[Any, Any],
        actions: Sequence[str],
        render: Render | None,
    ) -> None:
        """Look at what the environment takes and gives.

        Raises:
            BenchmarkError: it cannot be told in words by these arguments.
        """
        from gymnasium import spaces

        seen, space = env.observation_space, env.action_space
        if render is None and not isinstance(seen, spaces.Text):
            raise BenchmarkError(
                f"{name} observes {_one_line(seen)}, which is no text: "
                "give render=, a function from an observation to text"
            )
        if isinstance(space, spaces.Text):
            if actions:
                raise BenchmarkError(f"{name} takes any text: leave actions= out")
        elif not isinstance(space, spaces.Discrete):
            raise BenchmarkError(f"{name} acts in {_one_line(space)}, neither Discrete nor Text")
        elif len(actions) != space.n:
            raise BenchmarkError(
                f"{name} has {space.n} actions: give actions= as many names, not {len(actions)}"
            )
        self._name = name
        self._render = render
        self._free = space if isinstance(space, spaces.Text) else None
        self._actions = tuple(actions)
        first = space.start if isinstance(space, spaces.Discrete) else 0
        self._numbers = {_key(action): int(first) + i for i, action in enumerate(actions)}

    def text(self, observation: object) -> str:
        """Return an observation as text, never empty.

        Raises:
            BenchmarkError: it is none.
        """
        text = observation if self._render is None else self._render(observation)
        if not isinstance(text, str):
            source = "the environment" if self._render is None else "render"
            raise BenchmarkError(f"{self._name}: {source} gave a {type(text).__name__}, not a text")
        return text.strip() or _SILENCE

    def action(self, words: str) -> int | str | None:
        """Return what the environment takes for these words; None where it takes nothing."""
        if self._free is None:
            key = _key(words)
            return self._numbers.get(key, self._numbers.get(key.rstrip(".!")))
        text = words.strip()
        return text if self._free.contains(text) else None

    def refusal(self, words: str) -> str:
        """Return what an agent reads whose words are no action."""
        if self._free is None:
            return f"There is no such action. Actions: {', '.join(self._actions)}."
        least, most = self._free.min_length, self._free.max_length
        if not least <= len(words.strip()) <= most:
            return f"An action has {least} to {most} characters."
        foreign = sorted(set(words.strip()) - self._free.character_set)
        return f"An action must not contain {', '.join(map(repr, foreign))}."


class Episode:
    """Plays one environment from one seed; an Environment."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        words: Words,
        scoring: Scoring,
        *,
        seed: int,
        max_steps: int,
    ) -> None:
        """Take an environment that nobody else plays in."""
        self._env = env
        self._words = words
        self._scoring = scoring
        self._seed = seed
        self._max_steps = max_steps
        self._closed = False
        self._done = True
        self._n_steps, self._total, self._score = 0, 0.0, 0.0

    @property
    def tools(self) -> Sequence[BaseTool]:
        """None."""
        return ()

    def reset(self) -> Observation:
        """Begin, or begin again, from the same seed."""
        seen, _ = self._env.reset(seed=self._seed)
        self._n_steps, self._total, self._score, self._done = 0, 0.0, 0.0, False
        first = self._scoring.score(0.0, success=False, done=False)
        return self._observe(self._words.text(seen), score=first, reward=0.0)

    def step(self, action: str) -> Observation:
        """Take one action; what is none is answered here and costs a step too."""
        if self._done:
            raise RuntimeError("the episode is over or has not begun: call reset()")
        self._n_steps += 1
        taken = self._words.action(action)
        terminated, truncated, success, reward = False, False, False, 0.0
        if taken is None:
            text = self._words.refusal(action)
        else:
            seen, gained, terminated, truncated, info = self._env.step(taken)
            text, reward = self._words.text(seen), float(gained)
            self._total += reward
            success = self._scoring.succeeded(info, reward, self._total)
        terminated = bool(terminated) or success
        truncated = not terminated and (bool(truncated) or self._n_steps >= self._max_steps)
        self._done = terminated or truncated
        score = self._scoring.score(self._total, success=success, done=self._done)
        return self._observe(
            text,
            score=score,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            success=success,
        )

    def close(self) -> None:
        """Close the environment; harmless when called twice."""
        self._done = True
        if not self._closed:
            self._closed = True
            self._env.close()

    def _observe(
        self,
        text: str,
        *,
        score: float,
        reward: float,
        terminated: bool = False,
        truncated: bool = False,
        success: bool = False,
    ) -> Observation:
        before, self._score = self._score, score
        return Observation(
            text=text,
            reward=score - before,
            terminated=terminated,
            truncated=truncated,
            score=score,
            success=success,
            info={"reward": reward, "return": self._total},
        )


def _key(words: str) -> str:
    return " ".join(words.lower().split())


def _one_line(value: object) -> str:
    return " ".join(str(value).split())
