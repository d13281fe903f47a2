"""Plays many episodes at once on one event loop, and says how each ended.

What goes wrong in an episode is an ending of that episode and never stops another. Who
calls gets each trajectory as soon as it is there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.types import StreamMode

from agentevo.agent.episode import Corrector, Episode, Explore, Limits, Recaller, Recollection
from agentevo.agent.graph import State, build
from agentevo.agent.rules import Rules
from agentevo.agent.stepping import StepTimeoutError, opened
from agentevo.backbones.backbone import Backbone
from agentevo.benchmarks import Environment, ScoreError, Task, check_score
from agentevo.experience import Ending, Given, Purpose, Step, Trajectory
from agentevo.settings import ToolCalls

compiled = cache(build)


@dataclass(frozen=True)
class Player:
    """The agent that plays: a backbone, what it remembers, its tools and its limits."""

    backbone: Backbone
    recall: Recaller | None = None
    memory_version: int = 0
    """Version of the memory that `recall` asks; 0 where there is none."""
    tools: Sequence[BaseTool] = ()
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    temperature: float = 0.0
    n_attempts: int = 1
    corrector: Corrector | None = None
    """Says what another attempt is told; None: there is none."""
    explore_rate: float = 0.0
    """Share of steps at which it leaves its policy, to explore."""
    manner: str = ""
    """What its system prompt says of how to go about it."""
    tool_calls: ToolCalls = "auto"
    """How tools are called: in the model's own form, as `Action:` text, or as the model can."""
    with_tokens: bool = False
    """True: the tokens of each reply are recorded, as a policy gradient needs them."""


EXPLORING = 1.5
"""Temperature at which an agent explores."""

ROUND = "round "
"""Begins the arm of episodes in which a generation's tasks are played again by new weights."""


@dataclass(frozen=True)
class Occasion:
    """What an episode is played for; it names the episode together with the task."""

    generation: int
    purpose: Purpose
    arm: str = ""
    seed: int = 0

    def episode_id(self, task: Task, attempt: int = 0) -> str:
        """Return the name of an episode, the same whenever it is played again."""
        parts = [str(self.generation), self.purpose, self.arm, str(self.seed), task.id]
        return "/".join(part for part in parts if part) + (f"#{attempt}" if attempt else "")


class Opens(Protocol):
    """What an episode needs of a benchmark."""

    def open(self, task: Task) -> Environment: ...  # noqa: D102

    def max_steps(self, task: Task) -> int: ...  # noqa: D102


async def play(
    player: Player,
    benchmark: Opens,
    task: Task,
    occasion: Occasion,
    *,
    watch: Callable[[Step], None] | None = None,
    hear: Callable[[str], None] | None = None,
) -> list[Trajectory]:
    """Play one task and return its attempts; an error is the ending of the last one.

    Args:
        player: who plays.
        benchmark: opens the task.
        task: what is played.
        occasion: names the episode.
        watch: hears of each step as it is done.
        hear: hears of each reply as it comes, piece by piece where the model streams.

    Raises:
        ScoreError: the benchmark states a score that is none.
    """
    began = time.monotonic()
    name = occasion.episode_id(task)
    state: State = {}
    error = ""
    environment = None
    try:
        environment = await opened(partial(benchmark.open, task), player.limits.open_timeout_s)

        def chat(attempt: int, temperature: float = player.temperature) -> BaseChatModel:
            more = {"with_tokens": True} if player.with_tokens else {}
            return player.backbone.chat(
                episode=f"{name}#{attempt}",
                temperature=temperature,
                max_tokens=player.limits.max_reply_tokens,
                **more,
            )

        episode = Episode(
            instruction=task.instruction,
            environment=environment,
            chat=chat,
            count_tokens=player.backbone.count_tokens,
            window=player.backbone.window,
            name=name,
            limits=replace(
                player.limits,
                max_steps=min(player.limits.max_steps, benchmark.max_steps(task)),
            ),
            recall=player.recall,
            tools=player.tools,
            rules=player.rules,
            n_attempts=player.n_attempts,
            corrector=player.corrector,
            gold=_gold_of(benchmark, task),
            explore=Explore(player.explore_rate, partial(chat, temperature=EXPLORING))
            if player.explore_rate
            else None,
            manner=player.manner,
            native=await _native(player, environment),
        )
        n_nodes = (2 * episode.limits.max_steps + 4) * player.n_attempts
        config: RunnableConfig = {"recursion_limit": n_nodes + 10}
        modes: list[StreamMode] = ["values"] if hear is None else ["values", "messages"]
        mode: str
        update: Any
        async for mode, update in compiled().astream(
            state, context=episode, config=config, stream_mode=modes
        ):
            if mode == "messages":
                piece, facts = update
                if hear is not None and facts["langgraph_node"] == "act" and piece.text:
                    hear(str(piece.text))
                continue
            n_known = len(state.get("steps", ()))
            state = update
            if "observation" in state:
                check_score(state["observation"], task.benchmark)
            for step in state.get("steps", ())[n_known:]:
                if watch is not None:
                    watch(step)
    except ScoreError:  # no episode of this benchmark can be judged
        raise
    except StepTimeoutError as caught:  # its thread has the environment
        error, environment = f"{type(caught).__name__}: {caught}", None
    except (Exception, SystemExit) as caught:  # an engine may call exit
        error = f"{type(caught).__name__}: {caught}"
    finally:
        if environment is not None:
            await asyncio.to_thread(environment.close)
    seconds = time.monotonic() - began
    return _trajectories(player, task, occasion, state, error, seconds)


