"""Words for what is counted and judged, as the command line and the reports say them."""

from __future__ import annotations

import re


def count(n: int, noun: str) -> str:
    """Return a number with its noun, such as `1 task` and `2,000 tasks`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def gate_words(kind: str) -> str:
    """Return in words what the gate was asked about, as a verdict or a phase names it."""
    found = re.fullmatch(r"(.*adoption of .+) for m(\d+)\+(.+)", kind)
    if found is None:
        return kind
    what, version, adapter = found.groups()
    old = "the plain weights" if adapter == "plain" else adapter
    return f"{what} in place of {old}{'' if version == '0' else f', with memory {version}'}"
