"""How an episode asks the memory: a snapshot's recall, and what else is in mind, as a recaller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from agentevo.agent.episode import Plan, Recaller, Recollection
from agentevo.dialogue.prompts import lesson_line
from agentevo.experience import Recall
from agentevo.memory import Boilerplate, RecallSettings, Snapshot, Withholding, episode_rng
from agentevo.settings import MemorySettings

KEEP_ABOVE = 0.05  # similarity below which a single lesson is never shown


@dataclass(frozen=True)
class SnapshotRecaller:
    """Recalls from one snapshot of the memory.

    Args:
        snapshot: the memory as of one version.
        settings: how much is recalled.
        count_tokens: counts the tokens of a lesson's text.
        withhold_rate: chance that a lesson is kept back; 0 wherever an agent is judged.
        common: what all tasks have in common, and so tells nothing of the one at hand.
    """

    snapshot: Snapshot
    settings: MemorySettings
    count_tokens: Callable[[str], int]
    withhold_rate: float = 0.0
    common: Boilerplate = field(default_factory=Boilerplate)

    def __call__(self, instruction: str, observation: str, episode: str) -> Recollection:
        """Return lessons for a task as it is first seen."""
        withholding = None
        if self.withhold_rate > 0:
            withholding = Withholding(self.withhold_rate, episode_rng(episode))
        recalled = self.snapshot.recall(
            (self.common.remove_from(instruction), self.common.remove_from(observation)),
            RecallSettings(
                n_lessons=self.settings.n_lessons,
                n_tokens=self.settings.n_tokens,
                abstain_below=self.settings.abstain_below,
                doubt=0.0,
                keep_share=0.0,  # a task is told of once, and all that may help is wanted
                keep_above=min(KEEP_ABOVE, self.settings.abstain_below),
            ),
            withholding=withholding,
            count=self.count_tokens,
        )
        texts = tuple(lesson_line(one.situation, one.advice) for one in recalled.injected)
        facts = Recall(
            candidates={one.lesson_id: one.relevance for one in recalled.candidates},
            injected=tuple(one.id for one in recalled.injected),
            withheld=tuple(one.id for one in recalled.withheld),
            propensity=recalled.propensity,
            rivals=dict(recalled.rivals),
        )
        return Recollection(facts, texts)


@dataclass(frozen=True)
class Remembering:
    """All that an agent has in mind of a task: principles, lessons, and a way that it knows."""

    principles: tuple[str, ...] = ()
    """Shown first, whatever the task."""
    lessons: Recaller | None = None
    """None: there are none."""
    plans: Mapping[tuple[str, str], Plan] = field(default_factory=dict)
    """By instruction and first observation."""

    def __call__(self, instruction: str, observation: str, episode: str) -> Recollection:
        """Return what is in mind for a task as it is first seen."""
        recalled = Recollection()
        if self.lessons is not None:
            recalled = self.lessons(instruction, observation, episode)
        return replace(
            recalled,
            texts=(*self.principles, *recalled.texts),
            plan=self.plans.get((instruction, observation), ()),
        )
