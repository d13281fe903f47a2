"""Turns what the game engine prints into what an agent reads."""

import re

# The banner is made of these characters alone, and at least one of the first three.
_BANNER = re.compile(r"(?=.*[_$|])[\s_$|\\/<>-]+")
# The screen's status bar: room, then score/turns, after a prompt sign or a wide gap.
_STATUS = re.compile(r"(?:>[ \t]*|[ \t]{8,})-= [^\n]*? =-[ \t]*-?\d+/\d+[ \t]*$", re.MULTILINE)
_PROMPTS = frozenset(
    {">", "Would you like to RESTART, RESTORE a saved game, QUIT or UNDO the last command?"}
)


def clean(raw: str) -> str:
    """Return the text without banner, prompts, status bar and needless white space.

    A room's heading, `-= Kitchen =-`, stays where the game prints it as a heading. Paragraphs
    stand one blank line apart. Cleaning a clean text changes nothing.
    """
    lines = (line.strip() for line in _STATUS.sub("", raw).splitlines())
    kept = [line for line in lines if line not in _PROMPTS and not _BANNER.fullmatch(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def without_objective(text: str, objective: str) -> str:
    """Return a cleaned opening text without its first paragraph, the objective."""
    return text.removeprefix(objective).lstrip()
