"""The worker that makes games, run as a script in a process of its own.

Reads one JSON request a line from stdin, writes one JSON answer a line to stdout, and ends when
stdin closes, so that it never outlives its parent for longer than one game. It imports
TextWorld and the standard library alone: the generator keeps state in module globals, and a
worker must not pay for the rest of agentevo.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict


class Request(TypedDict):
    """One game to make."""

    challenge: str
    settings: dict[str, int | bool | str]
    seed: int
    objective: str | None
    """Replaces the generated goal, which would spell out the way; None keeps its last step."""
    words: dict[str, str]
    """Exchanged throughout the generated game; empty leaves it alone."""
    path: str
    """Where the game is to stand, ending in .z8; a .json goes beside it."""


def make(request: Request) -> None:
    """Generate and compile one game, then move it into place, the .z8 last."""
    import textworld.challenges
    from textworld import Game, GameOptions
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
        if request["words"]:
            game = Game.deserialize(_exchanged(game.serialize(), request["words"]))
        made = Path(compile_game(game, options))
        for suffix in (".json", ".z8"):
            made.with_suffix(suffix).replace(target.with_suffix(suffix))
    finally:
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)


def _exchanged(told: object, words: Mapping[str, str]) -> object:
    """Return a serialised game with every whole word of `words` exchanged.

    That is the logic that TextWorld plans by, the Inform 7 code that the interpreter plays, what
    is true at the start, what wins and what loses, the recipe and all other texts. The generator
    is done by then, so that what it has worked out stays right: the walkthrough, and that
    nothing is asked for that needs a BBQ where there is none.
    """
    if isinstance(told, str):
        return re.sub(r"\w+", lambda word: words.get(word[0], word[0]), told)
    if isinstance(told, list | tuple):
        return [_exchanged(part, words) for part in told]
    if isinstance(told, dict):
        return {
            key: part if key == "text_grammars_path" else _exchanged(part, words)
            for key, part in told.items()
        }
    return told


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
