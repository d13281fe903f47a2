"""Qualitative evaluation: failures in groups that are alike, named by what tells them apart.

Case analysis as TRAN does it (Wang et al. 2023, arXiv 2310.15746), by words alone: no model is
asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agentevo.experience import Trajectory
from agentevo.memory import content_words

SMALLEST = 2  # failures that are a group
N_WORDS = 3  # of a name
N_LAST = 2  # steps that are looked at


@dataclass(frozen=True)
class Group:
    """Failures that are alike."""

    name: str
    """Their ending, and the words that most of them share and few others have."""
    n: int
    levels: tuple[int, ...]
    trajectories: tuple[str, ...]
    """Their ids; the first is the shortest, to be read first."""


def groups(trajectories: Sequence[Trajectory], most: int = 8) -> tuple[Group, ...]:
    """Return the failures of some episodes in groups, the largest first.

    Again and again the word that tells most of the failures that are left, and is rare where there
    was success, makes a group of them; what is left at the end is grouped by its ending.

    Args:
        trajectories: of any outcome.
        most: groups that are made by words.
    """
    words = {one.id: _words(one) for one in trajectories}
    left = sorted((one for one in trajectories if not one.success), key=lambda one: one.id)
    won = Counter(word for one in trajectories if one.success for word in words[one.id])
    n_won = max(1, sum(one.success for one in trajectories))
    found: list[Group] = []
    while left and len(found) < most:
        counts = Counter(word for one in left for word in words[one.id])
        telling = {word: n * (1 - won[word] / n_won) for word, n in counts.items() if n >= SMALLEST}
        if not telling or max(telling.values()) <= 0:
            break
        word = min(telling, key=lambda one: (-telling[one], one))
        own = [one for one in left if word in words[one.id]]
        found.append(_group(own, words, won, word))
        left = [one for one in left if word not in words[one.id]]
    for ending in sorted({one.ending for one in left}):
        found.append(_group([one for one in left if one.ending == ending], words, won, ""))
    return tuple(sorted(found, key=lambda one: (-one.n, one.name)))


def _group(
    own: Sequence[Trajectory], words: dict[str, set[str]], won: Counter[str], word: str
) -> Group:
    counts = Counter(w for one in own for w in words[one.id])
    shared = [w for w, n in sorted(counts.items(), key=lambda one: (-one[1], won[one[0]], one[0]))
              if 2 * n > len(own) and w != word]  # fmt: skip
    said = [word, *shared] if word else []
    endings = Counter(one.ending for one in own).most_common()
    name = endings[0][0].replace("_", " ")
    if said:
        name += f": {', '.join(said[:N_WORDS])}"
    order = sorted(own, key=lambda one: (len(one.steps), one.id))
    levels = tuple(sorted({one.difficulty for one in own}))
    return Group(name, len(own), levels, tuple(one.id for one in order))


def _words(one: Trajectory) -> set[str]:
    last = one.steps[-N_LAST:]
    text = " ".join(f"{step.action or ''} {step.observation}" for step in last)
    return {word for word in content_words(text) if not re.fullmatch(r"\d+", word)}
