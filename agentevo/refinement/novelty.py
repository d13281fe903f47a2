"""How much one text says again what another says."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_WORDS = 400  # of a text that is compared; what is more is cut off


def words_of(text: str) -> list[str]:
    """Return a text's words without case and punctuation, as ROUGE-L compares them."""
    return re.findall(r"\w+", text.casefold())


def word_ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """Return all stretches of n words of a text in their order, without case and punctuation.

    Of a text with fewer words it is the whole, if it has any.
    """
    words = words_of(text)
    return [tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1))] if words else []


def rouge_l(a: Sequence[str], b: Sequence[str]) -> float:
    """Return ROUGE-L, the F1 of the longest common subsequence of two lists of words.

    Lin 2004, ROUGE, ACL workshop Text Summarization Branches Out.

    Returns:
        0..1; 0 where either is empty.
    """
    first, second = a[:MAX_WORDS], b[:MAX_WORDS]
    if not first or not second:
        return 0.0
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for j, other in enumerate(second, 1):
            above = row[j]
            row[j] = diagonal + 1 if word == other else max(above, row[j - 1])
            diagonal = above
    return 2 * row[-1] / (len(first) + len(second))
