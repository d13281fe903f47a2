"""The figures of a run's report, counted from its ledger alone.

Arms on the test split, the learning curve, levels, costs, endings. Plain frozen data that
goes into `report.json` as it is; the words are `summary`'s, the texts `readings`'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentevo.agent.rollout import ROUND
from agentevo.evaluation.ablation import Row, four_arms, table
from agentevo.evaluation.attempts import by_task
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.statistics import Interval, mean_interval, stratified_mean, wilson

if TYPE_CHECKING:
    from agentevo.ledger import EpisodeSummary
    from agentevo.run import Run


IN_FORCE = "the pair in force"


@dataclass(frozen=True)
class LevelFigures:
    """One arm on the test tasks of one level."""

    level: int
    n: int
    n_successes: int
    success: Interval
    """Wilson's interval."""
    score: Interval
    """Bootstrap interval; for few tasks somewhat too narrow."""


@dataclass(frozen=True)
class ArmsFigures:
    """The four arms of one pair of memory and weights, on the test split."""

    memory_version: int
    adapter: str
    """Empty: the plain backbone."""
    whose: str
    """Which pair it is, in words."""
    rows: tuple[Row, ...]
    """Only arms that have played all test tasks known, so that they can be compared."""
    same_as: dict[str, str]
    """An arm that is an earlier one under another name, such as `both` without an adapter."""
    n_played: dict[str, int]
    """Test tasks that each arm has played so far."""
    n_tasks: int
    """Test tasks that any of the arms has played."""
    levels: dict[str, tuple[LevelFigures, ...]]
    """By arm, for the arms of `rows`."""
    unplayed: tuple[str, ...] = ()
    """Where another pair is shown than the one in force: the arms of the latter that have not
    played all test tasks."""

    @property
    def waiting(self) -> tuple[str, ...]:
        """The arms that are not compared yet."""
        known = {row.arm for row in self.rows}
        return tuple(arm for arm in self.n_played if arm not in known)


@dataclass(frozen=True)
class GenerationFigures:
    """One point of the learning curve; generation 0 is the plain backbone."""

    generation: int
    n_tasks: int
    """Training tasks played, first attempts only."""
    success: Interval | None
    """Of acquisition, with Wilson's interval. None: nothing played."""
    score: Interval | None
    """Of acquisition, levels counting the same."""
    memory_version: int | None
    """Of the pair in force afterwards. None: the generation is not closed."""
    adapter: str | None
    n_validation: int
    """Validation tasks that this pair has played at the gate."""
    validation_score: Interval | None
    validation_success: Interval | None


@dataclass(frozen=True)
class PhaseCost:
    """What one phase has cost, over all generations."""

    phase: str
    n_prompt_tokens: int
    n_reply_tokens: int
    seconds: float
    price: float = 0.0
    """In the currency of the settings' prices; 0: none are set."""


def price(run: Run, n_prompt_tokens: int, n_reply_tokens: int) -> float:
    """Return what tokens cost at the prices of a run's settings."""
    asked = run.config.endpoint
    return (n_prompt_tokens * asked.prompt_price + n_reply_tokens * asked.reply_price) / 1e6


def arms_table(run: Run) -> list[Row]:
    """Return the four arms on the test split, so far as they are played.

    They are those of the pair in force, or, where more of it is played, of the last
    generation's outcome. Equal arms have equal rows; an arm that has not yet played all test
    tasks is left out.
    """
    return list(arms_figures(run).rows)


def arms_figures(run: Run) -> ArmsFigures:
    """Return the four arms with their levels, and say what is not played yet."""
    pair, whose = _reported_pair(run)
    arms = four_arms(pair)
    episodes = {name: _test_episodes(run, name) for name in {arm.name for arm in arms.values()}}
    tasks = {task for played in episodes.values() for task in played}
    whole = {
        label: [episodes[arm.name][task] for task in sorted(tasks)]
        for label, arm in arms.items()
        if tasks and len(episodes[arm.name]) == len(tasks)
    }
    first: dict[str, str] = {}
    same_as = {
        label: first[arm.name]
        for label, arm in arms.items()
        if first.setdefault(arm.name, label) != label
    }
    forced = four_arms(run.incumbent()) if whose != IN_FORCE else {}
    return ArmsFigures(
        memory_version=pair.memory_version,
        adapter=pair.adapter,
        whose=whose,
        rows=tuple(table(whole)),
        same_as=same_as,
        n_played={label: len(episodes[arm.name]) for label, arm in arms.items()},
        n_tasks=len(tasks),
        levels={label: _levels(played) for label, played in whole.items()},
        unplayed=tuple(
            label
            for label, arm in forced.items()
            if label in run.config.evaluation.arms and tasks - _test_episodes(run, arm.name).keys()
        ),
    )


