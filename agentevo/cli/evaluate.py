"""`agentevo evaluate`: play an arm of a run, or a plain backbone, on a split."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from agentevo.cli import output
from agentevo.cli.runs import ADAPTER, MEMORY, chosen
from agentevo.cli.values import LEVELS, QUIET, SETS, check_choice, parse_levels

if TYPE_CHECKING:
    from agentevo.api import Tell
    from agentevo.evaluation.evaluate import Arm
    from agentevo.experience import Trajectory
    from agentevo.run import Run


def evaluate(
    run: str | None = typer.Option(None, metavar="RUN", help="A run's name, or its folder."),
    generation: str = typer.Option(
        "incumbent", help="Of the run: a generation (0: the beginning), or the pair in force."
    ),
    memory: int | None = MEMORY,
    adapter: str | None = ADAPTER,
    backbone: str | None = typer.Option(None, help="Instead of a run: a plain backbone."),
    benchmark: str | None = typer.Option(
        None, help="A name, or file.py:name.", show_default="the run's, or textworld-cooking"
    ),
    split: str = typer.Option("validation", help="train, validation or test."),
    n_per_level: int = typer.Option(5, min=1, help="Tasks of each level."),
    levels: str | None = LEVELS,
    sets: list[str] = SETS,
    as_json: bool = output.AS_JSON,
    quiet: bool = QUIET,
) -> None:
    """Play held-out tasks greedily and print score and success with their intervals."""
    from agentevo.benchmarks import Split

    if (run is None) == (backbone is None):
        raise typer.BadParameter("give either --run or --backbone")
    check_choice("--split", split, Split)
    some = parse_levels(levels)
    if run is not None:
        opened = _of_run(run, benchmark, sets)
        try:
            arm = chosen(opened, _arm(opened, generation), memory, adapter)
            played = _play(opened, arm, split, n_per_level, some, quiet=quiet)
        finally:
            opened.close()
        name = f"{opened.id}, memory {arm.memory_version}, {arm.adapter or 'plain weights'}"
    else:
        if (generation, memory, adapter) != ("incumbent", None, None):
            raise typer.BadParameter("--generation, --memory and --adapter are of a --run")
        from agentevo.evaluation.evaluate import Arm

        name = str(backbone)
        with _plain(name, benchmark or "textworld-cooking", sets) as opened:
            played = _play(opened, Arm(0, ""), split, n_per_level, some, quiet=quiet)
    _show(name, split, played, as_json=as_json)


def _of_run(run: str, benchmark: str | None, sets: Sequence[str]) -> Run:
    """Return the run, open for writing: what is played is recorded in it."""
    from agentevo.folders import RunError
    from agentevo.run import Run

    if sets:
        raise RunError("a run is evaluated with its own settings: leave out --set")
    opened = Run.open(run, write=True)
    if benchmark not in (None, opened.config.benchmark):
        opened.close()
        raise RunError(f"run {opened.id} is of {opened.config.benchmark}, not of {benchmark}")
    return opened


@contextmanager
def _plain(backbone: str, benchmark: str, sets: Sequence[str]) -> Iterator[Run]:
    """Yield a run that lasts as long as it is evaluated."""
    from agentevo.api import check_tools, settle
    from agentevo.config import parse_set
    from agentevo.folders import RunError, home
    from agentevo.run import Run

    said = {"backbone": backbone, "benchmark": benchmark, "recipe": "react"}
    config = settle(said, parse_set(sets))
    try:
        home().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"AGENTEVO_HOME {home()} is no usable folder: {error.strerror}") from None
    with tempfile.TemporaryDirectory(prefix="evaluate-", dir=home()) as folder:
        run = Run.start(Path(folder) / "run", config)
        try:
            check_tools(run)
            yield run
        finally:
            run.close()


def _arm(run: Run, generation: str) -> Arm:
    """Return the arm that is meant by the option's word."""
    from agentevo.cli.runs import arm_of
    from agentevo.folders import RunError

    if generation == "incumbent":
        return run.incumbent()
    if not generation.isdecimal():
        raise RunError(f"--generation {generation!r} is no number, nor 'incumbent'")
    return arm_of(run, int(generation))


def _play(
    run: Run, arm: Arm, split: Any, n_per_level: int, levels: Sequence[int] | None, *, quiet: bool
) -> list[Trajectory]:
    """Play an arm so far as the ledger does not know it yet, and return its episodes."""
    from agentevo.api import stoppable
    from agentevo.cli.live import View
    from agentevo.cli.progress import Progress
    from agentevo.cycle import Cycle, play_arms

    benchmark = run.benchmark()
    tasks = benchmark.tasks(split, n_per_level, levels=levels or run.config.levels)
    run.player(arm)  # what it names is looked for before games are made
    n_closed = len(run.ledger.updates(run.id, kind="outcome"))

    async def work(tell: Tell) -> list[Trajectory]:
        cycle = Cycle(run, benchmark, tell)
        played = await play_arms(
            cycle, [arm], tasks, n_closed, f"evaluation: {split}", "evaluation"
        )
        return played[0]

    with View(Progress(n_expected=len(tasks)), quiet=quiet) as view:
        return asyncio.run(stoppable(work, view))


def _show(name: str, split: str, played: Sequence[Trajectory], *, as_json: bool) -> None:
    """Print what the episodes came to, in all and by level."""
    from agentevo.evaluation.ablation import table
    from agentevo.evaluation.statistics import mean_interval, wilson

    row = table({name: played})[0]
    levels: list[dict[str, Any]] = []
    for level in sorted({one.difficulty for one in played}):
        own = [one for one in played if one.difficulty == level]
        success = wilson(sum(one.success for one in own), len(own))
        score = mean_interval([one.score for one in own])
        levels.append({"level": level, "n": len(own), "score": score, "success": success})
    if as_json:
        endings = [one.ending for one in played]
        output.print_json(
            {"arm": name, "split": split, "all": row, "levels": levels,
             "endings": {one: endings.count(one) for one in sorted(set(endings))}}
        )  # fmt: skip
        return
    output.print_arms([row], f"{split.capitalize()} split, greedy")
    output.print_table(
        ["level#", "tasks#", "score#", "success#"],
        [
            [one["level"], one["n"], output.percent_span(one["score"].estimate, one["score"]),
             output.percent_span(one["success"].estimate, one["success"])]
            for one in levels
        ],
    )  # fmt: skip
