"""How a game is won honestly: first read what a player must read, then play it out."""

import json
from pathlib import Path

from agentevo.benchmarks.textworld.engine import Game

READ_RECIPE = "examine cookbook"
_LIMIT = 500


def walkthrough(path: Path, *, read_first: str | None = None) -> list[str]:
    """Return commands that win the game.

    Args:
        path: The game.
        read_first: A command of the generator's own walkthrough; that one is followed up to it,
            so that nothing is done that a player could not yet know to do. Thereafter, and
            without it from the start, the engine's policy decides, which plans anew each turn.

    Raises:
        RuntimeError: The game cannot be won from where this leads.
    """
    commands: list[str] = []
    game = Game(path, ("policy_commands",))
    try:
        state = game.reset()
        planned = _way_to(path, read_first) if read_first else []
        while not state.won and len(commands) < _LIMIT:
            rest = planned[len(commands) :] or state.policy_commands
            if not rest:
                break
            commands.append(rest[0])
            state = game.step(rest[0])
    finally:
        game.close()
    if not state.won:
        raise RuntimeError(f"no way to win {path} after {commands}")
    return commands


def _way_to(path: Path, command: str) -> list[str]:
    """Return the generator's commands up to and with `command`."""
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    planned: list[str] = facts["metadata"]["walkthrough"]
    way = planned[: planned.index(command) + 1]
    return [step for step in way if step != "inventory"]
