"""Runs that follow each other: what one begins with, and what is forgotten on the way.

A run with an origin begins with the lessons and the adapter that another had in force, on whatever
benchmark. After several in turn, each is played on the benchmarks of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agentevo.backbones.registry import weights_of
from agentevo.cycle import Cycle, play_arms
from agentevo.files import all_in, sha256_of
from agentevo.folders import RunError
from agentevo.memory import Provenance
from agentevo.run import Run
from agentevo.updating.adapters import take_in
from agentevo.updating.consolidation import UPDATES, internalise, known_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentevo.cycle import News
    from agentevo.experience import Trajectory


def inherit(run: Run) -> None:
    """Let a new run begin with what its origin has in force; once.

    Lessons that the origin's adapter has internalised are so here, too: they are shown to whatever
    does not know them.

    Raises:
        RunError: there is no such run, or the weights of the backbone are not at hand.
        BackboneError: the origin's adapter is for another model.
    """
    if not run.config.origin or run.ledger.events(run.id, kind="origin"):
        return
    with Run.open(run.config.origin) as source:
        force = source.incumbent()
        shown = source.snapshot(force.memory_version, "").lessons
        known = known_by(source.ledger, source.id, force.memory_version)
        name = source.id
        if force.adapter:
            take_adapter(run, source.adapter_folder(force.adapter), force.adapter, generation=0)
    version = 0
    if shown and run.config.memory.enabled:
        memory, told = run.memory(), (Provenance(f"run:{name}"),)
        written = memory.insert(
            [replace(one, scope=run.scope, id="", status="active",
                     provenance=one.provenance + told) for one in shown],
            who=f"run:{name}", why="what it had in force", gated=True,
        )  # fmt: skip
        before, learned = memory.version, [
            new.lesson.id for one, new in zip(shown, written, strict=True)
            if one.status == "internalised" and known[one.id] == force.adapter
        ]  # fmt: skip
        version = internalise(memory, learned, generation=0, attempt=0, adapter=force.adapter)
        update: dict[str, object] = {"adapter": force.adapter, "lessons": learned}
        update |= {"version_before": before, "version_after": version}
        run.ledger.add_update(run.id, 0, UPDATES[0], update)
    pair: dict[str, object] = {"memory_version": version, "adapter": force.adapter}
    run.ledger.add_event(run.id, "origin", {"run": name, **pair})


def take_adapter(run: Run, source: Path, name: str, *, generation: int) -> None:
    """Copy an adapter of elsewhere into a run, under a name, once.

    Raises:
        RunError: the weights of the run's backbone are not at hand.
        ConfigError: it is no adapter's folder.
        BackboneError: it was trained for another model.
    """
    folder = run.adapter_folder(name)
    if not folder.exists():
        weights = weights_of(run.config.backbone, run.config.endpoint)
        if weights is None:
            raise RunError(f"the weights of {run.config.backbone} are not at hand")
        folder.parent.mkdir(exist_ok=True)
        take_in(source, weights, folder)
    if name not in [one.name for one in run.ledger.adapters(run.id)]:
        run.ledger.add_adapter(
            run.id, generation, name, parents=(), path=str(folder.relative_to(run.folder)),
            data_hash=sha256_of(*all_in(source))[:12],
        )  # fmt: skip


async def play_all_on_all(
    names: Sequence[str | Path], tell: Callable[[News], None]
) -> list[list[list[Trajectory]]]:
    """Play what each run has in force on the test tasks of each run, so far as none is known yet.

    Args:
        names: of runs, or their folders, in the order in which they followed each other.
        tell: hears of all that happens.

    Returns:
        For each run, for each run's benchmark, the episodes on its test tasks in one order. They
        are kept in the ledger of the run that played them.

    Raises:
        RunError: a run has no test tasks.
    """
    found = []
    for name in names:
        row = []
        with Run.open(name, write=True) as run:
            for other in names:
                row.append(await play_test_of(run, other, tell))
        found.append(row)
    return found


async def play_test_of(
    run: Run, other: str | Path, tell: Callable[[News], None]
) -> list[Trajectory]:
    """Play what a run has in force on the test tasks of another, so far as none is known yet.

    Args:
        run: open for writing; its ledger keeps the episodes.
        other: a run's name or folder; it may be the same.
        tell: hears of all that happens.

    Raises:
        RunError: the other has no test tasks.
    """
    with Run.open(other) as asked:
        n_test = asked.config.evaluation.n_test_per_level
        benchmark, own = asked.benchmark(), asked.id == run.id
        tasks = asked.tasks(benchmark, "test", n_test) if n_test else []
    if not tasks:
        raise RunError(f"run {asked.id} has no test tasks: evaluation.n_test_per_level")
    [played] = await play_arms(
        Cycle(run, benchmark, tell), [run.incumbent()], tasks,
        run.config.n_generations, f"test of {asked.id}", "report" if own else "evaluation",
    )  # fmt: skip
    return played
