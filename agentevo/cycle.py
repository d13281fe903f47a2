"""What the nodes of the cycle share: its context, its news, a phase's record, gate and arms."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from agentevo.acquisition.demand import Demand
from agentevo.acquisition.made_tasks import NAME as MADE
from agentevo.acquisition.made_tasks import MadeTasks
from agentevo.acquisition.makers import Beside, Order, maker
from agentevo.acquisition.tasks import AUTO, chooser, picked
from agentevo.agent.rollout import ROUND, Occasion, Opens, play_all
from agentevo.benchmarks import Benchmark, Task
from agentevo.dialogue import prompts
from agentevo.evaluation.course import levels_of
from agentevo.evaluation.evaluate import Arm, evaluate
from agentevo.evaluation.gate import GateSettings, Outcome, Verdict, judge
from agentevo.experience import Purpose, Trajectory
from agentevo.folders import RunError
from agentevo.refinement.sieve import Sieve
from agentevo.run import Run

if TYPE_CHECKING:
    from agentevo.updating.training import Pace

Rule = Callable[[Sequence[Outcome], Sequence[Outcome], GateSettings], Verdict]
"""How the gate decides on two arms."""

MAX_ERRORS = 8  # episodes that break one after the other, and end the run


@dataclass(frozen=True)
class News:
    """Something that happened in a run, for whoever watches."""

    kind: Literal["phase", "episode", "lessons", "training", "verdict", "done"]
    generation: int
    text: str = ""
    """The phase, or what is to be said."""
    n_done: int = 0
    n_all: int = 0
    trajectory: Trajectory | None = None
    decision: str = ""


@dataclass(frozen=True)
class Cycle:
    """The run-time context of an evolution."""

    run: Run
    benchmark: Benchmark
    tell: Callable[[News], None]


class Phase:
    """Tells of a phase as it goes, and records what it cost."""

    def __init__(
        self, cycle: Cycle, generation: int, name: str, n_all: int = 0, n_done: int = 0
    ) -> None:
        """Begin a phase of `n_all` episodes, `n_done` of which the ledger has already."""
        self._cycle, self._generation, self._name = cycle, generation, name
        self._n_all, self._n_done = n_all, n_done
        self._broken: list[Sequence[Trajectory]] = []
        self._began = time.monotonic()
        self._tokens = [0, 0]
        cycle.tell(News("phase", generation, name, n_done, n_all))

    def record(self, attempts: Sequence[Trajectory]) -> None:
        """Write the attempts at a task into the ledger, tell of them and count what they cost.

        Episodes that broke wait for one that did not: where all break one after the other, they
        say nothing of the agent, and are to be played again.

        Raises:
            RunError: the last episodes all broke.
        """
        if attempts[-1].ending == "error":
            self._broken.append(attempts)
            self._check(MAX_ERRORS)
            return
        self._write([*self._broken, attempts])

    def _check(self, n_most: int) -> None:
        n = len(self._broken)
        if n and n >= n_most:
            which = f"{n} episodes" if n > 1 else "the one episode"
            error = self._broken[-1][-1].error
            raise RunError(f"{which} of {self._name} broke, one after the other: {error}")

    def _write(self, tasks: Sequence[Sequence[Trajectory]]) -> None:
        self._broken = []
        run = self._cycle.run
        for attempts in tasks:
            for trajectory in reversed(attempts):  # the first attempt marks the task as done
                run.ledger.add_episode(run.id, trajectory)
                if not trajectory.copy_of:
                    self._tokens[0] += trajectory.n_prompt_tokens
                    self._tokens[1] += trajectory.n_reply_tokens
                self._n_done += trajectory.attempt == 0
                self._cycle.tell(
                    News(
                        "episode", self._generation, self._name, self._n_done, self._n_all,
                        trajectory,
                    )
                )  # fmt: skip

    def training(self, pace: Pace) -> None:
        """Tell how far a training is."""
        news = News("training", self._generation, str(pace), pace.step, pace.n_steps)
        self._cycle.tell(news)

    def end(self, n_prompt_tokens: int = 0, n_reply_tokens: int = 0) -> None:
        """Record the phase's tokens and seconds, and what broke at its end.

        Raises:
            RunError: every episode of the phase broke.
        """
        if not self._n_done:
            self._check(1)
        self._write(self._broken)
        self._cycle.run.ledger.add_usage(
            self._cycle.run.id,
            self._generation,
            self._name,
            n_prompt_tokens=self._tokens[0] + n_prompt_tokens,
            n_reply_tokens=self._tokens[1] + n_reply_tokens,
            seconds=time.monotonic() - self._began,
        )


async def prepare(cycle: Cycle, tasks: Sequence[Task]) -> None:
    """Make what tasks need, telling how far it is."""

    def told(n_done: int, n_all: int) -> None:
        cycle.tell(News("phase", 0, "preparing tasks", n_done, n_all))

    await asyncio.to_thread(cycle.benchmark.prepare, tasks, progress=told, workers=2)


def chosen_tasks(cycle: Cycle, generation: int) -> list[Task]:
    """Return the training tasks of a generation, the same whenever it is begun again.

    Raises:
        RunError: there are none.
    """
    run, config = cycle.run, cycle.run.config
    played = run.ledger.summaries(run.id, purpose="acquisition")
    earlier = [one for one in played if one.key.generation < generation and one.benchmark != MADE]
    name = config.acquisition.tasks
    if name == AUTO:
        name, why = picked(earlier)
        run.ledger.add_update(run.id, generation, "strategy", {"tasks": name, "reason": why})
    demand = Demand(
        cycle.benchmark, config.acquisition.n_tasks_per_level, generation,
        levels_of(run, generation) or tuple(config.levels or cycle.benchmark.levels), config.seed,
        sorted(earlier, key=lambda one: (one.key.generation, one.trajectory_id)),
        lambda texts: run.embedder().embed(texts),
    )  # fmt: skip
    tasks = chooser(name)(demand)
    if not tasks:
        raise RunError(f"there are no training tasks for generation {generation}")
    return tasks


def made_tasks(
    cycle: Cycle, generation: int, tasks: Sequence[Task], adapter: str
) -> tuple[Opens, list[Task]]:
    """Return the tasks that a generation makes beside others, made once, and what opens all.

    Args:
        cycle: what all nodes share.
        generation: whose tasks.
        tasks: those of the benchmark that it plays.
        adapter: of the model that makes them.
    """
    run, settings = cycle.run, cycle.run.config.acquisition
    if not settings.make:
        return cycle.benchmark, []
    path = run.folder / "made.jsonl"
    if not run.ledger.get_update(run.id, generation, "making"):
        phase = Phase(cycle, generation, "making tasks")

        def gold(task: Task) -> str | None:
            return "; ".join(cycle.benchmark.gold(task) or ()) or None

        rng = random.Random(f"{run.config.seed}/{generation}")
        order = Order(tasks, gold, partial(run.answer, adapter), rng, settings.n_made)
        found = maker(settings.make)(order)
        MadeTasks.write(path, found.made, generation)
        told: dict[str, object] = {"n_made": len(found.made), "refused": found.refused}
        run.ledger.add_update(run.id, generation, "making", told)
        phase.end(*run.take_asked())
    made = MadeTasks(path)
    return Beside(cycle.benchmark, made), made.tasks(generation)


async def sample(cycle: Cycle, generation: int, pair: Arm, number: int = 1) -> None:
    """Play a generation's training tasks, sampling, so far as the ledger does not know it yet.

    Args:
        cycle: what all nodes share.
        generation: whose tasks.
        pair: what plays.
        number: of the round in which they are played again, with other weights.
    """
    run, config = cycle.run, cycle.run.config
    tasks = await asyncio.to_thread(chosen_tasks, cycle, generation)
    opens, made = await asyncio.to_thread(made_tasks, cycle, generation, tasks, pair.adapter)
    n_samples = config.acquisition.n_samples
    which = "" if number == 1 else f"{ROUND}{number}"
    arms = [which, *(f"{which}#{i}" for i in range(1, n_samples))]
    done = {
        (key.task_id, key.arm)
        for key in run.ledger.finished(run.id, generation=generation, purpose="acquisition")
        if key.attempt == 0 and key.arm in arms  # written last
    }
    missing = {
        arm: [task for task in (*tasks, *made) if (task.id, arm) not in done] for arm in arms
    }
    wanted = {task.id for some in missing.values() for task in some}
    await prepare(cycle, [task for task in tasks if task.id in wanted])
    tasks = [*tasks, *made]
    name = f"acquisition, {which}" if which else "acquisition"
    phase = Phase(cycle, generation, name, len(tasks) * n_samples, len(done))
    for arm, some in missing.items():
        if some:
            player = run.player(pair, learning=True)
            if config.acquisition.contrast:
                manner = prompts.GOOD_MANNER if arm == which else prompts.BAD_MANNER
                player = replace(player, manner=manner)
            occasion = Occasion(generation, "acquisition", arm, config.seed)
            async for attempts in play_all(
                player, opens, some, occasion, n_at_once=config.agent.n_at_once
            ):
                phase.record(attempts)
    phase.end()


async def gate(
    cycle: Cycle, generation: int, kind: str, old: Arm, new: Arm, *, rule: Rule = judge,
    n_more: int = 0,
) -> str:  # fmt: skip
    """Return the verdict on a candidate: the recorded one, or one that is reached now.

    Args:
        cycle: what all nodes share.
        generation: under which it is recorded.
        kind: what stands at the gate.
        old: the incumbent.
        new: the candidate.
        rule: how it is decided.
        n_more: verdicts that share alpha, besides those that the run was planned with.
    """
    run, config = cycle.run, cycle.run.config
    known = run.ledger.get_verdict(run.id, generation, kind)
    if known is None:
        n = config.evaluation.n_gate_per_level
        start = n * (generation - 1) if config.evaluation.fresh_gate else 0
        tasks = run.tasks(cycle.benchmark, "validation", n, start=start)
        if not tasks:
            raise RunError(f"there are no validation tasks left for generation {generation}")
        played = await play_arms(cycle, (old, new), tasks, generation, f"gate of {kind}")
        settings = GateSettings(
            alpha=config.evaluation.alpha, n_verdicts=2 * config.n_generations + n_more
        )
        verdict = rule(*outcomes_of(*played), settings)
        evidence: Any = verdict.to_json()["evidence"]
        tokens = [fmean(one.n_prompt_tokens for one in arm) for arm in played]
        evidence["n_prompt_tokens"] = tokens
        if rule is not judge:  # what it is for
            evidence["reason"] += f" Prompt tokens an episode: {tokens[0]:,.0f}, {tokens[1]:,.0f}."
        run.ledger.add_verdict(run.id, generation, kind, verdict.decision, evidence)
        known = run.ledger.get_verdict(run.id, generation, kind)
        assert known is not None
    reason = str(known.evidence["reason"])
    cycle.tell(News("verdict", generation, f"{kind}: {reason}", decision=known.verdict))
    return known.verdict


def outcomes_of(
    old: Sequence[Trajectory], new: Sequence[Trajectory]
) -> tuple[list[Outcome], list[Outcome]]:
    """Return what two arms came to on the tasks on which neither of them broke."""
    broken = {one.task_id for one in (*old, *new) if one.ending == "error"}
    whole = [[one for one in episodes if one.task_id not in broken] for episodes in (old, new)]
    return [Outcome.of(one) for one in whole[0]], [Outcome.of(one) for one in whole[1]]


async def play_arms(
    cycle: Cycle, arms: Sequence[Arm], tasks: Sequence[Task], generation: int, name: str,
    purpose: Purpose = "gate",
) -> list[list[Trajectory]]:  # fmt: skip
    """Play arms on held-out tasks, greedily, so far as the ledger does not know them yet.

    Arms with the same weights play side by side. Returns the episodes of each, in the order of
    the arms and of the tasks; an arm that is given twice is played once.
    """
    run = cycle.run
    ids = {task.id for task in tasks}
    n_done = 0
    for arm in set(arms):
        known = run.ledger.finished(run.id, purpose=purpose, arm=arm.name)
        n_done += len({key.task_id for key in known} & ids)
    await prepare(cycle, tasks)
    n_each = run.config.evaluation.n_candidates
    n_all = len(set(arms)) * len(ids) * (n_each + 1 if n_each > 1 else 1)
    phase = Phase(cycle, generation, name, n_all, n_done)
    found: dict[Arm, list[Trajectory]] = {}
    for adapter in dict.fromkeys(arm.adapter for arm in arms):
        alike = [arm for arm in dict.fromkeys(arms) if arm.adapter == adapter]
        playing = [
            asyncio.create_task(
                evaluate(
                    run.ledger, run.id, arm, run.player(arm), cycle.benchmark, tasks,
                    purpose=purpose, generation=generation,
                    n_at_once=run.config.agent.n_at_once, record=phase.record,
                    candidates=run.candidates(arm),
                )
            )
            for arm in alike
        ]  # fmt: skip
        try:
            found |= zip(alike, await asyncio.gather(*playing), strict=True)
        finally:  # where one broke, the others stop
            for one in playing:
                one.cancel()
            await asyncio.gather(*playing, return_exceptions=True)
    phase.end()
    return [found[arm] for arm in arms]


def promote(run: Run, generation: int, kind: str, arm: Arm) -> Arm:
    """Put a pair in force, once, and return it as it came to be."""
    if run.incumbent() == arm:
        return arm
    for event in run.ledger.events(run.id, kind="promotion"):
        told: Any = event.payload
        done = Arm(told["memory_version"], told["adapter"])
        same = (told["generation"], told["kind"], done.adapter) == (generation, kind, arm.adapter)
        if same and (kind == "weights" or done == arm):  # weights may have changed the version
            return done
    return run.promote(generation, kind, arm)


def held_out(cycle: Cycle) -> Sieve:
    """Return what is known of the held-out tasks."""
    run, evaluation = cycle.run, cycle.run.config.evaluation
    n_slices = max(1, run.config.n_generations) if evaluation.fresh_gate else 1
    tasks = [
        task
        for split, n in (
            ("validation", evaluation.n_gate_per_level * n_slices),
            ("test", evaluation.n_test_per_level),
        )
        for task in (run.tasks(cycle.benchmark, split, n) if n else [])
    ]
    sights = {one.first_observation for one in run.ledger.episodes(run.id, purpose="gate")}
    texts = sights | {task.instruction for task in tasks}
    return Sieve(frozenset(task.id for task in tasks), frozenset(sights), frozenset(texts))
