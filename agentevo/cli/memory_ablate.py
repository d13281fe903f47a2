"""`agentevo memory ablate`: what one lesson is worth: the same tasks with and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from agentevo.cli import output
from agentevo.cli.gate import with_view
from agentevo.cli.memory import app, pick
from agentevo.cli.memory_edit import LESSON
from agentevo.cli.runs import RUN
from agentevo.cli.values import LEVELS, QUIET, check_choice, parse_levels
from agentevo.evaluation.words import count

if TYPE_CHECKING:
    from agentevo.cycle import Cycle
    from agentevo.experience import Trajectory


@app.command("ablate")
def ablate(
    run: str = RUN,
    lesson: str = LESSON,
    split: str = typer.Option("validation", help="train, validation or test."),
    n_per_level: int = typer.Option(5, min=1, help="Tasks of each level."),
    levels: str | None = LEVELS,
    as_json: bool = output.AS_JSON,
    quiet: bool = QUIET,
) -> None:
    """Play tasks with the memory in force, and again without one of its lessons."""
    from dataclasses import replace

    from agentevo.benchmarks import Split
    from agentevo.cycle import outcomes_of, play_arms
    from agentevo.evaluation.statistics import paired_difference
    from agentevo.folders import RunError
    from agentevo.memory import lessons
    from agentevo.run import Run

    check_choice("--split", split, Split)
    chosen = parse_levels(levels)
    opened = Run.open(run, write=True)
    try:
        force = opened.incumbent()
        known = lessons(opened.ledger.engine, opened.scope) if force.memory_version else ()
        found = pick(lesson, known)
        shown = opened.snapshot(force.memory_version, force.adapter).lessons
        if found.id not in {one.id for one in shown}:
            raise RunError(f"lesson {found.id} is {found.status}, and not in force")
        n_tasks = n_per_level * len(chosen or opened.config.levels or opened.benchmark().levels)

        async def work(cycle: Cycle) -> list[list[Trajectory]]:
            with_it = cycle.run.incumbent()
            arms = replace(with_it, without=found.id), with_it
            tasks = cycle.benchmark.tasks(
                split,  # type: ignore[arg-type]
                n_per_level,
                levels=chosen or cycle.run.config.levels,
            )
            n_closed = len(cycle.run.ledger.updates(cycle.run.id, kind="outcome"))
            name = f"with and without {found.id}"
            return await play_arms(cycle, arms, tasks, n_closed, name, "evaluation")

        old, new = outcomes_of(*with_view(opened, work, 2 * n_tasks, quiet=quiet))
    finally:
        opened.close()
    without = {(one.task_id, one.seed): one for one in old}
    pairs = [(without[one.task_id, one.seed].score, one.score) for one in new]
    n_shown = sum(a != b for a, b in pairs)
    gain = paired_difference([a for a, _ in pairs], [b for _, b in pairs])
    if as_json:
        output.print_json(
            {"lesson": found.id, "split": split, "n": len(pairs), "gain": gain,
             "without": sum(a for a, _ in pairs) / len(pairs),
             "with": sum(b for _, b in pairs) / len(pairs), "n_different": n_shown}
        )  # fmt: skip
        return
    print(found.text)
    rows = {"without it": [a for a, _ in pairs], "with it": [b for _, b in pairs]}
    output.print_table(
        ["memory", "tasks#", "score#"],
        [[name, len(some), output.percent(sum(some) / len(some))] for name, some in rows.items()],
    )
    print(f"it is worth {output.gain_span(gain.estimate, gain)} points on the {split} split; "
          f"{n_shown} of {count(len(pairs), 'task')} {'ends' if n_shown == 1 else 'end'} with "
          "another score")  # fmt: skip
