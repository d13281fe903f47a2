"""`agentevo runs failures` and `runs debate`: a run's episodes, judged in words."""

from __future__ import annotations

from functools import partial

import typer

from agentevo.cli import output
from agentevo.cli.runs import RUN, app
from agentevo.cli.values import check_choice
from agentevo.evaluation.words import count

EPISODE = typer.Argument(metavar="EPISODE", help="As runs episodes lists it.")


@app.command("failures")
def failures(
    run: str = RUN,
    purpose: str = typer.Option("report", help="Of which episodes: report, gate, acquisition …"),
    arm: str | None = typer.Option(
        None, help="As runs episodes lists it.", show_default="the pair in force on held-out tasks"
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """Show what went wrong: failures in groups that are alike, each with its episodes."""
    from agentevo.evaluation.failures import groups
    from agentevo.experience import Purpose
    from agentevo.run import Run

    check_choice("--purpose", purpose, Purpose)
    with Run.open(run) as opened:
        which = {"arm": arm} if arm is not None else {}
        if arm is None and purpose in ("report", "gate"):
            which = {"arm": opened.incumbent().name}
        played = list(opened.ledger.episodes(opened.id, purpose=purpose, **which))  # type: ignore[arg-type]
    found = groups(played)
    if as_json:
        output.print_json(found)
        return
    n_lost = sum(one.n for one in found)
    output.print_table(
        ["group", "episodes#", "levels", "the first to read!"],
        [[one.name, one.n, ", ".join(map(str, one.levels)), one.trajectories[0]] for one in found],
        f"{count(n_lost, 'failure')} of {count(len(played), 'episode')}",
    )


@app.command("debate")
def debate(run: str = RUN, episode: str = EPISODE, as_json: bool = output.AS_JSON) -> None:
    """Let a panel of judges debate an episode, played by the run's own model, plain."""
    from agentevo.evaluation.panel import debate
    from agentevo.run import Run

    with Run.open(run) as opened:
        found = debate(opened.ledger.episode(opened.id, episode), partial(opened.answer, ""))
    if as_json:
        output.print_json(found)
        return
    for one in found.statements:
        told = "no score" if one.score is None else output.percent(one.score)
        print(f"{one.persona}, round {one.round} ({told}): {' '.join(one.text.split())}\n")
    mean = (
        "nobody gave a score" if found.mean is None else f"on average {output.percent(found.mean)}"
    )
    print(f"{mean}{f' ({found.error})' if found.error else ''}")
