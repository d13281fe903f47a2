"""What a family of texts has in common: it tells one of them from no other, and is left out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\s*\n\s*")


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """Sentences and lines that stand in every text of a family. Plain data."""

    sentences: frozenset[str] = frozenset()
    """Without regard to case and spacing. Empty: nothing is known to be common."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Boilerplate":
        """Return what stands in every one of some texts; of fewer than two, nothing is known."""
        common, n = frozenset[str](), 0
        for text in texts:
            own = frozenset(map(_plain, _SENTENCE.split(text)))
            common = common & own if n else own
            n += 1
        return cls(common if n > 1 else frozenset())

    def remove_from(self, text: str) -> str:
        """Return a text without what is common.

        A text of which nothing would be left stays whole: it says of what family a query is.
        """
        if not self.sentences:
            return text
        own = [part for part in _SENTENCE.split(text) if _plain(part) not in self.sentences]
        return " ".join(own) or text


def _plain(sentence: str) -> str:
    return " ".join(sentence.casefold().split())