def _reported_pair(run: Run) -> tuple[Arm, str]:
    """Return the pair whose arms are shown: the one of which more is played."""
    incumbent = run.incumbent()
    choices = [(incumbent, IN_FORCE)]
    for update in run.ledger.updates(run.id, kind="outcome")[-1:]:
        last = Arm(int(str(update.payload["memory_version"])), str(update.payload["adapter"]))
        if last != incumbent:
            choices.append((last, f"the outcome of generation {update.generation}"))

    def n_played(choice: tuple[Arm, str]) -> int:
        names = {arm.name for arm in four_arms(choice[0]).values()}
        return sum(bool(run.ledger.finished(run.id, purpose="report", arm=one)) for one in names)

    return max(choices, key=n_played)  # the first of equals, which is the incumbent


def _test_episodes(run: Run, arm: str) -> dict[str, EpisodeSummary]:
    return by_task(run.ledger.summaries(run.id, purpose="report", arm=arm))


def _levels(played: Sequence[EpisodeSummary]) -> tuple[LevelFigures, ...]:
    found = []
    for level in sorted({one.difficulty for one in played}):
        own = [one for one in played if one.difficulty == level]
        n_successes = sum(one.success for one in own)
        success = wilson(n_successes, len(own))
        score = mean_interval([one.score for one in own])
        found.append(LevelFigures(level, len(own), n_successes, success, score))
    return tuple(found)


def learning_curve(run: Run) -> tuple[GenerationFigures, ...]:
    """Return acquisition and validation by generation, from its beginning on."""
    outcomes = {0: run.beginning()} | {
        one.generation: Arm(int(str(one.payload["memory_version"])), str(one.payload["adapter"]))
        for one in run.ledger.updates(run.id, kind="outcome")
    }
    acquired: dict[int, list[EpisodeSummary]] = {}
    for one in run.ledger.summaries(run.id, purpose="acquisition"):
        if one.key.attempt == 0 and not one.key.arm.startswith(ROUND):
            acquired.setdefault(one.key.generation, []).append(one)
    at_gate = {
        name: by_task(run.ledger.summaries(run.id, purpose="gate", arm=name))
        for name in {arm.name for arm in outcomes.values()}
    }
    points = []
    for generation in range(max([*outcomes, *acquired]) + 1):
        played, arm = acquired.get(generation, []), outcomes.get(generation)
        held_out = list(at_gate[arm.name].values()) if arm is not None else []
        success, score = _success_and_score(played)
        validation_success, validation_score = _success_and_score(held_out)
        points.append(
            GenerationFigures(
                generation=generation,
                n_tasks=len(played),
                success=success,
                score=score,
                memory_version=None if arm is None else arm.memory_version,
                adapter=None if arm is None else arm.adapter,
                n_validation=len(held_out),
                validation_score=validation_score,
                validation_success=validation_success,
            )
        )
    return tuple(points)


def _success_and_score(
    played: Sequence[EpisodeSummary],
) -> tuple[Interval, Interval] | tuple[None, None]:
    if not played:
        return None, None
    success = wilson(sum(one.success for one in played), len(played))
    levels = [one.difficulty for one in played]
    return success, stratified_mean([one.score for one in played], levels)


def costs(run: Run) -> tuple[PhaseCost, ...]:
    """Return what each phase has cost, in the order in which they first came."""
    found: dict[str, PhaseCost] = {}
    for one in run.ledger.usage(run.id):
        old = found.get(one.phase, PhaseCost(one.phase, 0, 0, 0.0))
        found[one.phase] = PhaseCost(
            one.phase,
            old.n_prompt_tokens + one.n_prompt_tokens,
            old.n_reply_tokens + one.n_reply_tokens,
            old.seconds + one.seconds,
            old.price + price(run, one.n_prompt_tokens, one.n_reply_tokens),
        )
    return tuple(found.values())


def endings(summaries: Iterable[EpisodeSummary]) -> dict[str, dict[str, int]]:
    """Return how many episodes ended how, by purpose and then by ending."""
    counts: dict[str, Counter[str]] = {}
    for one in summaries:
        counts.setdefault(one.key.purpose, Counter())[one.ending] += 1
    return {purpose: dict(own.most_common()) for purpose, own in counts.items()}
