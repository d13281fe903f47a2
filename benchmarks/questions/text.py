"""Answers as text: how they are compared."""

from __future__ import annotations

import re
import string
from collections import Counter
from decimal import Decimal, InvalidOperation


def normalised(text: str) -> str:
    """Return a text without case, punctuation, articles and spare spaces.

    As the evaluation scripts of SQuAD and HotpotQA compare answers (Yang et al. 2018, arXiv
    1809.09600).
    """
    kept = "".join(one for one in text.lower() if one not in string.punctuation)
    return " ".join(word for word in kept.split() if word not in ("a", "an", "the"))


def f1(answer: str, gold: str) -> float:
    """Return the F1 of an answer's words, 0..1; yes, no and noanswer count as a whole."""
    mine, right = normalised(answer), normalised(gold)
    whole = ("yes", "no", "noanswer")
    if (mine in whole or right in whole) and mine != right:
        return 0.0
    shared = (Counter(mine.split()) & Counter(right.split())).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(mine.split()), shared / len(right.split())
    return 2 * precision * recall / (precision + recall)


def number_in(text: str) -> Decimal | None:
    """Return the last number that a text states; None: it states none."""
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+", text.replace("\u2212", "-"))
    for one in reversed(found):
        try:
            return Decimal(one.replace(",", "")).normalize()
        except InvalidOperation:
            continue
    return None


def alike(answer: str, gold: str) -> bool:
    """Return whether two short answers are the same: as numbers where both are, else as words."""
    numbers = []
    for text in (answer, gold):
        bare = text.strip().strip("$%. ").replace(",", "")
        try:
            numbers.append(Decimal(bare))
        except InvalidOperation:
            return normalised(answer) == normalised(gold)
    return numbers[0] == numbers[1]
