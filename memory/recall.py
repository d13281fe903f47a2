"""Which lessons go into a prompt: relevance, utility, diversity, a budget, and abstention.

Pure functions over arrays; no store, no model. Diversity is maximal marginal relevance
(Carbonell and Goldstein, 1998).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agentevo.memory.conflicts import contradict
from agentevo.memory.embedding import Vectors
from agentevo.memory.errors import MemoryUseError
from agentevo.memory.lesson import Lesson
from agentevo.memory.words import overlap, share_word


@dataclass(frozen=True, slots=True)
class RecallSettings:
    """How recall chooses. The defaults suit MiniLM and a memory of a few to 100,000 lessons."""

    n_lessons: int = 8
    """At most so many are chosen; 0 means recall nothing at all."""
    n_tokens: int = 256
    """The chosen lessons' texts hold at most so many tokens together."""
    n_candidates: int = 32
    """So many nearest are looked at before utility and diversity have their say."""
    abstain_below: float = 0.40
    """If the nearest lesson's similarity (-1..1) is less, nothing is recalled. With MiniLM the same
    situation in other words comes to 0.35 to 0.8, and to less in the midst of a long text."""
    doubt: float = 0.10
    """Up to so much above `abstain_below`, the query and a lesson that is near enough must have a
    word in common, too: of a thousand lessons one is often that near to a foreign question by its
    vector alone (`tests/perf/recall.py`)."""
    keep_above: float = 0.10
    """Otherwise lessons down to this similarity come too. Lower than `abstain_below`, so that
    a memory of a handful is not torn apart once one of its lessons applies."""
    keep_share: float = 0.5
    """And they must have this share (0..1) of the nearest one's similarity."""
    utility_weight: float = 0.3
    """Relevance is similarity + this x utility. Utility is -1..1, unknown is 0."""
    diversity: float = 0.2
    """0: order by relevance alone; 1: by difference from what was already chosen. It only
    orders: while count and tokens have room, nothing is left out for being alike."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict themselves."""
        if self.keep_above > self.abstain_below:
            raise MemoryUseError(
                f"keep_above ({self.keep_above}) must not exceed abstain_below "
                f"({self.abstain_below})"
            )
        for name in ("n_lessons", "n_tokens", "n_candidates"):
            if getattr(self, name) < 0:
                raise MemoryUseError(f"{name} must not be negative: {getattr(self, name)}")
        for name in ("diversity", "keep_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise MemoryUseError(f"{name} must be in 0..1: {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Withholding:
    """Leave chosen lessons out at random, so that credit can see what they did."""

    rate: float
    """Probability (0..1, less than 1) that a chosen lesson is left out. 0 in evaluation."""
    rng: np.random.Generator
    """Draws once for each chosen lesson, in their order. See `episode_rng`."""

    def __post_init__(self) -> None:
        """Refuse a rate that leaves no lesson ever."""
        if not 0 <= self.rate < 1:
            raise MemoryUseError(f"the withholding rate must be in 0..1, below 1: {self.rate}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A lesson that was near enough to be looked at."""

    lesson_id: str
    similarity: float
    """Cosine of its situation and the query (the nearest passage of it), -1..1."""
    utility: float
    """What credit knew of it, -1..1; 0 if nothing."""
    relevance: float
    """similarity + utility_weight x utility."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What recall did, as three facts that are recorded apart."""

    candidates: tuple[Candidate, ...]
    """All that were near enough, most relevant first, chosen or not."""
    injected: tuple[Lesson, ...]
    """What goes into the prompt, best first."""
    withheld: tuple[Lesson, ...]
    """What would have gone in, and was left out by the draw. Nothing takes its place."""
    propensity: float
    """Probability with which each chosen lesson was injected; 1 without withholding."""
    n_tokens: int
    """Tokens of the injected lessons."""
    abstained: bool
    """The memory has lessons, but none was near enough."""
    rivals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By id of a lesson that was chosen: those that contradict it and gave way. Under withholding
    each of them had the same chance to stand; else it is the best one, or the newest."""

    @property
    def text(self) -> str:
        """The injected lessons, one a line; empty if there are none."""
        return "\n".join(lesson.text for lesson in self.injected)


def count_words(text: str) -> int:
    """Count tokens as words between spaces, when no tokenizer is at hand."""
    return len(text.split())


def episode_rng(*key: object) -> np.random.Generator:
    """Return a random source that depends on the key alone, on any machine and in any order."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype="<u4").astype(np.uint32))


def similarities(vectors: Vectors, passages: Vectors) -> NDArray[np.float64]:
    """Return each lesson's cosine with its nearest passage of the query.

    Args:
        vectors: Of the lessons' situations, (n, d), each of length 1.
        passages: Of the query, (m, d), m > 0, each of length 1.

    Returns:
        Shape (n,), rounded to 5 places, so that the same query ranks alike in any batch.
    """
    found = (vectors @ passages.T).max(axis=1).astype(np.float64)
    rounded: NDArray[np.float64] = np.round(found, 5)
    return rounded


def choose(
    lessons: Sequence[Lesson],
    vectors: Vectors,
    similarity: NDArray[np.float64],
    *,
    passages: Sequence[str],
    utility: NDArray[np.float64],
    settings: RecallSettings,
    withholding: Withholding | None = None,
    count: Callable[[str], int] = count_words,
) -> Recalled:
    """Choose lessons for a prompt.

    Args:
        lessons: All that may be recalled, n of them.
        vectors: Of their situations, (n, d), each of length 1.
        similarity: With the query, (n,).
        passages: Of the query.
        utility: What credit knows, (n,), -1..1, 0 where unknown.
        settings: How to choose.
        withholding: The random draw; None injects all that was chosen.
        count: Counts the tokens of a text.
    """
    rate = withholding.rate if withholding else 0.0
    similarity = np.where([one.kind == "policy" for one in lessons], -2.0, similarity)
    nearest = np.lexsort((np.arange(len(lessons)), -similarity))[: settings.n_candidates]
    enough = nearest[similarity[nearest] >= settings.abstain_below].tolist()
    is_sure = len(enough) > 0 and similarity[nearest[0]] >= settings.abstain_below + settings.doubt
    if not is_sure and not any(
        share_word(one, lessons[i].text) for one in passages for i in enough
    ):
        return Recalled((), (), (), 1 - rate, 0, abstained=bool(lessons))
    least = max(settings.keep_above, settings.keep_share * float(similarity[nearest[0]]))
    near = nearest[similarity[nearest] >= least]
    relevance = similarity[near] + settings.utility_weight * utility[near]
    order = np.argsort(-relevance, kind="stable")
    near, relevance = near[order], relevance[order]
    found, worth = [lessons[i] for i in near.tolist()], utility[near].tolist()
    picked = _diverse(found, vectors[near], relevance, settings, count)
    picked, rivals = _without_rivals(picked, found, near.tolist(), worth, withholding)
    chosen = [found[i] for i in picked]
    left_out = [bool(withholding and withholding.rng.random() < rate) for _ in chosen]
    injected = tuple(one for one, out in zip(chosen, left_out, strict=True) if not out)
    return Recalled(
        candidates=tuple(
            Candidate(one.id, *facts)
            for one, *facts in zip(
                found, similarity[near].tolist(), worth, relevance.tolist(), strict=True
            )
        ),
        injected=injected,
        withheld=tuple(one for one, out in zip(chosen, left_out, strict=True) if out),
        propensity=1 - rate,
        n_tokens=sum(count(one.text) for one in injected),
        abstained=False,
        rivals=rivals,
    )


def _without_rivals(
    picked: list[int],
    lessons: Sequence[Lesson],
    born: Sequence[int],
    utility: Sequence[float],
    withholding: Withholding | None,
) -> tuple[list[int], dict[str, tuple[str, ...]]]:
    """Return positions of which no two lessons contradict each other, and who gave way to whom.

    Of equals the one that was `born` later stands.
    """
    left, rivals = list(picked), dict[str, tuple[str, ...]]()
    for n, one in enumerate(picked):
        own, later = lessons[one], [i for i in picked[n + 1 :] if i in left]
        group = [one, *(i for i in later if contradict(own, lessons[i]))]
        if one not in left or len(group) == 1:
            continue
        if withholding:
            stands = group[int(withholding.rng.integers(len(group)))]
        else:
            stands = max(group, key=lambda i: (utility[i], born[i]))
        own = lessons[stands]
        away = [i for i in group if i != stands and contradict(own, lessons[i])]
        left = [i for i in left if i not in away]
        rivals[own.id] = (*rivals.get(own.id, ()), *(lessons[i].id for i in away))
    return left, rivals


def _diverse(
    lessons: Sequence[Lesson],
    vectors: Vectors,
    relevance: NDArray[np.float64],
    settings: RecallSettings,
    count: Callable[[str], int],
) -> list[int]:
    """Return positions in the order of marginal relevance, as far as count and tokens reach.

    Two lessons are alike only as far as both their vectors and their words say so: rules of
    one kind ("fry: stove", "roast: oven") lie close together and are all wanted.
    """
    left, picked = list(range(len(lessons))), list[int]()
    alike, n_compared = [0.0] * len(lessons), [0] * len(lessons)
    cosines, room = (vectors @ vectors.T).tolist(), settings.n_tokens
    worth = ((1 - settings.diversity) * relevance).tolist()  # at most, until it is compared
    while left and len(picked) < settings.n_lessons:
        best = max(left, key=worth.__getitem__)
        if n_compared[best] < len(picked):
            for other in picked[n_compared[best] :]:
                if cosines[best][other] > alike[best]:
                    shared = overlap(lessons[best].text, lessons[other].text)
                    alike[best] = max(alike[best], min(cosines[best][other], shared))
            n_compared[best] = len(picked)
            worth[best] = (1 - settings.diversity) * relevance[best] - (
                settings.diversity * alike[best]
            )
            continue
        left.remove(best)
        size = count(lessons[best].text)
        if size <= room:
            room -= size
            picked.append(best)
    return picked
