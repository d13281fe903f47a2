"""Which of an agent's words reach the game, and what it reads when they do not.

The engine obeys more than the game: `undo`, `restore` and `restart` take mistakes back, `save`
and `script` write files, `quit` waits for a yes, `print_state` and `tw-…` show its inside. Two
commands in one line would take two turns in one step. All of these are answered here.
"""

import re

UNKNOWN = "That's not a verb I recognise."
NOT_ONE = "One command at a time, please."
TOO_LONG = "That is too long for a command."

_MAX_CHARS = 150  # the interpreter cuts at 198 bytes
_ENGINE_VERBS = frozenset(
    (
        *("quit", "q", "die", "restart", "undo", "save", "restore", "recording", "replay"),
        *("script", "transcript", "noscript", "unscript", "verify", "version", "notify"),
        *("superbrief", "brief", "verbose", "short", "long", "normal", "nouns", "pronouns"),
        *("print_state", "enable", "disable", "restrict"),  # TextWorld's own
    )
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # a NUL or an escape hangs the interpreter
_SEVERAL = re.compile(r"[.,;]|\b(?:and|then)\b", re.IGNORECASE)


def normalise(action: str) -> str:
    """Return the action as one line of plain characters, without a closing full stop."""
    words = " ".join(_UNPRINTABLE.sub(" ", action).split())
    return words.encode("ascii", "replace").decode().rstrip(".!; ")


def refusal(command: str) -> str | None:
    """Return what an agent reads in place of the game's answer; None if the game may answer."""
    if len(command) > _MAX_CHARS:
        return TOO_LONG
    verb = command.partition(" ")[0].lower()
    if verb in _ENGINE_VERBS or verb.startswith("tw-"):
        return UNKNOWN
    if _SEVERAL.search(command):
        return NOT_ONE
    return None
