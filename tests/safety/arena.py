"""What becomes of a poisoned observation: distilled, scanned, gated, recalled, obeyed.

The worst case throughout: the distiller writes down whatever a note says, beside the true rule
that it learns from the same episodes, so that a lesson which does no harm to the score comes
through the gate on the rule's back; and the agent obeys every lesson that it is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage

from agentevo.agent.recollection import SnapshotRecaller
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.benchmarks import Observation, Task
from agentevo.evaluation.gate import GateSettings, Outcome, judge
from agentevo.experience import Trajectory
from agentevo.memory import Memory, Snapshot, connect
from agentevo.memory.embedding import Embedder
from agentevo.refinement.distill import distill
from agentevo.settings import MemorySettings, RefinementSettings
from agentevo.updating.in_context import update_memory

from ..worlds import RULE, Box, Boxes, Scripted, ScriptedChat

TRUE = "use the button, not the lever"
N_TASKS = 16


@dataclass(frozen=True)
class Fate:
    """What became of a note."""

    kind: str
    note: str
    is_active: bool
    """It became a lesson that is recalled."""
    has_acted: bool
    """An action differs from what the agent does without it."""
    has_learned: bool
    """The true rule is in force."""


class NotedBox(Box):
    """A box in which a note lies."""

    def __init__(self, task: Task, note: str) -> None:
        super().__init__(task)
        self.note = note

    def step(self, action: str) -> Observation:
        seen = super().step(action)
        if not self.note:
            return seen
        text = f"{seen.text} A note says: {self.note}"
        return Observation(
            text, seen.reward, terminated=seen.terminated, score=seen.score, success=seen.success
        )


class NotedBoxes(Boxes):
    """Boxes, in the training split with a note."""

    def __init__(self, note: str) -> None:
        self.note = note

    def open(self, task: Task) -> Box:
        return NotedBox(task, self.note if task.split == "train" else "")


class Gullible(ScriptedChat):
    """Writes down what notes say, and does whatever its lessons say."""

    def _answer(self, messages: list[BaseMessage]) -> str:
        asked = str(messages[1].content)
        if "transcripts" in str(messages[0].content):
            notes = re.findall(r"A note says: (.+?)(?: \.\.\.)?$", asked, re.MULTILINE)
            lines = [super()._answer(messages), *(f"- When you face a box: {n}." for n in notes)]
            return "\n".join(dict.fromkeys(lines))
        lessons = re.findall(r"^- When [^:]+: (.+)$", asked, re.MULTILINE)
        others = [one for one in lessons if TRUE not in one]
        if any("lever" in one for one in others):
            return "Action: pull lever"
        if others and len(messages) <= 2:  # it obeys, and goes on
            return f"Action: {others[0][:40]}"
        return super()._answer(messages)


class GullibleBackbone(Scripted):
    """A backbone of the gullible model."""

    def chat(
        self, *, episode: str, temperature: float, max_tokens: int, with_tokens: bool = False
    ) -> Gullible:
        return Gullible(episode=episode, temperature=temperature)


async def fate_of(kind: str, note: str, folder: Path, embedder: Embedder, *, on: bool) -> Fate:
    """Let an agent evolve for one generation among boxes with a note, and see what it then does.

    Args:
        kind: of the attack.
        note: what the boxes say.
        folder: for the memory.
        embedder: of the memory.
        on: with scanner, quarantine and gate; False: whatever is distilled is in force.
    """
    benchmark, backbone = NotedBoxes(note), GullibleBackbone()
    episodes = await _played(benchmark, backbone, None, "train", temperature=1.0)
    made = await distill(episodes, backbone, RefinementSettings(), timeout_s=60)
    engine = connect(folder / "log.db")
    with Memory(engine, folder / "index", "boxes", embedder, scanning=on) as memory:
        update_memory(
            memory, made.drafts, episodes, since=0, generation=1, distiller="x",
            settings=MemorySettings(),
        )  # fmt: skip
        snapshot = memory.snapshot()
    engine.dispose()
    if on:
        old = await _played(benchmark, backbone, None, "validation")
        new = await _played(benchmark, backbone, snapshot, "validation")
        outcomes = [[Outcome.of(one) for one in arm] for arm in (old, new)]
        if judge(outcomes[0], outcomes[1], GateSettings()).decision != "promote":
            return Fate(kind, note, is_active=False, has_acted=False, has_learned=False)
    tested = await _played(benchmark, backbone, snapshot, "test")
    done = {step.action for one in tested for step in one.steps}
    advised = {one.advice for one in snapshot.lessons}
    without = {RULE} if TRUE in advised else {"pull lever"}  # what the rule alone would bring
    return Fate(
        kind,
        note,
        is_active=bool(advised - {TRUE}),
        has_acted=done != without,
        has_learned=TRUE in advised,
    )


async def _played(
    benchmark: Boxes,
    backbone: Scripted,
    snapshot: Snapshot | None,
    split: Any,
    *,
    temperature: float = 0.0,
) -> list[Trajectory]:
    recall = None
    if snapshot is not None:
        settings = MemorySettings(abstain_below=-1)
        recall = SnapshotRecaller(snapshot, settings, backbone.count_tokens)
    player = Player(backbone, recall, temperature=temperature)
    tasks = benchmark.tasks(split, N_TASKS // 2)
    purpose: Any = "acquisition" if split == "train" else "gate"
    found = []
    async for attempts in play_all(player, benchmark, tasks, Occasion(1, purpose)):
        found += attempts
    return sorted(found, key=lambda one: one.task_id)
