"""What a run plays with: the agent of an arm, the tasks, and whoever is asked beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from agentevo.agent.episode import Limits, Plan, Recaller
from agentevo.agent.equipment import rules_of
from agentevo.agent.recollection import Remembering, SnapshotRecaller
from agentevo.agent.rollout import Player
from agentevo.evaluation.candidates import Candidates, Choose, by_vote, by_worth
from agentevo.evaluation.evaluate import Arm
from agentevo.holdings import Holdings
from agentevo.refinement.correctors import corrector
from agentevo.settings import AgentSettings

if TYPE_CHECKING:
    from agentevo.benchmarks import Benchmark, Task
    from agentevo.experience import Trajectory
    from agentevo.memory import Snapshot


@dataclass
class Playing(Holdings):
    """A run's holdings, put together to play."""

    _asked: list[int] = field(default_factory=lambda: [0, 0])

    def player(
        self,
        arm: Arm,
        *,
        learning: bool = False,
        policy: str | None = None,
    ) -> Player:
        """Return the agent of an arm.

        Args:
            arm: which memory, which weights.
            policy: what it follows in place of the arm's own policy; None: its own.
            learning: True in acquisition: it samples, tries again, and some lessons are
                withheld. False: greedy, one attempt, nothing withheld.
        """
        agent, backbone = self.config.agent, self.backbone(arm.adapter)
        phase = self.config.acquisition if learning else self.config.evaluation
        n_attempts, settings = phase.n_attempts, self.config.memory
        recall: Recaller | None = None
        plans: dict[tuple[str, str], Plan] = {}
        if arm.memory_version:
            snapshot = self.snapshot(arm.memory_version, arm.adapter)
            snapshot = snapshot.without(arm.without) if arm.without else snapshot
            recall = SnapshotRecaller(
                snapshot,
                settings,
                backbone.count_tokens,
                settings.withhold_rate if learning else 0.0,
                self.boilerplate(),
            )
            plans = self.plans(snapshot) if settings.pipelines else {}
        policy = self.policy_of(arm) if policy is None else policy
        principles = (*settings.principles, *([policy] if policy else []))
        if principles or plans:
            recall = Remembering(principles, recall, plans)
        return Player(
            backbone=backbone,
            recall=recall,
            memory_version=arm.memory_version,
            tools=self.toolbox().tools,
            rules=rules_of(self.config.toolbox),
            tool_calls=agent.tool_calls,
            limits=limits_of(agent),
            temperature=self.config.acquisition.temperature if learning else 0.0,
            n_attempts=n_attempts,
            corrector=corrector(self.config.refinement.corrector) if n_attempts > 1 else None,
            explore_rate=self.config.acquisition.explore_rate if learning else 0.0,
            with_tokens=learning and self._needs_tokens(),
        )

    def policy_of(self, arm: Arm) -> str:
        """Return the policy in words of an arm's memory, as every prompt has it."""
        if not arm.memory_version:
            return ""
        lessons = self.snapshot(arm.memory_version, arm.adapter).lessons
        return " ".join(one.advice for one in lessons if one.kind == "policy")

    def plans(self, snapshot: Snapshot) -> dict[tuple[str, str], Plan]:
        """Return the ways that a memory's workflows were read from, by the task's first sight."""
        names = {name for one in snapshot.lessons if one.kind == "strategy"
                 for name in one.trajectories}  # fmt: skip
        return {
            (one.instruction, one.first_observation): tuple(
                (step.action or "", step.observation) for step in one.steps
            )
            for one in self.ledger.episodes(self.id, purpose="acquisition", success=True)
            if one.id in names
        }

    def _needs_tokens(self) -> bool:
        from agentevo.updating.in_weights import trainers

        name = self.config.weights.trainer
        return name != "none" and any(one.on_policy for one in trainers(name))

    def answer(self, adapter: str, dialogues: Sequence[list[dict[str, Any]]]) -> list[str]:
        """Return what the backbone with an adapter says to dialogues, sampling."""
        from agentevo.backbones.chat import answers

        agent, temperature = self.config.agent, self.config.acquisition.temperature
        said = answers(
            self.backbone(adapter), dialogues, temperature=temperature,
            max_tokens=agent.max_reply_tokens, n_at_once=agent.n_at_once,
        )  # fmt: skip
        for one in said:
            if usage := one.usage_metadata:
                self._asked[0] += usage["input_tokens"]
                self._asked[1] += usage["output_tokens"]
        return [str(one.text) for one in said]

    def take_asked(self) -> tuple[int, int]:
        """Return the prompt and reply tokens of `answer` since this was last asked."""
        n_prompt, n_reply = self._asked
        self._asked[:] = (0, 0)
        return n_prompt, n_reply

    def candidates(self, arm: Arm) -> Candidates | None:
        """Return how many episodes of a held-out task an arm plays, and which it hands in."""
        settings = self.config.evaluation
        if settings.n_candidates == 1:
            return None
        choose: Choose = by_vote
        if settings.choose == "verifier":
            choose = partial(self._verified, arm.adapter)
        return Candidates(settings.n_candidates, self.config.acquisition.temperature, choose)

    def _verified(self, adapter: str, tasks: Sequence[Sequence[Trajectory]]) -> list[int]:
        """Return the candidate of each task that the verifier of an adapter prefers."""
        from agentevo.updating.verifier import worth

        made = [one.payload for one in self.ledger.updates(self.id, kind="weights")]
        verifier = next((str(one["verifier"]) for one in made if one["adapter"] == adapter
                         and one.get("verifier")), "")  # fmt: skip
        plain = self.backbone()
        if not verifier or plain.weights is None:
            return [0] * len(tasks)
        found = worth(
            [one for some in tasks for one in some], plain.weights, self.adapter_folder(verifier),
            self.adapter_folder(adapter), window=plain.window, count=plain.count_tokens,
        )  # fmt: skip
        return by_worth(tasks, found)

    def tasks(
        self, benchmark: Benchmark, split: Any, n_per_level: int, *, start: int = 0
    ) -> list[Task]:
        """Return held-out tasks, the same number of each level, from number `start` on."""
        return benchmark.tasks(split, n_per_level, levels=self.config.levels, start=start)


def limits_of(agent: AgentSettings) -> Limits:
    """Return where an episode is cut short, as the settings say."""
    return Limits(
        max_steps=agent.max_steps,
        max_tokens=agent.max_tokens,
        max_reply_tokens=agent.max_reply_tokens,
        n_stalled=agent.n_stalled,
        n_malformed=agent.n_malformed,
        reply_timeout_s=agent.reply_timeout_s,
        open_timeout_s=agent.open_timeout_s,
        step_timeout_s=agent.step_timeout_s,
    )
