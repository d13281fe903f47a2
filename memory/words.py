"""The words of a lesson that carry meaning, and when two lessons say the same with them.

Sentence embeddings put "fry: use the stove" beside "roast: use the oven". Words tell them
apart, so nothing is merged on a vector's word alone.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")


def _set(words: str) -> frozenset[str]:
    """Return the words between spaces."""
    return frozenset(words.split())


# Words that change a lesson's meaning though they are short and common.
_LOGIC = _set(
    """not no never nor none without unless except only or and either both before after until
    instead avoid dont cannot cant stop first last then than more less always if
    off out up down from into onto"""
)

# Words that two wordings of one lesson differ in.
_EMPTY = _set(
    """a an the this that these those it its he she they them their there here you your we our i
    is are was were be been being am do does did doing done has have had having will would shall
    should must can could may might of to in on at by for with as so when whenever
    while where what which who whom whose please just simply also very really any some something
    anything thing things item items say says said ask asks asked tell tells told want wants wanted
    need needs needed require requires required"""
)

_NEGATED = _set(
    """don't doesn't didn't can't won't isn't aren't wasn't shouldn't mustn't couldn't wouldn't
    haven't hasn't hadn't needn't"""
)


@lru_cache(maxsize=20_000)
def content_words(text: str) -> tuple[str, ...]:
    """Return the meaningful words of a text in their order, in a plain form.

    Words of logic ("not", "before", "or") and numbers count as meaningful; articles,
    auxiliaries and words such as "says" or "something" do not.
    """
    found = []
    for match in _WORD.findall(text.casefold()):
        word = match.replace("\u2019", "'")
        if word in _NEGATED:
            found.append("not")
        elif word in _LOGIC:
            found.append(word)
        elif word not in _EMPTY:
            stem = _stem(word.split("'")[0])
            found.append(word if stem in _LOGIC else stem)  # a note is no "not"
    return tuple(found)


def _stem(word: str) -> str:
    """Cut plural and verb endings, so that "frying" and "fries" meet "fry"."""
    if word.isdigit() or len(word) < 4:
        return word
    for ending, rest in (("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ing", ""), ("ed", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            word = word[: -len(ending)] + rest
            break
    else:
        if word.endswith("s") and not word.endswith(("ss", "us", "is")):
            word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


@lru_cache(maxsize=20_000)
def _word_set(text: str) -> frozenset[str]:
    """Return the content words of a text, each once."""
    return frozenset(content_words(text))


def overlap(first: str, second: str) -> float:
    """Return the Jaccard overlap (0..1) of the content words of two texts."""
    one, two = _word_set(first), _word_set(second)
    n_shared = len(one & two)
    n_all = len(one) + len(two) - n_shared
    return n_shared / n_all if n_all else 1.0


def share_word(first: str, second: str) -> bool:
    """Whether two texts have a content word in common."""
    return not _word_set(first).isdisjoint(_word_set(second))


def agree(first: str, second: str, *, share: float) -> bool:
    """Whether two texts say the same, as far as their content words show.

    The content words of one must be, in the same order, among those of the other; what is
    left over must hold no word of logic and no number, and the shorter must be at least
    `share` (0..1) of the longer. A word exchanged for another is a difference, always.
    """
    short, long = sorted((content_words(first), content_words(second)), key=len)
    if not short:
        return not long
    left = _left_over(short, long)
    if left is None or len(short) < share * len(long):
        return False
    return not any(word in _LOGIC or any(map(str.isdigit, word)) for word in left)


def _left_over(short: Sequence[str], long: Sequence[str]) -> list[str] | None:
    """Return the words of `long` beyond `short`, or None if `short` is no subsequence."""
    left, at = [], 0
    for word in long:
        if at < len(short) and word == short[at]:
            at += 1
        else:
            left.append(word)
    return left if at == len(short) else None
