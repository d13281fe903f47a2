"""Options that several commands share, and values that are more than a word: levels."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import get_args

import typer


def parse_levels(text: str | None) -> tuple[int, ...] | None:
    """Read levels such as `1,2,5-7`; None stays None, which means all.

    Raises:
        ConfigError: it is no list of levels.
    """
    from agentevo.config import ConfigError

    if text is None:
        return None
    levels: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        if match is None:
            raise ConfigError(f"{text!r} is no list of levels: write 1,2,3 or 1-3")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 1000:
            raise ConfigError(f"{part.strip()!r} is no range of levels")
        levels += range(first, last + 1)
    return tuple(dict.fromkeys(levels))


def check_choice(option: str, value: str | None, choices: object) -> None:
    """Raise ConfigError where a value is none of a Literal's; None is not checked."""
    from agentevo.config import ConfigError

    known = get_args(choices)
    if value is not None and value not in known:
        near = get_close_matches(value, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"{option} {value!r} is unknown{hint} (known: {', '.join(known)})")


LEVELS = typer.Option(None, "--levels", help="Such as 1,2,5-7.", show_default="all")
SETS = typer.Option(
    [], "--set", metavar="KEY=VALUE", help="Any setting: --set weights.rank=8. Repeatable."
)
CONFIG = typer.Option(None, "--config", help="A TOML file of settings.")
QUIET = typer.Option(False, "--quiet", "-q", help="No progress on stderr.")
