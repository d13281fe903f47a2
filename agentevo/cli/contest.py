"""`agentevo compare`: recipes against one another, under the same conditions."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from agentevo.cli import output
from agentevo.cli.values import CONFIG, LEVELS, QUIET, SETS, parse_levels
from agentevo.evaluation.words import count

if TYPE_CHECKING:
    from agentevo.contest import Contest
    from agentevo.contest_result import Result
    from agentevo.evaluation.contest import Place, Table

BENCHMARKS = typer.Option(
    [],
    "--benchmark",
    help="As for evolve. Given several times: recipes evolve on one after the other, and what they "
    "forget is told.",
    show_default="textworld-cooking",
)


def compare(
    recipes: str | None = typer.Option(
        None, help="Names or TOML files, with commas between; react is always one of them."
    ),
    seeds: int = typer.Option(5, min=1, help="Runs of each recipe."),
    token_budget: int | None = typer.Option(
        None,
        min=1,
        help="Tokens that learning may take in each run; three for each trained on.",
        show_default="none",
    ),
    benchmark: list[str] = BENCHMARKS,
    backbone: str | None = typer.Option(None, help="As for evolve.", show_default="seed"),
    budget: str | None = typer.Option(
        None, help="The scale: small, medium or large.", show_default="small"
    ),
    levels: str | None = LEVELS,
    config: Path | None = CONFIG,
    sets: list[str] = SETS,
    name: str | None = typer.Option(None, help="Of the comparison.", show_default="by the time"),
    resume: str | None = typer.Option(
        None, metavar="NAME", help="Go on with a comparison that was stopped."
    ),
    only: str | None = typer.Option(
        None,
        metavar="RECIPE:SEED",
        help="With --resume: play one of its runs, in this process; on several benchmarks "
        "RECIPE:SEED:STAGE.",
    ),
    at_once: int = typer.Option(1, min=1, help="Runs side by side, each in a process of its own."),
    as_json: bool = output.AS_JSON,
    quiet: bool = QUIET,
) -> None:
    """Compare recipes: the same backbone, tasks, seeds and budget for each, and a fair table.

    Runs are played seed by seed; what was stopped goes on with --resume.
    """
    from agentevo.cli.contest_runs import play_all, play_one
    from agentevo.config import ConfigError
    from agentevo.contest import Contest
    from agentevo.contest_result import gather
    from agentevo.evaluation.contest_report import write_report, write_trajectories
    from agentevo.folders import home

    flags = {
        "benchmark": benchmark[0] if len(benchmark) == 1 else None, "backbone": backbone,
        "budget": budget, "levels": parse_levels(levels),
    }  # fmt: skip
    flags = {key: value for key, value in flags.items() if value is not None}
    if resume is not None:
        if recipes or benchmark or flags or config or sets or name or token_budget:
            raise ConfigError("a comparison is resumed with its own settings: name it alone")
        contest = Contest.open(resume)
    else:
        if only:
            raise ConfigError("--only is one run of a comparison that is there: --resume NAME")
        several = tuple(benchmark) if len(benchmark) > 1 else ()
        contest = _begun(recipes, seeds, token_budget, flags, config, sets, name, several)
    if only:
        play_one(contest, contest.entrant(only), quiet=quiet)
        return
    failed = play_all(contest, at_once=at_once, quiet=quiet)
    result = gather(contest)
    report = write_report(contest.folder, result)
    write_trajectories(contest.folder, [home() / "runs" / one.run for one in result.runs])
    if as_json:
        output.print_json({"result": result, "failed": failed, "report": str(report)})
    else:
        _show(contest, result, failed)
        print(f"\nreport: {report}")
    if failed:
        raise typer.Exit(1)


def _begun(
    recipes: str | None, seeds: int, token_budget: int | None, flags: dict[str, Any],
    config: Path | None, sets: list[str], name: str | None, benchmarks: tuple[str, ...],
) -> Contest:  # fmt: skip
    from agentevo.config import ConfigError, checked, merge, parse_set, read_toml
    from agentevo.contest import Contest, Plan

    if not recipes:
        raise ConfigError("name the recipes: --recipes default,memory-only")
    settings = parse_set(sets)
    if config is not None:
        own = read_toml(config)
        checked(own, config)
        settings = merge(own, settings)
    settings = merge(flags, settings)
    if token_budget is not None:
        settings["token_budget"] = token_budget
    given = tuple(_whole(one.strip()) for one in recipes.split(",") if one.strip())
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    plan = Plan(name or f"compare-{stamp}", given, seeds, settings, benchmarks)
    contest = Contest.begin(plan)
    output.stderr().print(f"comparison {contest.plan.name} in {contest.folder}", markup=False)
    return contest


def _whole(recipe: str) -> str:
    """Return a recipe's name, or the whole path of its file: it may go on from any folder."""
    return str(Path(recipe).resolve()) if recipe.endswith(".toml") else recipe


