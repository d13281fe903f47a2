"""`agentevo evolve`: the main job."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from agentevo.cli import output
from agentevo.cli.values import CONFIG, LEVELS, QUIET, SETS, parse_levels

if TYPE_CHECKING:
    from agentevo.run import Run


def evolve(
    benchmark: str | None = typer.Option(
        None,
        help="A name (agentevo benchmarks list), or file.py:name.",
        show_default="textworld-cooking",
    ),
    backbone: str | None = typer.Option(
        None,
        help="The model: a name (agentevo backbones list), local:FOLDER, or file.py:name.",
        show_default="seed",
    ),
    recipe: str | None = typer.Option(
        None,
        help="The method: a name (agentevo recipes list), or a TOML file.",
        show_default="default",
    ),
    budget: str | None = typer.Option(
        None, help="The scale: small, medium or large.", show_default="small"
    ),
    levels: str | None = LEVELS,
    generations: int | None = typer.Option(
        None,
        min=0,
        help="Turns of the cycle; of a run that goes on, in all.",
        show_default="by budget and recipe",
    ),
    seed: int | None = typer.Option(
        None, help="Draws sampling, withheld lessons and traces.", show_default="0"
    ),
    config: Path | None = CONFIG,
    sets: list[str] = SETS,
    origin: str | None = typer.Option(
        None, "--from", metavar="RUN", help="Begin with what another run has in force."
    ),
    name: str | None = typer.Option(
        None, help="Of the run.", show_default="benchmark, recipe and time"
    ),
    resume: str | None = typer.Option(
        None, metavar="RUN", help="Go on with a run that was stopped or killed."
    ),
    as_json: bool = output.AS_JSON,
    quiet: bool = QUIET,
) -> None:
    """Let an agent evolve: play, learn, and keep only what held-out tasks show to help."""
    flags: dict[str, Any] = {
        "benchmark": benchmark, "backbone": backbone, "recipe": recipe, "budget": budget,
        "levels": parse_levels(levels), "n_generations": generations, "seed": seed,
        "origin": origin,
    }  # fmt: skip
    flags = {key: value for key, value in flags.items() if value is not None}
    run = _resumed(resume, flags, config, sets, name) if resume is not None else None
    if run is None:
        run = _begun(flags, config, sets, name)
    try:
        _carry_out(run, quiet=quiet)
    except KeyboardInterrupt:
        _say(f"interrupted; all that was done is kept. Go on with: {_resume_line(run)}")
        raise typer.Exit(130) from None
    except Exception:
        if run.folder.exists():
            _say(f"stopped; all that was done is kept. Go on with: {_resume_line(run)}")
        raise
    finally:
        run.close()
    _show(run, as_json=as_json)


def _resumed(
    resume: str, flags: dict[str, Any], config: Path | None, sets: list[str], name: str | None
) -> Run:
    """Return the run to go on with; it keeps its settings, but for the number of generations."""
    from agentevo.api import extend
    from agentevo.folders import RunError
    from agentevo.run import Run

    said = [f"--{'from' if key == 'origin' else key}" for key in flags if key != "n_generations"]
    said += [option for option, given in (("--config", config), ("--set", sets), ("--name", name))
             if given]  # fmt: skip
    if said:
        raise RunError(f"a run is resumed with its own settings: leave out {', '.join(said)}")
    run = Run.open(resume, write=True)
    try:
        extend(run, flags.get("n_generations", run.config.n_generations))
    except BaseException:
        run.close()
        raise
    return run


def _begun(flags: dict[str, Any], config: Path | None, sets: list[str], name: str | None) -> Run:
    from agentevo.api import begin, settle
    from agentevo.config import checked, parse_set, read_toml

    own = {}
    if config is not None:
        own = read_toml(config)
        checked(own, config)
    return begin(settle(own, flags, parse_set(sets)), name)


def _carry_out(run: Run, *, quiet: bool) -> None:
    """Do all of the run that is still to be done, showing how it goes."""
    from agentevo.api import carry_out
    from agentevo.cli.live import View
    from agentevo.cli.progress import Progress, n_episodes, n_known

    config = run.config
    n_levels = len(config.levels or run.benchmark().levels)
    progress = Progress(
        n_generations=config.n_generations, n_expected=n_episodes(config, n_levels),
        n_before=n_known(run),
    )  # fmt: skip
    if not quiet:
        _say(f"run {run.id} in {run.folder}")
    with View(progress, quiet=quiet) as view:
        asyncio.run(carry_out(run, view))


def _show(run: Run, *, as_json: bool) -> None:
    """Print what the run came to, from its ledger."""
    from agentevo.api import report_of
    from agentevo.cli.facts import print_broken, print_test, summary
    from agentevo.evaluation.overview import called
    from agentevo.evaluation.words import gate_words
    from agentevo.run import Run as Opened

    done = Opened.open(run.folder)
    try:
        facts = summary(done)
    finally:
        done.close()
    report, name = report_of(run), called(run)
    if as_json:
        output.print_json(facts | {"report": str(report)})
        return
    print_test(facts, name)
    for one in facts["verdicts"]:
        what = f"generation {one['generation']}, {gate_words(one['kind'])}"
        print(f"{what}: {one['verdict']}. {one['reason']}")
    force = facts["in_force"]
    print(
        f"in force: memory version {force['memory_version']}, {force['adapter'] or 'plain weights'}"
    )
    print_broken(facts, name)
    print(f"\nreport: {report}")
    print("next:")
    for line in (f"inspect {name}", f"memory list {name}", f"runs report {name} --open"):
        print(f"  {output.program()} {line}")


def _resume_line(run: Run) -> str:
    from agentevo.evaluation.overview import called

    return f"{output.program()} evolve --resume {called(run)}"


def _say(text: str) -> None:
    output.stderr().print(text, markup=False, soft_wrap=True)
