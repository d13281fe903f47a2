"""What is trained on: which episodes, as successes to imitate, as pairs, or as groups.

No episode of a held-out task enters, tasks count alike however often they were won, and what was
taken and left is told in the set's card.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, pstdev

from agentevo.dialogue.context import Count
from agentevo.experience import Trajectory
from agentevo.refinement import censor, filters
from agentevo.refinement.sieve import Answer, Sieve
from agentevo.settings import WeightSettings
from agentevo.updating.traces import (
    Call,
    Card,
    Dialogue,
    Example,
    TrainingSet,
    calls_of,
    hash_of,
)

SMALLEST_SPREAD = 1e-4  # of the scores of a group, in 0..1


@dataclass(frozen=True)
class Material:
    """What a training set is made of."""

    episodes: Sequence[Trajectory]
    """Of acquisition, of the run so far."""
    generation: int
    settings: WeightSettings
    window: int
    """Tokens that a dialogue may have."""
    count: Count
    seed: int
    """Draws among equals."""
    held_out: Sieve = field(default_factory=Sieve)
    filters: Sequence[str] = ()
    """Names of those that traces to be imitated pass."""
    has_memory: bool = False
    in_force: str = ""
    """Name of the adapter in force; empty: the plain weights are."""
    answer: Answer | None = None
    """What the weights would say at which the training starts."""

    def example(
        self, one: Trajectory, *, as_played: bool = False, pair: int = -1, side: int = 0
    ) -> Example:
        """Return an episode's calls, with its lessons or without, as the settings say."""
        keep = as_played or self.settings.lessons == "keep"
        calls = calls_of(one, with_lessons=keep, window=self.window, count=self.count)
        return Example(tuple(calls), pair=pair, side=side, group=one.task_id, trace=one.id)

    def current(self) -> list[Trajectory]:
        """Return the episodes that are not too old, and of no held-out task."""
        oldest = 0 if (age := self.settings.max_age) is None else self.generation - age
        young = [one for one in self.episodes if one.generation >= oldest and one.ending != "error"]
        return filters.held_out(young, self.held_out)


Builder = Callable[[Material], TrainingSet]


def imitated(material: Material) -> TrainingSet:
    """Return refined traces to be imitated, with a share of earlier ones (replay)."""
    kept, taken = _refined(material)
    fresh = [one for one in kept if one.generation == material.generation]
    earlier = [one for one in kept if one.generation < material.generation]
    settings, rng = material.settings, random.Random(material.seed)
    n_old = min(len(earlier), int(settings.replay_share * settings.max_traces))
    n_new = min(len(fresh), settings.max_traces - n_old)
    n_old = min(len(earlier), settings.max_traces - n_new)
    rates = pass_rates(material.episodes)
    chosen = [*_balanced(fresh, n_new, rates, rng), *_balanced(earlier, n_old, rates, rng)]
    rng.shuffle(chosen)
    units = [(material.example(one),) for one in chosen]
    return _set_of(material, _that_fit(units, material), chosen, taken)


