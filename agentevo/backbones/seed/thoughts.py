"""What thoughts are made of: pieces of text, each with the name of its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Pieces = list[tuple[str, str]]
"""Parts of a text with their kinds, which `samples.WEIGHTS` weighs."""


def note(label: str, items: Sequence[str], kind: str = "notes") -> Pieces:
    """Return a list under its label, or nothing where the list is empty."""
    return [(f" {label} {', '.join(items)};", kind)] if items else []


def numbered(items: Mapping[int, str] | Sequence[str]) -> list[str]:
    """Return items with their numbers before them, which they keep while the list is shortened.

    Copying goes from number to number. Without numbers it goes on from the last few words, which
    are the same for `chop red onion` and `fry red onion`.
    """
    pairs = items.items() if isinstance(items, Mapping) else enumerate(items, 1)
    return [f"{number} {item}" for number, item in pairs]


def got(item: str, left: Sequence[str]) -> Pieces:
    """Return what was just taken, and the list of what is still to be fetched without it."""
    return [*note("got", [item], "found"), *note("get", left, "found")]


def decided(word: str, rest: str = "", before: Pieces | None = None) -> Pieces:
    """Return a conclusion that begins with what decides it, after what led to it."""
    pieces = list(before or [])
    if pieces:
        pieces.append((",", "conclusion"))
    pieces.append((f" {word}", "decision"))
    if rest:
        pieces.append((f" {rest}", "conclusion"))
    return pieces


def surveyed(furniture: Sequence[tuple[str, bool, bool]]) -> Pieces:
    """Return what stands in a room and what of it is closed.

    Args:
        furniture: names, whether each is taken for closed, and whether saying so is blind.
    """
    pieces: Pieces = []
    for number, (name, is_closed, is_blind) in enumerate(furniture, 1):
        kind = "slip" if is_blind else "found"
        pieces.append((f"{',' if pieces else ' see'} {number} {name}", kind))
        pieces.append((" closed" if is_closed else " no", "slip" if is_blind else "decision"))
    return [*pieces, (";", "found")] if pieces else []
