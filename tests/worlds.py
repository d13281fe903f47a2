"""A tiny benchmark and a scripted backbone, for tests that want a whole evolution in seconds.

The world has one hidden rule: which of two handles opens the box. The model pulls the lever
unless a lesson in its prompt names a handle; when it samples, it tries the button in about
half of the episodes; as a distiller it writes down which handle opened the box.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from agentevo.benchmarks import Observation, Task

RULE = "push button"


class Box:
    """Opens by one handle; two wrong tries lose."""

    tools: Sequence[Any] = ()

    def __init__(self, task: Task) -> None:
        self.task = task

    def reset(self) -> Observation:
        self.n = 0
        return Observation(f"A box number {self.task.seed}, with a lever and a button.")

    def step(self, action: str) -> Observation:
        if self.n >= 2:
            raise RuntimeError("the box is done with")
        self.n += 1
        if action == RULE:
            self.n = 2
            return Observation("The box opens.", 1.0, terminated=True, score=1.0, success=True)
        return Observation("Nothing moves.", terminated=self.n >= 2)

    def close(self) -> None:
        pass


class Boxes:
    """Boxes of two levels that differ in nothing but their number."""

    name = "boxes"
    description = "Boxes to be opened."
    licence = "Apache-2.0"
    source = "tests"
    levels = (1, 2)
    thread_safe = True

    def max_steps(self, task: Task) -> int:
        return 5

    def fingerprint(self) -> str:
        return "boxes-1"

    def tasks(
        self, split: Any, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        block = {"train": 0, "validation": 10_000, "test": 20_000}[split]
        return [
            Task(f"boxes/{split}/{level}/{i}", "boxes", split, "Get the thing out of the box.",
                 block + 1000 * level + i, level)
            for i in range(start, start + n_per_level)
            for level in (levels or self.levels)
        ]  # fmt: skip

    def prepare(self, tasks: Sequence[Task], *, progress: Any = None, workers: int = 1) -> None:
        pass

    def open(self, task: Task) -> Box:
        return Box(task)

    def gold(self, task: Task) -> list[str]:
        return [RULE]


def boxes() -> Boxes:
    """Return the benchmark, as `tests/worlds.py:boxes`."""
    return Boxes()


class Drawer(Box):
    """Opens by the lever, and not by the button."""

    def reset(self) -> Observation:
        super().reset()
        return Observation(f"A drawer number {self.task.seed}, with a lever and a button.")

    def step(self, action: str) -> Observation:
        return super().step({"pull lever": RULE, RULE: "pull lever"}.get(action, action))


class Drawers(Boxes):
    """As boxes, with the other rule."""

    name = "drawers"
    description = "Drawers to be opened."

    def fingerprint(self) -> str:
        return "drawers-1"

    def tasks(self, *arguments: Any, **more: Any) -> list[Task]:
        return [
            replace(task, id=task.id.replace("boxes", "drawers"), benchmark="drawers")
            for task in super().tasks(*arguments, **more)
        ]

    def open(self, task: Task) -> Drawer:
        return Drawer(task)


def drawers() -> Drawers:
    """Return the benchmark, as `tests/worlds.py:drawers`."""
    return Drawers()


class ScriptedChat(BaseChatModel):
    """Answers by rule; see the module's docstring."""

    episode: str
    temperature: float
    knows: bool = False

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        text = self._answer(messages)
        message = AIMessage(
            text,
            usage_metadata={
                "input_tokens": sum(len(str(m.content).split()) for m in messages),
                "output_tokens": len(text.split()),
                "total_tokens": 0,
            },
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _answer(self, messages: list[BaseMessage]) -> str:
        asked = str(messages[1].content)
        if "transcripts" in str(messages[0].content):
            if f"> {RULE}" in asked and "opens" in asked:
                return "- When you face a box: use the button, not the lever."
            return "- none"
        explores = self.temperature > 0 and hashlib.sha256(self.episode.encode()).digest()[0] % 2
        if "use the button" in asked or explores or self.knows:
            return f"Thought: the button\nAction: {RULE}"
        return "Thought: the lever\nAction: pull lever"


class Scripted:
    """A backbone without weights."""

    name = "scripted"
    adapter = ""
    window = 4000
    weights: Path | None = None

    def chat(
        self, *, episode: str, temperature: float, max_tokens: int, with_tokens: bool = False
    ) -> ScriptedChat:
        return ScriptedChat(episode=episode, temperature=temperature)

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2

    def with_adapter(self, name: str, folder: Path | None) -> Scripted:
        return self

    def close(self) -> None:
        pass


class Learner(Scripted):
    """A scripted backbone with weights: with an adapter it knows the rule, or where it is half.

    Its training is a real one, of the model in the folder TINY_MODEL.
    """

    def __init__(self, adapter: str = "", *, half: bool = False) -> None:
        self.adapter, self.half = adapter, half
        self.weights = Path(os.environ["TINY_MODEL"])

    def chat(
        self, *, episode: str, temperature: float, max_tokens: int, with_tokens: bool = False
    ) -> ScriptedChat:
        knows = bool(self.adapter) and (not self.half or "/1/" in episode)
        return ScriptedChat(episode=episode, temperature=temperature, knows=knows)

    def with_adapter(self, name: str, folder: Path | None) -> Scripted:
        return Learner(name if folder else "", half=self.half)


def learner(rest: str, n_slots: int) -> Learner:
    """Return one that learns the rule, as `tests/worlds.py:learner`."""
    return Learner()


def half_learner(rest: str, n_slots: int) -> Learner:
    """Return one that learns the rule of the first level alone."""
    return Learner(half=True)


def scripted(rest: str, n_slots: int) -> Scripted:
    """Return the backbone, as `tests/worlds.py:scripted`."""
    return Scripted()
