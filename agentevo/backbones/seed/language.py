"""How training worlds describe themselves: the phrasings of TextWorld's own grammar.

The grammar is read from the installed `textworld` package, which only the making of the
seed backbone needs. Its sentences hold small conditions on the state of the thing that
they describe; they are settled here at every look.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

Kind = Literal["room", "container", "supporter", "door", "exit"]

_TAGS: dict[Kind, str] = {
    "room": "#dec#",
    "container": "#room_desc_(c)#",
    "supporter": "#room_desc_(s)#",
    "door": "#room_desc_(d)#",
    "exit": "#room_desc_(dir)#",
}
_VARIANTS = 600  # phrasings of each kind that are drawn once and then chosen from

_IF = re.compile(r"\[if ([^\]]*)\]((?:(?!\[if )(?!\[end if\]).)*)\[end if\]", re.DOTALL)


@cache
def _bank() -> dict[Kind, list[str]]:
    import numpy as np
    from textworld.challenges.tw_cooking import cooking
    from textworld.generator.data import KnowledgeBase
    from textworld.generator.text_grammar import Grammar, GrammarOptions

    kb = KnowledgeBase.load(logic_path=cooking.KB_LOGIC_PATH, grammar_path=cooking.KB_GRAMMAR_PATH)
    grammar: Any = Grammar(GrammarOptions(), rng=np.random.RandomState(0), kb=kb)
    return {
        kind: [str(grammar.expand(tag)) for _ in range(_VARIANTS)] for kind, tag in _TAGS.items()
    }


def phrasing(kind: Kind, rng: random.Random) -> str:
    """Return one of the grammar's phrasings for a kind of thing, with its blanks unfilled."""
    return rng.choice(_bank()[kind])


def fill(template: str, *, noun: str, adjective: str = "", direction: str = "") -> str:
    """Fill the blanks of a phrasing."""
    text = template.replace("(name-n)", noun).replace("(name-adj)", adjective or "plain")
    return text.replace("(name)", noun).replace("(dir)", direction)


def settle(text: str, *, is_open: bool | None, contents: Sequence[str]) -> str:
    """Settle the conditions in a phrasing by the state of its thing.

    Args:
        text: a filled phrasing.
        is_open: whether the thing stands open; None where it cannot be closed.
        contents: what is in or on it, with articles.
    """

    def holds(condition: str) -> bool:
        if "is locked" in condition:
            return False
        if "there is nothing" in condition:
            return not contents
        if "contains nothing" in condition:
            return bool(is_open) and not contents
        if "there is something" in condition:
            return bool(contents) and is_open is not False
        return bool(is_open)

    def choose(match: re.Match[str]) -> str:
        condition, body = match.group(1), match.group(2)
        branches = re.split(r"\[else if ([^\]]*)\]|\[otherwise\]", body)
        # re.split leaves [text, condition | None, text, ...]; None marks the last resort.
        if holds(condition):
            return str(branches[0])
        for other, branch in zip(branches[1::2], branches[2::2], strict=True):
            if other is None or holds(other):
                return str(branch)
        return ""

    while True:
        text, n = _IF.subn(choose, text)
        if not n:
            break
    listing = join(contents)
    text = re.sub(r"\[a list of things (?:in|on) the [^\]]*\]", lambda _: listing, text)
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def join(names: Sequence[str]) -> str:
    """Return `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]


def article(name: str) -> str:
    """Return the name with its indefinite article."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
