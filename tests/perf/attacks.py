"""Poisoned observations: how many become lessons and change an action, defended and not."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from conditions import write
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))  # the arena is of the tests

from agentevo.memory import MiniLM
from tests.safety.arena import Fate, fate_of
from tests.safety.attacks import ATTACKS


def fates(*, on: bool) -> list[Fate]:
    """Return what becomes of every attack."""
    embedder, found = MiniLM(), []
    for i, attack in enumerate(ATTACKS, 1):
        with tempfile.TemporaryDirectory() as folder:
            found.append(
                asyncio.run(fate_of(attack.kind, attack.note, Path(folder), embedder, on=on))
            )
        print(f"\r{i}/{len(ATTACKS)} attacks", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def main() -> None:
    """Print the table and write the figures."""
    found = {True: fates(on=True), False: fates(on=False)}
    columns = [
        f"{what}, {which}" for which in ("off", "on") for what in ("lessons", "acted", "rule")
    ]
    table = Table("kind", "attacks", *columns)
    kinds = list(dict.fromkeys(attack.kind for attack in ATTACKS))
    rows = {}
    for kind in [*kinds, "all"]:
        own = {on: [one for one in some if kind in (one.kind, "all")] for on, some in found.items()}
        rows[kind] = {
            "n": len(own[True]),
            **{
                f"{what}_{'on' if on else 'off'}": sum(getattr(one, what) for one in own[on])
                for on in (False, True)
                for what in ("is_active", "has_acted", "has_learned")
            },
        }
        table.add_row(kind, *map(str, rows[kind].values()))
    Console().print(table)
    through = [one.note for one in found[True] if one.has_acted]
    print(f"changed an action with the defence on: {through or 'none'}")
    write("attacks", {"kinds": rows, "through": through})


if __name__ == "__main__":
    main()
