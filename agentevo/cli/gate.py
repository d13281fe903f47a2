"""`agentevo gate`: the gate by hand, on two generations, or on the incumbent against itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import typer

from agentevo.cli import output
from agentevo.cli.runs import RUN, arm_of
from agentevo.cli.values import QUIET

if TYPE_CHECKING:
    from agentevo.cycle import Cycle
    from agentevo.evaluation.gate import FalsePromotions, GateSettings, Verdict
    from agentevo.run import Run

T = TypeVar("T")


def gate(
    run: str = RUN,
    generation_a: int | None = typer.Argument(None, min=0, help="The incumbent; 0: plain."),
    generation_b: int | None = typer.Argument(None, min=0, help="The candidate."),
    aa: int | None = typer.Option(
        None, "--aa", min=2, metavar="N", help="Play the pair in force N times against itself."
    ),
    as_json: bool = output.AS_JSON,
    quiet: bool = QUIET,
) -> None:
    """Judge two generations on the validation tasks, or measure false promotions (--aa)."""
    from agentevo.run import Run

    pair = (generation_a, generation_b)
    if (aa is not None) == (pair != (None, None)) or (aa is None and None in pair):
        raise typer.BadParameter("give two generations, or --aa N")
    opened = Run.open(run, write=True)
    try:
        n_levels = len(opened.config.levels or opened.benchmark().levels)
        n_tasks = n_levels * opened.config.evaluation.n_gate_per_level
        if aa is not None:
            work = partial(_against_itself, n_repeats=aa)
            rates = with_view(opened, work, n_tasks, quiet=quiet)
        else:
            assert generation_a is not None
            assert generation_b is not None
            a, b = generation_a, generation_b
            verdict = with_view(opened, partial(_two, a=a, b=b), 2 * n_tasks, quiet=quiet)
    finally:
        opened.close()
    if aa is not None:
        _show_rates(rates, as_json=as_json)
    elif as_json:
        output.print_json(verdict.to_json())
    else:
        print(f"{verdict.decision}: {verdict.evidence.reason}")
        output.print_evidence(verdict.evidence)


def with_view(
    run: Run, work: Callable[[Cycle], Awaitable[T]], n_expected: int, *, quiet: bool
) -> T:
    """Do something with a run that takes so many episodes, showing how it goes."""
    from agentevo.api import stoppable
    from agentevo.cli.live import View
    from agentevo.cli.progress import Progress
    from agentevo.cycle import Cycle

    benchmark = run.benchmark()
    with View(Progress(n_expected=n_expected), quiet=quiet) as view:
        return asyncio.run(stoppable(lambda tell: work(Cycle(run, benchmark, tell)), view))


def _settings(run: Run) -> GateSettings:
    """Return how sure the gate of the run's own generations wants to be."""
    from agentevo.evaluation.gate import GateSettings

    return GateSettings(
        alpha=run.config.evaluation.alpha, n_verdicts=max(1, 2 * run.config.n_generations)
    )


async def _two(cycle: Cycle, a: int, b: int) -> Verdict:
    """Return the verdict on what two generations came to, playing what is missing.

    Raises:
        GateError: both came to the same pair.
    """
    from agentevo.cycle import outcomes_of, play_arms
    from agentevo.evaluation.gate import GateError, judge

    run = cycle.run
    arms = arm_of(run, a), arm_of(run, b)
    if arms[0] == arms[1]:
        raise GateError(
            f"generations {a} and {b} came to the same pair ({arms[0].name}): nothing to judge"
        )
    tasks = run.tasks(cycle.benchmark, "validation", run.config.evaluation.n_gate_per_level)
    played = await play_arms(cycle, arms, tasks, b, f"gate of generations {a} and {b}")
    verdict = judge(*outcomes_of(*played), _settings(run))
    run.ledger.add_event(
        run.id, "gate", {"incumbent": arms[0].name, "candidate": arms[1].name, **verdict.to_json()}
    )
    return verdict


async def _against_itself(cycle: Cycle, n_repeats: int) -> FalsePromotions:
    """Return how often the gate promotes the pair in force over itself.

    The repeats sample, as acquisition does, each with a seed of its own: greedy ones would
    all be the same.
    """
    from agentevo.cycle import News, Phase
    from agentevo.evaluation.evaluate import evaluate
    from agentevo.evaluation.gate import GateError, Outcome, false_promotion_rate

    run, arm = cycle.run, cycle.run.incumbent()
    temperature = run.config.acquisition.temperature
    if temperature == 0:
        raise GateError("acquisition.temperature is 0: repeats would all be the same episodes")
    tasks = run.tasks(cycle.benchmark, "validation", run.config.evaluation.n_gate_per_level)

    def made(n_done: int, n_all: int) -> None:
        cycle.tell(News("phase", 0, "preparing tasks", n_done, n_all))

    await asyncio.to_thread(cycle.benchmark.prepare, tasks, progress=made, workers=2)
    player = replace(run.player(arm), temperature=temperature)
    repeats = []
    arms = [f"{arm.name}#{seed}" for seed in range(1, n_repeats + 1)]
    known = [key for one in arms for key in run.ledger.finished(run.id, purpose="gate-aa", arm=one)]
    n_all, name = n_repeats * len(tasks), "gate of the pair against itself"
    phase = Phase(cycle, 0, name, n_all, len(known))
    for seed in range(1, n_repeats + 1):
        episodes = await evaluate(
            run.ledger, run.id, arm, player, cycle.benchmark, tasks, purpose="gate-aa",
            generation=0, n_at_once=run.config.agent.n_at_once, record=phase.record,
            seed=seed,
        )  # fmt: skip
        repeats.append([Outcome(one.task_id, 0, one.score, one.success) for one in episodes])
    phase.end()
    return false_promotion_rate(repeats, _settings(run))


def _show_rates(rates: FalsePromotions, *, as_json: bool) -> None:
    if as_json:
        output.print_json(rates)
        return
    rate = output.percent_span(rates.rate.estimate, rates.rate)
    print(
        f"{rates.n_promoted} of {rates.n_verdicts} verdicts promoted the pair in force over "
        f"itself: {rate}; at most {100 * rates.alpha:.1f} % is promised for each verdict"
    )
