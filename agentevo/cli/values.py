"""Option values that are more than a word: levels."""

from __future__ import annotations

import re

import typer


def parse_levels(text: str | None) -> tuple[int, ...] | None:
    """Read levels such as `1,2,5-7`; None stays None, which means all.

    Raises:
        typer.BadParameter: it is no list of levels.
    """
    if text is None:
        return None
    levels: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        if match is None:
            raise typer.BadParameter(f"{text!r} is no list of levels: write 1,2,3 or 1-3")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 1000:
            raise typer.BadParameter(f"{part.strip()!r} is no range of levels")
        levels += range(first, last + 1)
    return tuple(dict.fromkeys(levels))


LEVELS = typer.Option(None, "--levels", help="Such as 1,2,5-7. [default: all]", show_default=False)
