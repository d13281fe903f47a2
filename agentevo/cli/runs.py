"""`agentevo runs`: what there is, what came of it, its report, and the way back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from agentevo.cli import output
from agentevo.cli.facts import arm_text, print_learning, summary
from agentevo.cli.values import check_choice
from agentevo.evaluation.words import count

if TYPE_CHECKING:
    from agentevo.evaluation.evaluate import Arm
    from agentevo.experience import Trajectory
    from agentevo.run import Run

app = typer.Typer(
    help="Runs: list, show, episodes, report, compare, forgetting, rollback.", no_args_is_help=True
)

RUN = typer.Argument(metavar="RUN", help="A run's name, or its folder.")
MEMORY = typer.Option(None, min=0, metavar="VERSION", help="This version of the memory; 0: empty.")
ADAPTER = typer.Option(
    None, metavar="NAME", help="This adapter; 'plain': the weights as they were."
)


@app.command("list")
def list_(as_json: bool = output.AS_JSON) -> None:
    """List the runs under AGENTEVO_HOME, newest first."""
    from agentevo.evaluation.overview import overview
    from agentevo.folders import home
    from agentevo.mending import line_of

    rows = []
    for file in sorted((home() / "runs").glob("*/ledger.db")):
        try:
            rows.append(overview(file.parent))
        except Exception as error:
            if (line := line_of(error)) is None:
                raise
            rows.append({"run": file.parent.name, "status": "unreadable", "problem": line})
    rows.sort(key=lambda row: str(row.get("created", "")), reverse=True)
    if as_json:
        output.print_json(rows)
    elif not rows:
        print(f"no runs in {home() / 'runs'}; begin one with: {output.program()} evolve")
    else:
        output.print_table(
            ["run!", "status!", "created", "benchmark", "recipe", "generations#", "episodes#"],
            [
                [row["run"], row["status"], str(row.get("created", ""))[:16].replace("T", " "),
                 row.get("benchmark", ""), row.get("recipe", ""),
                 f"{row['n_closed']}/{row['n_generations']}" if "n_closed" in row else "",
                 row.get("n_episodes", "")]
                for row in rows
            ],
        )  # fmt: skip
        for row in rows:
            if "problem" in row:
                print(f"{row['run']}: {row['problem']}")


@app.command("show")
def show(run: str = RUN, as_json: bool = output.AS_JSON) -> None:
    """Show a run: settings, generations, verdicts, lessons, and what each phase cost."""
    from agentevo.evaluation.overview import called
    from agentevo.run import Run

    opened = Run.open(run)
    try:
        facts, name = summary(opened), called(opened)
    finally:
        opened.close()
    if as_json:
        output.print_json(facts)
        return
    settings = facts["settings"]
    settings["levels"] = ",".join(map(str, settings["levels"] or ["all"]))
    print(f"{facts['run']}: {facts['status']}, in {facts['folder']}")
    print("  ".join(f"{key}={settings[key]}" for key in
                    ("benchmark", "backbone", "recipe", "budget", "levels", "seed", "origin")
                    if settings[key] != ""))  # fmt: skip
    print(f"lessons: {', '.join(f'{n} {k}' for k, n in facts['lessons'].items()) or 'none'}")
    print(f"in force: {arm_text(facts['in_force'])}")
    if not facts["generations"] and not facts["arms"]:
        print("nothing is played yet")
        return
    print_learning(facts, name)


@app.command("report")
def report(
    run: str = RUN,
    open_: bool = typer.Option(False, "--open/--no-open", help="Show it in the browser."),
    as_json: bool = output.AS_JSON,
) -> None:
    """Write the report of a run anew from its ledger; nothing is played."""
    from agentevo.evaluation.report import write_report
    from agentevo.run import Run

    opened = Run.open(run)
    try:
        path = write_report(opened)
    finally:
        opened.close()
    if as_json:
        print(json.dumps({"report": str(path)}))
    else:
        print(path)
    if open_:
        typer.launch(str(path))


@app.command("episodes")
def episodes(
    run: str = RUN,
    episode: str | None = typer.Argument(None, metavar="EPISODE", help="Its id: print it whole."),
    generation: int | None = typer.Option(None, min=0, help="Only of this generation."),
    purpose: str | None = typer.Option(
        None, help="Only of acquisition, gate, report or evaluation.", show_default="all"
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """List the episodes of a run, or print one of them whole."""
    from agentevo.experience import Purpose
    from agentevo.run import Run

    check_choice("--purpose", purpose, Purpose)
    opened = Run.open(run)
    try:
        if episode is not None:
            one = opened.ledger.episode(opened.id, episode)
            output.print_json(one) if as_json else _print_episode(one)
            return
        found = [
            one for one in opened.ledger.summaries(opened.id)
            if generation in (None, one.key.generation) and purpose in (None, one.key.purpose)
        ]  # fmt: skip
    finally:
        opened.close()
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        ["episode!", "arm", "level#", "ending", "score#", "steps#"],
        [
            [one.trajectory_id, one.key.arm, one.difficulty, one.ending, output.percent(one.score),
             one.n_steps]
            for one in found
        ],
    )  # fmt: skip


def _print_episode(one: Trajectory) -> None:
    n_steps = count(len(one.steps), "step")
    print(f"{one.id}: {one.ending}, score {one.score:.2f}, {n_steps}")
    print(f"\n{one.instruction}")
    for lesson in one.lessons:
        print(f"lesson: {lesson}")
    print(f"\n{one.first_observation.strip()}")
    for number, step in enumerate(one.steps, 1):
        if step.thought:
            print(f"\n[{number}] {step.thought}")
        print(f"> {step.action or '(no action)'}\n{step.observation.strip()}")
    for text in (*one.reflections, one.error):
        if text:
            print(f"\n{text}")


@app.command("rollback")
def rollback(
    run: str = RUN,
    to: int | None = typer.Option(
        None, min=0, metavar="GENERATION", help="The outcome of this generation; 0: the beginning."
    ),
    memory: int | None = MEMORY,
    adapter: str | None = ADAPTER,
    as_json: bool = output.AS_JSON,
) -> None:
    """Put an earlier memory, adapter, or both in force; nothing is deleted."""
    from agentevo.run import Run

    if (to is None) == (memory is None and adapter is None):
        raise typer.BadParameter("give either --to, or --memory or --adapter or both")
    opened = Run.open(run, write=True, to_play=False)
    try:
        old = opened.incumbent()
        new = arm_of(opened, to) if to is not None else chosen(opened, old, memory, adapter)
        check_was_in_force(opened, new)
        opened.roll_back(new)
    finally:
        opened.close()
    print_change(old, new, as_json=as_json)


def check_was_in_force(run: Run, arm: Arm) -> None:
    """Raise RunError where an adapter never was in force: only the gate takes in what is new."""
    from agentevo.evaluation.adapters import ever_in_force
    from agentevo.evaluation.overview import called
    from agentevo.folders import RunError

    known = ever_in_force(run)
    if arm.adapter not in known:
        were = ", ".join(one or "plain" for one in known)
        raise RunError(
            f"adapter {arm.adapter!r} never was in force in run {run.id} (these were: {were}): "
            f"let it stand at the gate: {output.program()} adapters adopt {called(run)} "
            f"{arm.adapter}"
        )


def print_change(old: Arm, new: Arm, *, as_json: bool) -> None:
    """Print what is in force now, and what was."""
    if as_json:
        output.print_json({"in_force": new.pair, "was": old.pair})
    else:
        now = f"in force: {arm_text(new.pair)}"
        print(f"{now}; it was: {arm_text(old.pair)}" if new != old else f"{now}, as before")


def arm_of(run: Run, generation: int) -> Arm:
    """Return what a generation came to; 0 is the beginning.

    Raises:
        RunError: the generation is not closed, or does not exist.
    """
    from agentevo.evaluation.evaluate import Arm
    from agentevo.folders import RunError

    if generation == 0:
        return run.beginning()
    outcomes = {one.generation: one.payload for one in run.ledger.updates(run.id, kind="outcome")}
    if generation not in outcomes:
        known = ", ".join(map(str, [0, *sorted(outcomes)]))
        raise RunError(f"run {run.id} has no finished generation {generation} (there is: {known})")
    found: Any = outcomes[generation]
    return Arm(int(found["memory_version"]), str(found["adapter"]))


def chosen(run: Run, old: Arm, memory: int | None, adapter: str | None) -> Arm:
    """Return the pair that is asked for; what is not named stays.

    Raises:
        RunError: the run has no such adapter.
    """
    from agentevo.evaluation.evaluate import Arm
    from agentevo.folders import RunError

    known = ["plain", *(one.name for one in run.ledger.adapters(run.id))]
    if adapter not in (None, *known):
        raise RunError(f"run {run.id} has no adapter {adapter!r} (there is: {', '.join(known)})")
    name = old.adapter if adapter is None else "" if adapter == "plain" else adapter
    return Arm(old.memory_version if memory is None else memory, name)
