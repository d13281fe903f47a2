"""An agent that solves one question or task at a time, with what a run has learned."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from agentevo.config import ConfigError, RunConfig, merge

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from agentevo.agent.rollout import Opens, Player
    from agentevo.agent.rules import Ask
    from agentevo.backbones import Backbone
    from agentevo.benchmarks import Task
    from agentevo.experience import Step, Trajectory
    from agentevo.memory import Written
    from agentevo.run import Run
    from agentevo.tools import Toolbox
    from agentevo.tools.decorator import Function

    Watch = Callable[[Step], None]
    Hear = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """What came of a question or task."""

    text: str
    """The answer; of a task of a benchmark, the last observation. Empty: there was none."""
    trajectory: Trajectory
    learned: tuple[Written, ...] = ()
    """Lessons that were written down, pending until a person activates them."""

    def __str__(self) -> str:
        """Return the answer itself."""
        return self.text


def _tools_in(given: Sequence[BaseTool | str | Function]) -> tuple[BaseTool | str, ...]:
    """Return what an agent is given as tools, and names as they are.

    Raises:
        ToolError: something is no tool.
    """
    from agentevo.tools import Toolbox

    made = [(one,) if isinstance(one, str) else Toolbox([one]).tools for one in given]
    return tuple(one for some in made for one in some)


def _name_of(tool: BaseTool) -> str:
    """Return where a tool is found again, as `file.py:name`."""
    does = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    module = sys.modules.get(getattr(does, "__module__", ""))
    file = getattr(module, "__file__", None)
    found = vars(module).items() if module else ()
    names = [name for name, one in found if one is tool or one is does]
    if not file or not names:
        raise ConfigError(f"tool {tool.name} is in no file: give its name, such as my_tools.py:it")
    return f"{Path(file).resolve()}:{names[0]}"


class Agent:
    """A backbone with its tools and, from an evolved run, its lessons and its adapter.

    It loads what it needs with the first question, and lets it go when it is closed; it is a
    context manager.

    Args:
        backbone: such as `seed`, `vllm:URL#MODEL`, `openai:NAME`; None: the run's.
        tools: functions, which `agentevo.tools.tool` may have decorated, or names such as
            `file.py:name`.
        memory: a run's name or folder, whose lessons and adapter in force it has; None: none.
        ask: asks somebody whether a tool may be called (its name, its arguments as JSON), where
            `toolbox.approval` says so; None: nobody can be asked, and it is not called.
        **settings: any other settings, such as `agent={"max_steps": 20}`.
    """

    def __init__(
        self,
        backbone: str | None = None,
        *,
        tools: Sequence[BaseTool | str | Function] = (),
        memory: str | Path | None = None,
        ask: Ask | None = None,
        **settings: Any,
    ) -> None:
        """Take the settings; nothing is loaded yet."""
        self.backbone, self.memory, self.ask = backbone, memory, ask
        self.tools = _tools_in(tools) if tools else ()
        self.settings: Mapping[str, Any] = settings
        self._run: Run | None = None
        self._writes = False
        self._plain: Backbone | None = None
        self._toolbox: Toolbox | None = None
        self._lock = asyncio.Lock()

    async def solve(
        self, question: str, *, learn: bool = False, watch: Watch | None = None,
        hear: Hear | None = None,
    ) -> Answer:  # fmt: skip
        """Answer a question, or do what it asks by the tools.

        Args:
            question: in plain words.
            learn: True: what was learned is written to the run's lessons as pending.
            watch: hears of each step as it is done.
            hear: hears of the model's replies as they come, piece by piece where it streams.

        Raises:
            ConfigError: a setting is not allowed, or `learn` without a run.
            BackboneError: the backbone cannot be loaded.
            RunError: there is no such run.
        """
        from agentevo.agent.question import Questions, as_task

        number = int.from_bytes(hashlib.sha256(question.encode()).digest()[:4], "big")
        task = as_task(question, number)
        return await self.play(Questions(), task, learn=learn, watch=watch, hear=hear)

    async def play(
        self, benchmark: Opens, task: Task, *, learn: bool = False, watch: Watch | None = None,
        hear: Hear | None = None,
    ) -> Answer:  # fmt: skip
        """Play one task of a benchmark; see `solve`."""
        from agentevo.agent.equipment import check_names, names_in
        from agentevo.agent.rollout import Occasion, play

        if learn and self.memory is None:
            raise ConfigError("to learn, an agent needs a run whose lessons it adds to")
        if learn and task.split != "train":
            raise ConfigError(f"{task.id} is of the {task.split} split: nothing is learned from it")
        async with self._lock:
            player = await asyncio.to_thread(self._player, learn)
        if "toolbox" in self.settings:
            of_task = partial(names_in, benchmark, [task])
            names = [one.name for one in player.tools]
            await asyncio.to_thread(check_names, self._config().toolbox, names, of_task)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        occasion = Occasion(0, "solve", now)
        attempts = await play(player, benchmark, task, occasion, watch=watch, hear=hear)
        one = attempts[-1]
        text = one.steps[-1].observation if one.steps else ""
        if one.benchmark == "question":
            text = one.steps[-1].action or "" if one.ending == "answered" else ""
        learned = await self._learn(player, one) if learn else ()
        return Answer(text, one, learned)

    def as_settings(self) -> dict[str, Any]:
        """Return the settings of a run in which this agent evolves.

        Raises:
            ConfigError: a tool is in no file, where a run that is resumed would find it again.
        """
        own: dict[str, Any] = {"backbone": self.backbone} if self.backbone else {}
        if self.tools:
            own["agent"] = {"tools": [one if isinstance(one, str) else _name_of(one)
                                      for one in self.tools]}  # fmt: skip
        return merge(own, self.settings)

    def _player(self, learn: bool) -> Player:
        """Return who plays, loading what is not loaded yet."""
        from agentevo.agent.equipment import context_of
        from agentevo.holdings import embedder_of
        from agentevo.tools import Toolbox

        player = self._of_run(learn) if self.memory is not None else self._alone()
        if self._toolbox is None:
            config = self._config() if self._run is None else self._run.config
            embedder = embedder_of(config.memory.embedder)
            self._toolbox = Toolbox(self.tools, context_of(config.toolbox, embedder.embed))
        tools = [*player.tools, *self._toolbox.tools]
        return replace(player, tools=tools, rules=replace(player.rules, ask=self.ask))

    def _config(self) -> RunConfig:
        from agentevo.api import settle

        own = {"backbone": self.backbone} if self.backbone else {}
        return settle({"recipe": "react", **own, **self.settings})

    def _alone(self) -> Player:
        """Return a player without a run."""
        from agentevo.agent.equipment import rules_of
        from agentevo.agent.rollout import Player
        from agentevo.backbones import load
        from agentevo.playing import limits_of

        config = self._config()
        if self._plain is None:
            self._plain = load(config.backbone, n_slots=config.agent.n_at_once,
                               settings=config.endpoint)  # fmt: skip
        return Player(
            self._plain, limits=limits_of(config.agent), tool_calls=config.agent.tool_calls,
            rules=rules_of(config.toolbox),
        )  # fmt: skip

    def _of_run(self, learn: bool) -> Player:
        """Return a run's player with what is in force, on another backbone where one is named."""
        from agentevo.agent.recollection import Remembering, SnapshotRecaller
        from agentevo.run import Run

        assert self.memory is not None
        if self._run is None or (learn and not self._writes):
            self._close_run()
            self._run, self._writes = Run.open(self.memory, write=learn, to_play=False), learn
        run, arm = self._run, self._run.incumbent()
        if learn:
            run.check_not_judged()
        if self.backbone in (None, run.config.backbone) and not self.settings:
            return run.player(arm)
        if self.backbone is None:
            raise ConfigError(
                f"run {run.id} has settings of its own: leave out {', '.join(self.settings)}, or "
                "name a backbone"
            )
        player = self._alone()  # the adapter is for the run's own backbone
        if not arm.memory_version:
            return player
        recall = SnapshotRecaller(
            run.snapshot(arm.memory_version, ""), run.config.memory, player.backbone.count_tokens,
            common=run.boilerplate(),
        )  # fmt: skip
        told = (*run.config.memory.principles, *filter(None, [run.policy_of(arm)]))
        return replace(player, recall=Remembering(told, recall), memory_version=arm.memory_version)

    async def _learn(self, player: Player, one: Trajectory) -> tuple[Written, ...]:
        """Distil lessons from an episode, and write them down as pending."""
        from agentevo.memory import Lesson, Provenance
        from agentevo.refinement.distill import PROMPT_HASH, distill

        run = self._run
        assert run is not None
        run.ledger.add_episode(run.id, one)
        made = await distill(
            [one], player.backbone, run.config.refinement,
            timeout_s=run.config.agent.reply_timeout_s,
        )  # fmt: skip
        lessons = [
            Lesson(
                situation=draft.situation,
                advice=draft.advice,
                scope=run.scope,
                status="pending",
                provenance=(
                    Provenance(
                        distiller=player.backbone.name,
                        trajectories=draft.sources,
                        prompt_hash=PROMPT_HASH,
                        steps=draft.steps,
                        taint=draft.taint,
                    ),
                ),
            )
            for draft in made.drafts
        ]
        memory = run.memory()
        return tuple(await asyncio.to_thread(memory.insert, lessons, who="solve", why=one.id))

    def _close_run(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None

    def close(self) -> None:
        """Let go of what was loaded."""
        self._close_run()
        if self._toolbox is not None:
            self._toolbox.close()
            self._toolbox = None
        if self._plain is not None:
            self._plain.close()
            self._plain = None

    def __enter__(self) -> Self:
        """Return the agent itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
