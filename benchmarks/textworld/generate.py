"""The worker that makes games, run as a script in a process of its own.

Reads one JSON request a line from stdin, writes one JSON answer a line to stdout, and ends when
stdin closes, so that it never outlives its parent for longer than one game. It imports
TextWorld and the standard library alone: the generator keeps state in module globals, and a
worker must not pay for the rest of agentevo.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TypedDict


class Request(TypedDict):
    """One game to make."""

    challenge: str
    settings: dict[str, int | bool | str]
    seed: int
    objective: str | None
    """Replaces the generated goal, which would spell out the way; None keeps its last step."""
    path: str
    """Where the game is to stand, ending in .z8; a .json goes beside it."""


def make(request: Request) -> None:
    """Generate and compile one game, then move it into place, the .z8 last."""
    import textworld.challenges
    from textworld import GameOptions
    from textworld.generator import compile_game

    target = Path(request["path"])
    clear_leftovers(target)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.stem}.", dir=target.parent))
    tempfile.tempdir = str(folder)  # Inform's project folders go where they are swept up
    try:
        options = GameOptions()
        options.seeds = request["seed"]
        options.path = str(folder / target.name)
        options.grammar.only_last_action = True
        _, generate, _ = textworld.challenges.CHALLENGES[request["challenge"]]
        game = generate(request["settings"], options)
        if request["objective"] is not None:
            game.objective = request["objective"]
        made = Path(compile_game(game, options))
        for suffix in (".json", ".z8"):
            made.with_suffix(suffix).replace(target.with_suffix(suffix))
    finally:
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers(target: Path) -> None:
    """Remove what a killed worker left of a game. The caller holds the game's lock."""
    for folder in target.parent.glob(f".{target.stem}.*"):
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Answer requests until stdin closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the generator prints must not mix with the answers
    for line in sys.stdin:
        error: str | None = None
        try:
            make(json.loads(line))
        except Exception as problem:  # reported to the parent, which names the game
            error = f"{type(problem).__name__}: {problem}"
        answers.write(json.dumps({"error": error}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
