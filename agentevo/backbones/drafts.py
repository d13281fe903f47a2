"""Guesses at how a reply goes on, from what its prompt says already (prompt lookup decoding).

Agents repeat much of what they read: names, lists, their own last thought. A guess that the
model confirms is a token that needs no call of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

LOOKS_BACK = (3, 2)  # as many last tokens are looked up, the most telling first


class Drafts:
    """A text that grows, with where its last tokens stood before."""

    def __init__(self, ids: Sequence[int]) -> None:
        """Begin with a prompt."""
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        for token in ids:
            self.append(token)

    def append(self, token: int) -> None:
        """Add the token that came next."""
        for n in LOOKS_BACK:
            if len(self._ids) >= n:
                self._after[tuple(self._ids[-n:])] = len(self._ids)
        self._ids.append(token)

    def guess(self, n_most: int) -> list[int]:
        """Return up to `n_most` tokens: what followed when the last tokens stood here before."""
        for n in LOOKS_BACK:
            at = self._after.get(tuple(self._ids[-n:]))
            if at is not None:
                return self._ids[at : at + n_most]
        return []
