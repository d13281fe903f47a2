"""Which training tasks a generation plays: the strategies of task evolution, by name.

A strategy is a function of a `Demand`; it may look at nothing but the training split. Here stand
those that look at no result; those that choose by what was played are in `selective`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from agentevo.acquisition import selective
from agentevo.acquisition.demand import Demand
from agentevo.benchmarks import Task
from agentevo.ledger import EpisodeSummary
from agentevo.strategies import configured

MIXED = 10  # pieces of a stream whose tasks are shuffled together
RARE, OFTEN = 0.2, 0.8  # rates of success from which on tasks are too hard, or too easy
POOL = 10  # times as many tasks as are wanted, among which is drawn

Chooser = Callable[[Demand], list[Task]]


def fresh(demand: Demand) -> list[Task]:
    """Return tasks that no earlier generation played, the same number of each level."""
    start = (demand.generation - 1) * demand.n_per_level
    return demand.benchmark.tasks("train", demand.n_per_level, levels=demand.levels, start=start)


def repeated(demand: Demand) -> list[Task]:
    """Return the same tasks in every generation, so that failures get another chance."""
    return demand.benchmark.tasks("train", demand.n_per_level, levels=demand.levels)


def stream(demand: Demand, seed: int = 0) -> list[Task]:
    """Return the next piece of a stream: all levels mixed, in an order by a seed.

    A piece is drawn from `MIXED` pieces together; what it scores, before anything is learned from
    it, is the stream's running (prequential) score.
    """
    block, piece = divmod(demand.generation - 1, MIXED)
    n = MIXED * demand.n_per_level
    mixed = demand.benchmark.tasks("train", n, levels=demand.levels, start=block * n)
    random.Random(f"{seed}/{block}").shuffle(mixed)
    return mixed[piece * demand.n : (piece + 1) * demand.n]


def at_random(demand: Demand) -> list[Task]:
    """Return tasks drawn from a pool, the same number of each level; some may come again later.

    The selection of ReST (Gulcehre et al. 2023, arXiv 2308.08998).
    """
    rng = random.Random(f"{demand.seed}/{demand.generation}")
    found: list[Task] = []
    for level in demand.levels:
        pool = demand.benchmark.tasks("train", POOL * demand.n_per_level, levels=[level])
        found += rng.sample(pool, min(demand.n_per_level, len(pool)))
    return found


STRATEGIES: dict[str, Chooser] = {
    "fresh": fresh,
    "repeated": repeated,
    "stream": stream,
    "random": at_random,
    "unsolved": selective.unsolved,
    "uncertain": selective.uncertain,
    "edge": selective.edge,
    "k-center": selective.k_center,
    "curriculum": selective.curriculum,
}
AUTO = "auto"
"""One of these, by how the last generation went; see `picked`."""
FORESEEN = ("fresh", "repeated", "stream", "random")
"""Those whose choice is known before anything is played."""


def picked(history: Sequence[EpisodeSummary]) -> tuple[str, str]:
    """Return the strategy that `auto` is for the next generation, and why.

    Args:
        history: acquisition of earlier generations.
    """
    newest = max((one.key.generation for one in history), default=0)
    won = [one.success for one in history if one.key.generation == newest]
    if not won:
        return "fresh", "nothing was played yet"
    rate = sum(won) / len(won)
    told = f"the last generation won {100 * rate:.0f} % of its episodes"
    if rate < RARE:
        return "curriculum", f"{told}: the easy levels come first"
    if rate > OFTEN:
        return "edge", f"{told}: what is still in doubt comes first"
    return "unsolved", f"{told}: what failed comes again"


def chooser(name: str) -> Chooser:
    """Return a strategy by name, with its setting where it has one, as in `stream:7`.

    Raises:
        ConfigError: there is no such strategy.
    """
    return configured("acquisition.tasks", name, STRATEGIES)
