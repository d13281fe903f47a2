"""Which trajectories are trained on: the metric-based filters of the survey.

A filter takes trajectories and a `Sieve`, and returns those that it lets pass, whole or in part.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from agentevo.experience import Trajectory
from agentevo.memory import scan
from agentevo.refinement.agreement import entropy, vote
from agentevo.refinement.censor import topic_aware
from agentevo.refinement.novelty import rouge_l, word_ngrams
from agentevo.refinement.sieve import Filter, Sieve
from agentevo.refinement.verification import dual, verified
from agentevo.strategies import configured


def success(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep what the environment called a success."""
    return [one for one in trajectories if one.success]


def gained(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep successes whole, and of other episodes what led to their last reward, if any."""
    kept = []
    for one in trajectories:
        last = max((i for i, step in enumerate(one.steps, 1) if step.reward > 0), default=0)
        if one.success or last:
            kept.append(one if one.success else replace(one, steps=one.steps[:last]))
    return kept


def near_duplicate(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep one of those that did the same in the same place, the shortest."""
    best: dict[tuple[str, str], Trajectory] = {}
    for one in trajectories:
        key = (one.first_observation, " ".join(sorted({s.action or "" for s in one.steps})))
        if key not in best or len(one.steps) < len(best[key].steps):
            best[key] = one
    kept = {id(one) for one in best.values()}
    return [one for one in trajectories if id(one) in kept]


def held_out(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep only episodes of the training split that begin unlike any held-out task."""
    return [
        one
        for one in trajectories
        if one.split == "train"
        and one.task_id not in sieve.task_ids
        and one.first_observation not in sieve.sights
    ]


def clean(trajectories: Sequence[Trajectory], sieve: Sieve, n_words: int = 13) -> list[Trajectory]:
    """Keep episodes whose task shares no long stretch of words with a held-out one.

    The contamination check of GPT-3 (Brown et al. 2020, arXiv 2005.14165), with its 13 words. What
    more than a tenth of the training tasks say is the benchmark's own way of speaking, and no copy.
    It is for questions; generated worlds are put together of the same sentences.
    """
    told = {one.task_id: f"{one.instruction}\n{one.first_observation}" for one in trajectories}
    grams = {task: set(word_ngrams(text, n_words)) for task, text in told.items()}
    counts = Counter(gram for some in grams.values() for gram in some)
    common = {gram for gram, n in counts.items() if n > max(1, len(grams) // 10)}
    held = {gram for text in sieve.texts for gram in word_ngrams(text, n_words)} - common
    return [one for one in trajectories if not grams[one.task_id] & held]


def safe(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep episodes in which nothing that the world or a tool said speaks to the model.

    What was read there may have steered it; see `agentevo.memory.scan`.
    """
    return [
        one
        for one in trajectories
        if not any(scan(step.observation) for step in one.steps) and not scan(one.first_observation)
    ]


def threshold(
    trajectories: Sequence[Trajectory], sieve: Sieve, least: float = 0.5
) -> list[Trajectory]:
    """Keep what scored at least so much, 0..1."""
    return [one for one in trajectories if one.score >= least]


def cap(trajectories: Sequence[Trajectory], sieve: Sieve, most: int = 10) -> list[Trajectory]:
    """Keep so many of each task at most, the best, so that easy ones do not drown the others.

    ReST-EM, Singh et al. 2023 (arXiv 2312.06585).
    """
    by_task: dict[str, list[int]] = defaultdict(list)
    for i, one in enumerate(trajectories):
        by_task[one.task_id].append(i)

    def rank(i: int) -> tuple[bool, float, int, int]:
        one = trajectories[i]
        return not one.success, -one.score, len(one.steps), i

    kept = {i for some in by_task.values() for i in sorted(some, key=rank)[:most]}
    return [one for i, one in enumerate(trajectories) if i in kept]


def distinct(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep the first of those at one task that went the same way.

    Rejection sampling fine-tuning, Yuan et al. 2023 (arXiv 2308.01825), which compares lists of
    equations; here it is the actions in their order.
    """
    seen: set[tuple[str, ...]] = set()
    kept = []
    for one in trajectories:
        way = (one.task_id, *(" ".join((step.action or "").lower().split()) for step in one.steps))
        if way not in seen:
            seen.add(way)
            kept.append(one)
    return kept


def concise(trajectories: Sequence[Trajectory], sieve: Sieve, most: int = 50) -> list[Trajectory]:
    """Keep what took so many steps at most."""
    return [one for one in trajectories if len(one.steps) <= most]


def well_formed(trajectories: Sequence[Trajectory], sieve: Sieve) -> list[Trajectory]:
    """Keep episodes whose every reply stated an action."""
    return [
        one
        for one in trajectories
        if one.ending not in ("malformed", "error")
        and all(step.action is not None for step in one.steps)
    ]


def novel(trajectories: Sequence[Trajectory], sieve: Sieve, below: float = 0.7) -> list[Trajectory]:
    """Keep what is said in other words than all that is kept before it: ROUGE-L below a bound.

    The novelty of Self-Instruct, Wang et al. 2022 (arXiv 2212.10560).
    """
    kept: list[Trajectory] = []
    words: list[list[str]] = []
    for one in trajectories:
        actions = " ".join(step.action or "" for step in one.steps)
        own = f"{one.instruction} {one.first_observation} {actions}".lower().split()
        if all(rouge_l(own, other) < below for other in words):
            kept.append(one)
            words.append(own)
    return kept


STRATEGIES: dict[str, Filter] = {
    "success": success,
    "gained": gained,
    "near_duplicate": near_duplicate,
    "held_out": held_out,
    "clean": clean,
    "safe": safe,
    "threshold": threshold,
    "cap": cap,
    "distinct": distinct,
    "concise": concise,
    "well-formed": well_formed,
    "novel": novel,
    "vote": vote,
    "entropy": entropy,
    "verified": verified,
    "dual": dual,
    "topic-aware": topic_aware,
}


def apply(
    names: Sequence[str], trajectories: Sequence[Trajectory], sieve: Sieve
) -> tuple[list[Trajectory], dict[str, int]]:
    """Pass trajectories through filters; return what is left, and how many each took out."""
    left, taken = list(trajectories), {}
    for name in names:
        passed = configured("refinement.filters", name, STRATEGIES)(left, sieve)
        taken[name] = len(left) - len(passed)
        left = passed
    return left, taken