def preferred(material: Material) -> TrainingSet:
    """Return pairs of a better and a worse episode at the same task, or of a reply and the own.

    Where nothing else is said, of each task's episodes the best and the worst.
    """
    settings, rng = material.settings, random.Random(material.seed)
    if settings.pairs == "own":
        return _against_oneself(material)
    by_task: dict[tuple[str, int], list[Trajectory]] = {}
    for one in material.current():
        by_task.setdefault((one.task_id, one.generation), []).append(one)
    pairs = [pair for some in by_task.values() if (pair := _pair(some, settings.pairs))]
    frequency: dict[str, float] = {}
    if settings.pairs == "satisfaction":
        frequency = censor.frequency_weights([one for pair in pairs for one in pair])
    rates = pass_rates(material.episodes)
    order = _balanced([best for best, _ in pairs], settings.max_traces // 2, rates, rng)
    other = {best.id: worst for best, worst in pairs}
    made = [
        tuple(
            replace(
                material.example(one, pair=i, side=side),
                weight=frequency.get(censor.topic(best), 1.0),
            )
            for one, side in ((best, 1), (other[best.id], -1))
        )
        for i, best in enumerate(order)
    ]
    taken = [one for best in order for one in (best, other[best.id])]
    return _set_of(material, _that_fit(made, material), taken, {})


def _pair(some: Sequence[Trajectory], by: str) -> tuple[Trajectory, Trajectory] | None:
    """Return the better and the worse of the episodes at one task; None: they are alike.

    By manner it is the one that was told to be careful, whatever came of them (RLCD, Yang et al.
    2023, arXiv 2307.12950).
    """
    if by == "satisfaction":
        return censor.pair(some)
    if by == "manner":
        first, *rest = sorted(some, key=lambda one: one.arm)
        return (first, rest[-1]) if rest else None
    best = max(some, key=lambda one: (one.success, one.score, -len(one.steps)))
    worst = min(some, key=lambda one: (one.success, one.score, len(one.steps)))
    differs = best.success and not worst.success
    return (best, worst) if differs or (by == "score" and best.score > worst.score) else None


def reinforced(material: Material) -> TrainingSet:
    """Return the episodes of the weights in force with their advantage over others at their task.

    Those of this generation are taken. Prompts stay as they were played, lessons included. Tasks
    whose episodes all scored alike tell nothing, and are left out.
    """
    groups: dict[str, list[Trajectory]] = {}
    for one in material.current():
        if one.generation == material.generation and one.adapter == material.in_force:
            groups.setdefault(one.task_id, []).append(one)
    made: list[tuple[Example, ...]] = []
    taken: list[Trajectory] = []
    tasks = sorted(groups)
    random.Random(material.seed).shuffle(tasks)
    for task in tasks:
        scores = [one.score for one in groups[task]]
        if (spread := pstdev(scores)) < SMALLEST_SPREAD:
            continue
        made.append(
            tuple(
                replace(
                    material.example(one, as_played=True),
                    weight=(one.score - fmean(scores)) / spread,
                )
                for one in groups[task]
            )
        )
        taken += groups[task]
    n_alike = sum(len(some) for some in groups.values()) - len(taken)
    return _set_of(material, _that_fit(made, material), taken, {"alike": n_alike})


def _against_oneself(material: Material) -> TrainingSet:
    """Return pairs of a reply that led to success and the model's own at the same place.

    SPIN, Chen et al. 2024 (arXiv 2401.01335).
    """
    assert material.answer is not None
    data = imitated(material)
    calls = [(one.group, call) for one in data.examples for call in one.calls]
    said = material.answer([call.dialogue[:-1] for _, call in calls])
    examples: list[Example] = []
    for (group, call), own in zip(calls, said, strict=True):
        if own.strip() == call.dialogue[-1]["content"].strip():
            continue
        mine = Call([*call.dialogue[:-1], {"role": "assistant", "content": own}])
        pair = len(examples) // 2
        examples += [
            Example((call,), pair=pair, side=1, group=group),
            Example((mine,), pair=pair, side=-1, group=group),
        ]
    card = replace(data.card, n_pairs=len(examples) // 2, hash=hash_of(examples))
    return TrainingSet(tuple(examples), card)


def won(
    episodes: Iterable[Trajectory], settings: WeightSettings, *, window: int, count: Count
) -> TrainingSet:
    """Return what was won among some episodes, one of each task: to measure weights by."""
    best: dict[str, Trajectory] = {}
    for one in episodes:
        if one.success and one.task_id not in best:
            best[one.task_id] = one
    material = Material(tuple(best.values()), 0, settings, window, count, seed=0)
    examples = tuple(material.example(one) for one in best.values())
    return TrainingSet(examples, Card(n_traces=len(examples), hash=hash_of(examples)))


def pass_rates(episodes: Iterable[Trajectory]) -> dict[str, float]:
    """Return the share of successes at each task."""
    won: dict[str, list[bool]] = {}
    for one in episodes:
        won.setdefault(one.task_id, []).append(one.success)
    return {task: fmean(some) for task, some in won.items()}


def with_replay(data: TrainingSet, material: Material) -> TrainingSet:
    """Add earlier successes to pairs or groups, to be imitated: the replay of `imitated`."""
    settings = material.settings
    earlier = [one for one in _refined(material)[0] if one.generation < material.generation]
    share = settings.replay_share
    n = round(data.card.n_traces * share / (1 - share))
    rng = random.Random(material.seed)
    chosen = _balanced(earlier, n, pass_rates(material.episodes), rng)
    more = [replace(material.example(one), is_imitated=True) for one in chosen]
    return _joined(data, more, n_replayed=data.card.n_replayed + len(more))


def _joined(data: TrainingSet, more: Sequence[Example], **card: int) -> TrainingSet:
    examples = (*data.examples, *more)
    n_turns = sum(len(one.calls) for one in examples)
    return TrainingSet(
        examples,
        replace(data.card, n_turns=n_turns, hash=hash_of(examples), **card),  # type: ignore[arg-type]
    )


def with_rehearsal(data: TrainingSet, made_up: Sequence[Dialogue]) -> TrainingSet:
    """Add dialogues that the model made up itself, to be imitated."""
    more = [Example((Call(one),), group=f"rehearsal {i}", is_imitated=True)
            for i, one in enumerate(made_up)]  # fmt: skip
    return _joined(data, more, n_rehearsed=len(more))


def _refined(material: Material) -> tuple[list[Trajectory], dict[str, int]]:
    """Return the traces that may be imitated, and how many each filter took out."""
    sieve = replace(material.held_out, answer=material.answer)
    kept, taken = filters.apply(material.filters, material.current(), sieve)
    if material.settings.lessons == "strip" and material.has_memory:
        # where lessons are taken out of the prompt, what had none teaches what is known already
        # (where an adapter played, its own knowledge is in the trace)
        told = [one for one in kept if one.lessons or one.adapter]
        kept, taken = told, taken | {"told": len(kept) - len(told)}
    return kept, taken


def _that_fit(units: Sequence[Sequence[Example]], material: Material) -> list[Example]:
    """Return as many units as the most turns allow; a shorter one may fit after a longer."""
    left, found = material.settings.max_turns, list[Example]()
    for unit in units:
        n = sum(len(one.calls) for one in unit)
        if n <= left or not found:
            left -= n
            found += unit
    return found


def _set_of(
    material: Material,
    examples: Sequence[Example],
    chosen: Sequence[Trajectory],
    taken: dict[str, int],
) -> TrainingSet:
    """Return the set of some examples, with its card."""
    traces = {one.trace for one in examples}
    used = [one for one in chosen if one.id in traces]
    of_now = [one for one in material.episodes if one.generation == material.generation]
    levels = sorted({one.difficulty for one in of_now})
    return TrainingSet(
        tuple(examples),
        Card(
            n_traces=len(used),
            n_replayed=sum(one.generation < material.generation for one in used),
            n_stale=sum(one.adapter != material.in_force for one in used),
            n_turns=sum(len(one.calls) for one in examples),
            n_pairs=sum(one.side > 0 for one in examples),
            by_level=_counts(one.difficulty for one in used),
            by_generation=_counts(one.generation for one in used),
            by_adapter=_counts(one.adapter or "plain" for one in used),
            pass_rates={
                str(level): fmean(one.success for one in of_now if one.difficulty == level)
                for level in levels
            },
            filtered=taken,
            hash=hash_of(examples),
        ),
    )


def _counts(values: Iterable[object]) -> dict[str, int]:
    return {str(key): n for key, n in sorted(Counter(values).items(), key=lambda one: str(one[0]))}


def _balanced(
    episodes: Sequence[Trajectory], n: int, rates: dict[str, float], rng: random.Random
) -> list[Trajectory]:
    """Draw up to `n`: level by level in turn, in each the tasks that were won least often first.

    No task gives a second trace before all have given one.
    """
    by_level: dict[int, dict[str, list[Trajectory]]] = {}
    for one in sorted(episodes, key=lambda one: one.id):
        by_level.setdefault(one.difficulty, {}).setdefault(one.task_id, []).append(one)
    queues: dict[int, list[Trajectory]] = {}
    for level, tasks in by_level.items():
        names = sorted(tasks)
        rng.shuffle(names)
        names.sort(key=lambda task: rates.get(task, 0.0))
        for some in tasks.values():
            rng.shuffle(some)
        longest = max(len(some) for some in tasks.values())
        queues[level] = [
            tasks[task][i] for i in range(longest) for task in names if i < len(tasks[task])
        ]
    drawn: list[Trajectory] = []
    while len(drawn) < n and any(queues.values()):
        for level in sorted(queues):
            if queues[level] and len(drawn) < n:
                drawn.append(queues[level].pop(0))
    return drawn
