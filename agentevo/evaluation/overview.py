"""A run at a glance, from its folder alone: how it stands and how far it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentevo.folders import home
from agentevo.ledger import Ledger

if TYPE_CHECKING:
    from agentevo.run import Run


def called(run: Run) -> str:
    """Return what to type for a run: its name, or its folder where that is elsewhere."""
    here = run.folder.resolve().parent == (home() / "runs").resolve()
    return run.id if here else str(run.folder)


def overview(folder: Path) -> dict[str, Any]:
    """Return what a list of runs says of one; status, settings and counts."""
    with Ledger.open(folder) as ledger:
        kept = ledger.run(folder.name)
        settings = kept.configuration
        n_closed = len(ledger.updates(kept.id, kind="outcome"))
        n_generations = settings.get("n_generations")
        for event in ledger.events(kept.id, kind="extension"):
            n_generations = event.payload["n_generations"]
        return {
            "run": kept.id,
            "status": status_of(folder, ledger.status(kept.id)),
            "created": kept.created,
            **{name: settings.get(name) for name in ("benchmark", "backbone", "recipe")},
            "n_closed": n_closed,
            "n_generations": n_generations,
            "n_episodes": len(ledger.finished(kept.id)),
        }


def status_of(folder: Path, told: str | None) -> str:
    """Return how a run stands; one that says `running` and has no living process was killed."""
    owner = folder / "ledger.pid"
    if told != "running" or os.name != "posix" or not owner.is_file():
        return told or "new"
    try:
        os.kill(int(owner.read_text()), 0)
    except PermissionError:
        return "running"
    except (ProcessLookupError, ValueError):
        return "killed"
    return "running"
