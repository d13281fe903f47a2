"""`agentevo runs compare`: runs side by side on the test split."""

from __future__ import annotations

from contextlib import ExitStack

import typer

from agentevo.cli import output
from agentevo.cli.runs import app
from agentevo.evaluation.words import count

RUNS = typer.Argument(metavar="RUN RUN ...", help="Names or folders.")


@app.command("compare")
def compare(
    runs: list[str] = RUNS,
    anyway: bool = typer.Option(
        False, "--anyway", help="Also where they played different tasks or environments."
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """Compare runs: their scores on the test split, paired by task with the first of them."""
    from agentevo.evaluation.comparison import compare
    from agentevo.run import Run

    if len(runs) < 2:
        raise typer.BadParameter("name two runs or more")
    with ExitStack() as stack:
        opened = [stack.enter_context(Run.open(name)) for name in runs]
        found = compare(opened, anyway=anyway)
    if as_json:
        output.print_json(found)
        return
    n_tasks = {one.n_tasks for one in found if one.evolved}
    rows = [
        [
            one.run, one.recipe, f"{one.n_tasks} of {one.n_played}",
            output.percent_span(one.plain.estimate, one.plain) if one.plain else "not played",
            output.percent_span(one.evolved.estimate, one.evolved) if one.evolved else "not played",
            output.gain_span(one.difference.estimate, one.difference) if one.difference else "",
            f"{one.n_tokens:,}",
        ]
        for one in found
    ]  # fmt: skip
    output.print_table(
        ["run", "recipe", "tasks#", "plain#", "evolved#", f"over {found[0].run}#", "tokens#"], rows
    )
    shared = any(one.difference for one in found)
    print(
        f"scores on {count(n_tasks.pop(), 'test task')} that all of them played, paired by task; "
        "differences in points, with 95 % intervals"
        if shared
        else "scores on test tasks of their own, with 95 % intervals: the runs share none, and "
        "nothing is compared"
    )
