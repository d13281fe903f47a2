"""Selective task evolution: nothing is made up, but what is played is chosen by what was learned.

Where nothing was played yet, tasks are fresh and the same number of each level.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from math import floor
from statistics import fmean, pvariance
from typing import TYPE_CHECKING

from agentevo.acquisition.demand import Demand
from agentevo.benchmarks import Task

if TYPE_CHECKING:
    import numpy as np


def unsolved(demand: Demand) -> list[Task]:
    """Return tasks that were never solved, those that waited longest first; the rest is fresh.

    Retrying what failed, as A3T does (Yang et al. 2024, arXiv 2403.14589).
    """
    won = {one.task_id for one in demand.history if one.success}
    failed = dict.fromkeys(one.task_id for one in demand.history if one.task_id not in won)
    again = demand.again(list(failed)[: demand.n])
    return again + demand.fresh(demand.evenly(demand.n - len(again)))


def uncertain(demand: Demand, share: float = 0.5) -> list[Task]:
    """Return tasks whose episodes disagree most, up to a share of all; the rest is fresh.

    What has one episode only, or always ends alike, is not uncertain.
    """
    scores: dict[str, list[float]] = defaultdict(list)
    for one in demand.history:
        scores[one.task_id].append(one.score)
    spread = {task: pvariance(some) for task, some in scores.items()}
    order = sorted((task for task in spread if spread[task] > 0), key=lambda task: -spread[task])
    again = demand.again(order[: round(share * demand.n)])
    return again + demand.fresh(demand.evenly(demand.n - len(again)))


def edge(demand: Demand) -> list[Task]:
    """Return fresh tasks, most of levels that are won about every other time.

    A level's share is p (1 - p) with p its rate of success so far, a success and a failure added
    (Laplace); there a reward tells most, since it varies most.
    """
    worth = {}
    for level in demand.levels:
        won = [one.success for one in demand.history if one.difficulty == level]
        p = (sum(won) + 1) / (len(won) + 2)
        worth[level] = p * (1 - p)
    total = sum(worth.values())
    exact = {level: demand.n * share / total for level, share in worth.items()}
    wanted = {level: floor(share) for level, share in exact.items()}
    rest = demand.n - sum(wanted.values())
    for level in sorted(exact, key=lambda one: wanted[one] - exact[one])[:rest]:
        wanted[level] += 1
    return demand.fresh(wanted)


def curriculum(demand: Demand, threshold: float = 0.5) -> list[Task]:
    """Return fresh tasks of the levels that are open: the next one opens where the last is won.

    It evolves the generator's own setting from easy to hard, in the spirit of Evol-Instruct (Xu et
    al. 2023, arXiv 2304.12244) and of SOFT's order (Wang et al. 2024, arXiv 2402.07610).

    Args:
        demand: what is wanted; its levels stand from easy to hard.
        threshold: rate of success, in the last generation that played a level, that opens the next.
    """
    n_open = 1
    for level in demand.levels[:-1]:
        own = [one for one in demand.history if one.difficulty == level]
        newest = max((one.key.generation for one in own), default=0)
        last = [one.success for one in own if one.key.generation == newest]
        if not last or fmean(last) < threshold:
            break
        n_open += 1
    opened = demand.levels[:n_open]
    share, rest = divmod(demand.n, n_open)
    # the hardest of them are still to be learned
    return demand.fresh({one: share + (i >= n_open - rest) for i, one in enumerate(opened)})


def k_center(demand: Demand, pool: int = 3) -> list[Task]:
    """Return tasks that lie far from one another, and from those played, as they are first seen.

    Greedy k-center as in DiverseEvol (Wu et al. 2023, arXiv 2311.08182), by the memory's embedder
    in place of the model's own states.

    Args:
        demand: what is wanted.
        pool: times as many fresh tasks as are wanted, among which is chosen.
    """
    assert demand.embed is not None
    candidates = demand.fresh(demand.evenly(pool * demand.n))
    played = demand.again(list(dict.fromkeys(one.task_id for one in demand.history)))
    demand.benchmark.prepare([*candidates, *played], workers=2)
    vectors = demand.embed([_seen(demand, task) for task in [*candidates, *played]])
    chosen = farthest_first(vectors, demand.n, n_candidates=len(candidates))
    return [candidates[i] for i in chosen]


def _seen(demand: Demand, task: Task) -> str:
    with closing(demand.benchmark.open(task)) as environment:
        return f"{task.instruction}\n{environment.reset().text}"


def farthest_first(vectors: np.ndarray, n: int, *, n_candidates: int) -> list[int]:
    """Return rows, each the farthest from all that are chosen before it or are given.

    A greedy 2-approximation of the least covering radius (Gonzalez 1985,
    doi:10.1016/0304-3975(85)90224-5).

    Args:
        vectors: of length 1, shape (n_all, dimension); rows from `n_candidates` on are given.
        n: how many are chosen, at most.
        n_candidates: rows that may be chosen.
    """
    import numpy as np

    candidates, given = vectors[:n_candidates], vectors[n_candidates:]
    if not len(candidates):
        return []
    chosen = [] if len(given) else [0]
    near = candidates @ (given if len(given) else candidates[:1]).T
    away = 1.0 - near.max(axis=1)  # grows with the distance
    while len(chosen) < min(n, len(candidates)):
        away[chosen] = -1.0
        chosen.append(int(away.argmax()))
        away = np.minimum(away, 1.0 - candidates @ candidates[chosen[-1]])
    return chosen