def _show(contest: Contest, result: Result, failed: list[str]) -> None:
    table = result.table
    if table is not None:
        output.print_table(
            ["recipe!", "group#", "score#", f"gain on {table.baseline}#", "p#", "lost#",
             "learning, M#", "points per M#", "test#"],
            [_row(one) for one in table.places],
            f"{count(table.n_tasks, 'test task')}, seeds: {', '.join(map(str, result.seeds))}",
        )  # fmt: skip
        if result.by_benchmark:
            _show_benchmarks(table, result)
        print(
            "group 1: cannot be told from the best; score in % and gain in points, with 95 % "
            "intervals\nover tasks and seeds; p of the gain, Holm-corrected; lost: points where "
            f"{table.baseline} was better;\nlearning in millions of tokens (three for each trained "
            "on), points for each of them; test:\ntokens of an episode"
        )
        for place in table.places:
            given = Counter[str]()
            for run in result.runs:
                given.update(run.verdicts if run.recipe == place.recipe else {})
            if given:
                told = ", ".join(f"{n} {verdict}" for verdict, n in sorted(given.items()))
                print(f"gates of {place.recipe}: {told}")
    else:
        print("there is no seed yet under which all recipes are played")
    for one in failed:
        print(f"failed: {one}; see {contest.folder / 'logs' / one}.log")
    if result.missing:
        print(f"not finished: {', '.join(result.missing)}; go on with:\n  {resume_line(contest)}")


def _show_benchmarks(table: Table, result: Result) -> None:
    """Print what recipes know at last of each benchmark, and what they forgot."""
    on = [{one.recipe: one for one in own.places} for own in result.by_benchmark.values()]
    rows = []
    for one in table.places:
        gains = [output.gain_span(own[one.recipe].gain.estimate, own[one.recipe].gain)
                 for own in on]  # fmt: skip
        lost = result.forgotten[one.recipe]
        rows.append([one.recipe, *gains, output.gain_span(lost.estimate, lost)])
    title = f"Gain on {table.baseline} by benchmark, at the end of all, in their order"
    output.print_table(
        ["recipe!", *(f"{name.rpartition('/')[2]}#" for name in result.by_benchmark), "forgotten#"],
        rows,
        title,
    )
    print("forgotten: points on the earlier benchmarks since the turn of each was over")


def _row(one: Place) -> list[str]:
    per = "" if one.gain_per_million is None else f"{one.gain_per_million:+.1f}"
    return [
        one.recipe, str(one.group), output.percent_span(one.score.estimate, one.score),
        output.gain_span(one.gain.estimate, one.gain), f"{one.p_gain:.3f}",
        f"{100 * one.lost:.0f}", f"{one.n_tokens / 1e6:.3g}", per, f"{one.n_test_tokens:,.0f}",
    ]  # fmt: skip


def resume_line(contest: Contest) -> str:
    """Return how a comparison goes on."""
    return f"{output.program()} compare --resume {contest.plan.name}"
