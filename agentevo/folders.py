"""Where runs live: the folder of all, one run's by its name, and who works on them here."""

from __future__ import annotations

import getpass
import os
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agentevo.strategies import hint

if TYPE_CHECKING:
    from agentevo.config import RunConfig


class RunError(Exception):
    """A run that is not there or cannot be used so; the user can mend it."""


def home() -> Path:
    """Return the folder for all that agentevo keeps: `AGENTEVO_HOME`, or `~/.agentevo`."""
    return Path(os.environ.get("AGENTEVO_HOME") or "~/.agentevo").expanduser().absolute()


def user() -> str:
    """Return who changes something by hand, for the history."""
    try:
        return f"user:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return "user"


def folder_of(run: str | Path) -> Path:
    """Return a run's folder, given by its name or as a path.

    Raises:
        RunError: there is none; the message names those that are.
    """
    if not str(run):
        raise RunError("a run's name is empty")
    path = Path(run)
    for folder in (path, home() / "runs" / str(run)):
        if (folder / "ledger.db").exists():
            return folder
    if path.is_dir():
        raise RunError(f"{path} is no run: it has no ledger.db")
    known = sorted(p.parent.name for p in (home() / "runs").glob("*/ledger.db"))
    raise RunError(f"there is no run {str(run)!r}{hint(str(run), known)}")


def new_folder(config: RunConfig, name: str | None) -> Path:
    """Return the folder of a new run; its name is taken from the benchmark and the time.

    Raises:
        RunError: a run of that name is there already, or the name is none for a folder.
    """
    runs = home() / "runs"
    if name is not None:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise RunError(f"{name!r} is no name for a run: a letter or digit, then also '.', '-'")
        if (runs / name).exists():
            raise RunError(f"there is a run {name!r} already: resume it, or take another name")
        return runs / name
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    named = (config.benchmark.split(":")[0], config.recipe)
    short = "-".join(re.sub(r"\W+", "-", Path(one).stem) for one in named)
    folder = runs / f"{short}-{stamp}"
    n = 1
    while folder.exists():
        n += 1
        folder = folder.with_name(f"{short}-{stamp}-{n}")
    return folder