def _gold_of(benchmark: Opens, task: Task) -> Callable[[], Sequence[str] | None] | None:
    """Return what tells the solution of a training task; of no other it is to be had."""
    gold = getattr(benchmark, "gold", None)
    return partial(gold, task) if gold is not None and task.split == "train" else None


async def _native(player: Player, environment: Environment) -> bool:
    """Return whether tools are given in the model's own form; where nobody says so, it is asked."""
    if player.tool_calls != "auto" or not [*player.tools, *environment.tools]:
        return player.tool_calls == "native"
    asked = getattr(player.backbone, "calls_tools", None)
    return asked is not None and await asyncio.to_thread(asked)


def _trajectories(
    player: Player,
    task: Task,
    occasion: Occasion,
    state: State,
    error: str,
    seconds: float,
) -> list[Trajectory]:
    found: list[Trajectory] = []

    def add(
        *, steps: tuple, ending: Ending, score: float, best: float, success: bool,  # type: ignore[type-arg]
        recollection: Recollection, reflections: tuple[str, ...], first: str, given: Given,
        error: str = "", n_note_tokens: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        attempt = len(found)
        found.append(
            Trajectory(
                id=occasion.episode_id(task, attempt),
                task_id=task.id,
                benchmark=task.benchmark,
                split=task.split,
                difficulty=task.difficulty,
                instruction=task.instruction,
                first_observation=first,
                purpose=occasion.purpose,
                generation=occasion.generation,
                attempt=attempt,
                arm=occasion.arm,
                steps=steps,
                ending=ending,
                score=score,
                best_score=best,
                success=success,
                seed=occasion.seed,
                recall=recollection.facts,
                lessons=recollection.texts,
                reflections=reflections,
                system=given.system,
                tools=given.tools,
                memory_version=player.memory_version,
                adapter=player.backbone.adapter,
                error=error,
                seconds=seconds,
                n_note_tokens=n_note_tokens,
            )
        )

    for done in state.get("attempts", ()):
        add(
            steps=done.steps, ending=done.ending, score=done.score, best=done.best_score,
            success=done.success, recollection=done.recollection, reflections=done.reflections,
            first=done.first_observation, given=done.given, n_note_tokens=done.n_note_tokens,
        )  # fmt: skip
    if error:
        told = bool(found) and state["steps"] == found[-1].steps  # it broke while it reflected
        observation = state.get("observation")
        add(
            steps=() if told else state.get("steps", ()), ending="error",
            score=observation.score if observation and not told else 0.0,
            best=0.0 if told else state.get("best_score", 0.0), success=False,
            recollection=Recollection() if told else state.get("recollection", Recollection()),
            reflections=state.get("reflections", ()),
            first=state.get("first_observation", ""), given=state.get("first_given", Given()),
            error=error,
        )  # fmt: skip
    return found


async def play_all(
    player: Player,
    benchmark: Opens,
    tasks: Sequence[Task],
    occasion: Occasion,
    *,
    n_at_once: int = 32,
) -> AsyncIterator[list[Trajectory]]:
    """Play many tasks, `n_at_once` at a time; yield the attempts of each as it ends.

    The hardest come first: their episodes are the longest, and would else run on alone at the end.
    """
    waiting = iter(sorted(tasks, key=lambda task: -task.difficulty))
    running: set[asyncio.Task[list[Trajectory]]] = set()

    def fill() -> None:
        while len(running) < n_at_once and (task := next(waiting, None)) is not None:
            running.add(asyncio.create_task(play(player, benchmark, task, occasion)))

    fill()
    done: set[asyncio.Task[list[Trajectory]]] = set()
    try:
        while running:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            fill()
            for finished in done:
                yield finished.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, *done, return_exceptions=True)
