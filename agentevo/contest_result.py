"""What a contest of recipes came to: the table, what was forgotten, and what each run took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from agentevo.contest import BASELINE, Contest, Entrant
from agentevo.evaluation.comparison import fingerprint_of, played
from agentevo.evaluation.contest import Entry, Table, compare, crossed_interval
from agentevo.evaluation.spending import spending
from agentevo.fingerprint import fingerprint
from agentevo.folders import RunError
from agentevo.run import Run

if TYPE_CHECKING:
    from agentevo.contest import Episodes
    from agentevo.evaluation.statistics import Interval


@dataclass(frozen=True)
class Played:
    """What one run came to."""

    run: str
    recipe: str
    seed: int
    benchmark: str
    score: float
    """Mean over the test tasks of its benchmark."""
    n_tokens: int
    """What learning took."""
    n_trained: int
    """Tokens that were trained on; `n_tokens` holds each three times."""
    n_generations: int
    verdicts: Mapping[str, int]
    """Of its gates: how often each was given."""
    memory_version: int
    adapter: str
    seconds: float
    fingerprint: str
    """Of the run: version, settings, benchmark and weights."""


@dataclass(frozen=True)
class Result:
    """What a contest came to so far."""

    name: str
    settings: Mapping[str, Any]
    environment: str
    """Fingerprints of the benchmarks, with spaces between."""
    table: Table | None
    """Of the seeds under which all recipes are played, on the test tasks of all benchmarks. None:
    there is none yet."""
    by_benchmark: Mapping[str, Table]
    """Of what was in force at last, on the test tasks of each; empty: there is only one."""
    forgotten: Mapping[str, Interval]
    """By recipe: the mean score on a benchmark when its turn was over, less that at last, on all
    benchmarks but the last; empty: there is only one."""
    seeds: tuple[int, ...]
    runs: tuple[Played, ...]
    missing: tuple[str, ...]
    """Runs that are not finished."""


@dataclass(frozen=True)
class Chain:
    """What a recipe came to under one seed, on one benchmark after the other."""

    runs: tuple[Played, ...]
    then: tuple[Episodes, ...]
    """By benchmark: its test tasks when its turn was over."""
    last: tuple[Episodes, ...]
    """By benchmark: the same, with what was in force at last."""


def gather(contest: Contest) -> Result:
    """Return what the finished runs of a contest came to.

    Raises:
        RunError: they played different tasks or environments.
    """
    plan, missing = contest.plan, list[str]()
    runs, chains = list[Played](), dict[tuple[str, int], Chain]()
    prints: list[set[str]] = [set() for _ in range(plan.n_stages)]
    for seed, recipe in product(range(1, plan.n_seeds + 1), plan.recipes):
        chain = plan.chain(recipe, seed)
        done = [one for one in chain if contest.status(one) == "finished"]
        missing += [plan.run_name(one) for one in chain if one not in done]
        own: list[Played] = []
        then: list[Episodes] = []
        last: list[Episodes] = []
        for entrant in done:
            with Run.open(contest.run_folder(entrant)) as run:
                prints[entrant.stage].add(fingerprint_of(run))
                own.append(_played(run, entrant))
                then.append(played(run))
                if entrant.stage == plan.n_stages - 1:
                    last = [contest.retried(run, one) for one in contest.earlier(entrant)]
        runs += own
        if len(done) == len(chain):
            chains[recipe, seed] = Chain(tuple(own), tuple(then), (*last, then[-1]))
    if any(len(some) > 1 for some in prints):
        raise RunError(f"the runs of {plan.name} played different tasks or environments")
    seeds = tuple(
        seed for seed in range(1, plan.n_seeds + 1)
        if all((recipe, seed) in chains for recipe in plan.recipes)
    )  # fmt: skip
    whole = {name: [chains[name, seed] for seed in seeds] for name in plan.recipes if seeds}
    return Result(
        name=plan.name,
        settings=plan.settings,
        environment=" ".join(one for some in prints for one in some),
        table=_table(whole, range(plan.n_stages)) if seeds else None,
        by_benchmark={
            name: _table(whole, [stage]) for stage, name in enumerate(plan.benchmarks) if seeds
        } if plan.n_stages > 1 else {},
        forgotten={
            Entrant(name, 0).title: _forgotten(some) for name, some in whole.items()
        } if plan.n_stages > 1 else {},
        seeds=seeds,
        runs=tuple(runs),
        missing=tuple(missing),
    )  # fmt: skip


def _played(run: Run, entrant: Entrant) -> Played:
    cost, force = spending(run), run.incumbent()
    scores = [one.score for one in played(run).values()]
    return Played(
        run=run.id,
        recipe=entrant.title,
        seed=entrant.seed,
        benchmark=run.config.benchmark,
        score=sum(scores) / len(scores),
        n_tokens=cost.n_tokens,
        n_trained=cost.n_trained,
        n_generations=len(run.ledger.updates(run.id, kind="outcome")),
        verdicts=dict(Counter(one.verdict for one in run.ledger.verdicts(run.id))),
        memory_version=force.memory_version,
        adapter=force.adapter,
        seconds=sum(one.seconds for one in run.ledger.usage(run.id)),
        fingerprint=fingerprint(run.config),
    )


def _table(chains: Mapping[str, Sequence[Chain]], stages: Sequence[int]) -> Table:
    """Compare recipes on the test tasks of some benchmarks."""
    return compare([_entry(name, some, stages) for name, some in chains.items()], BASELINE)


def _entry(recipe: str, chains: Sequence[Chain], stages: Sequence[int]) -> Entry:
    episodes = [
        (f"{stage}/{task}", chain.runs[0].seed, one)
        for chain in chains
        for stage in stages
        for task, one in chain.last[stage].items()
    ]
    tokens = [one.n_prompt_tokens + one.n_reply_tokens for *_, one in episodes]
    return Entry(
        Entrant(recipe, 0).title,
        {(task, seed): one.score for task, seed, one in episodes},
        tuple(sum(one.n_tokens for one in chain.runs) for chain in chains),
        sum(tokens) / max(1, len(tokens)),
    )


def _forgotten(chains: Sequence[Chain]) -> Interval:
    """Return what was lost on earlier benchmarks since their turn; below 0: later ones helped."""
    stages = range(len(chains[0].then) - 1)
    tasks = [(stage, task) for stage in stages for task in sorted(chains[0].then[stage])]
    return crossed_interval(
        np.array([
            [chain.then[stage][task].score - chain.last[stage][task].score for chain in chains]
            for stage, task in tasks
        ])
    )  # fmt: skip
