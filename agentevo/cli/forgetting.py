"""`agentevo runs forgetting`: runs that follow each other, each on the benchmarks of all."""

from __future__ import annotations

import asyncio

import typer

from agentevo.cli import output
from agentevo.cli.runs import app
from agentevo.cli.values import QUIET

RUNS = typer.Argument(metavar="RUN RUN ...", help="In their order; names or folders.")


@app.command("forgetting")
def forgetting(runs: list[str] = RUNS, as_json: bool = output.AS_JSON, quiet: bool = QUIET) -> None:
    """Show what runs that follow each other (evolve --from) still know of earlier benchmarks."""
    from agentevo.api import stoppable
    from agentevo.cli.live import View
    from agentevo.cli.progress import Progress
    from agentevo.evaluation.forgetting import forgetting_of
    from agentevo.run import Run
    from agentevo.sequence import play_all_on_all

    if len(set(runs)) < max(2, len(runs)):
        raise typer.BadParameter("name two different runs or more")
    titles = []
    for name in runs:
        with Run.open(name) as run:
            titles.append((run.id, run.config.benchmark))
    with View(Progress(), quiet=quiet) as view:
        played = asyncio.run(stoppable(lambda told: play_all_on_all(runs, told), view))
    found = forgetting_of(played)
    if as_json:
        told = {"runs": [one for one, _ in titles], "benchmarks": [one for _, one in titles]}
        output.print_json(told | {"forgetting": found})
        return
    rows = [
        [run, *(output.percent_span(one.estimate, one) for one in scores)]
        for (run, _), scores in zip(titles, found.scores, strict=True)
    ]
    since = [output.gain_span(one.estimate, one) for one in found.since]
    rows.append([f"{titles[-1][0]} since", *since, ""])
    output.print_table(["after#", *(f"{benchmark}#" for _, benchmark in titles)], rows)
    print(
        "scores on the test splits, with 95 % intervals; the last line is paired by task, in points"
    )
    print(
        f"backward transfer {100 * found.backward_transfer:+.1f}, forgetting "
        f"{100 * found.forgetting:.1f}, average at the end {100 * found.average:.1f} points"
    )
