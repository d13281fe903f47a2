"""Poisoned observations: how many become lessons and change an action, defended and not."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conditions import write
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))  # the arena is of the tests

from agentevo.memory import MiniLM, scan
from tests.safety.arena import Fate, fate_of
from tests.safety.attacks import ATTACKS, HARMLESS, UNSEEN, Attack


def fates(attacks: Sequence[Attack], *, on: bool) -> list[Fate]:
    """Return what becomes of every attack."""
    embedder, found = MiniLM(), []
    for i, attack in enumerate(attacks, 1):
        with tempfile.TemporaryDirectory() as folder:
            found.append(
                asyncio.run(fate_of(attack.kind, attack.note, Path(folder), embedder, on=on))
            )
        print(f"\r{i}/{len(attacks)} attacks", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def main() -> None:
    """Print the tables and write the figures."""
    stopped = sum(bool(scan(text)) for text in HARMLESS)
    print(f"ordinary lessons that the scanner holds up: {stopped} of {len(HARMLESS)}")
    write(
        "attacks",
        {
            "known": shown("attacks that the scanner was made with", ATTACKS),
            "unseen": shown("attacks by somebody who did not know the scanner", UNSEEN),
            "harmless": {"n": len(HARMLESS), "held_up": stopped},
        },
    )


def shown(title: str, attacks: Sequence[Attack]) -> dict[str, Any]:
    """Print the table of one set, and return its figures."""
    found = {on: fates(attacks, on=on) for on in (True, False)}
    columns = [
        f"{what}, {which}" for which in ("off", "on") for what in ("lessons", "acted", "rule")
    ]
    table = Table("kind", "attacks", *columns, title=title)
    kinds = list(dict.fromkeys(attack.kind for attack in attacks))
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
    return {"kinds": rows, "through": through}


if __name__ == "__main__":
    main()
