"""Whether what is measured on was learned from: training tasks and lessons beside held-out tasks.

After the contamination analysis of Llama 2 (Touvron et al. 2023, arXiv 2307.09288, A.6): a word is
contaminated where it stands in a stretch of ten that was trained on, and a task is the more so the
larger the share of such words. There it is of tokens and of all pretraining data; here of the one
training task that is most like it, since worlds are put together of the same sentences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from agentevo.evaluation.attempts import by_task
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.statistics import Interval, paired_difference
from agentevo.memory import lessons
from agentevo.refinement.novelty import word_ngrams, words_of

if TYPE_CHECKING:
    from agentevo.run import Run

N_WORDS = 10  # of a stretch
CLEAN, COPIED = 0.2, 0.8  # shares of contaminated words: below the one, from the other on

Kind = Literal["clean", "partly", "copied"]
Gram = tuple[str, ...]


@dataclass(frozen=True)
class Likeness:
    """How much of a held-out task the training task says that is most like it."""

    share: float
    """Of its words, 0..1."""
    trained: str = ""
    """Id of that training task; empty where no word is said by any."""


@dataclass(frozen=True)
class Share:
    """Test tasks that are contaminated alike, and what was gained on them."""

    kind: Kind
    n: int
    plain: float | None = None
    """Mean score of the plain backbone, 0..1. None: none of them, or not all, are played."""
    shown: float | None = None
    """That of the pair whose arms are shown."""
    gain: Interval | None = None
    """Of the mean score, paired by task."""


@dataclass(frozen=True)
class Leakage:
    """How held-out tasks and what was learned from are alike."""

    n_trained: int = 0
    """Different tasks that were played in acquisition, made ones among them."""
    n_held_out: int = 0
    """Different tasks of the gate and of the test split that were played."""
    trained_on: tuple[str, ...] = ()
    """Held-out tasks that were played in acquisition, too; by id, as those below."""
    contaminated: Mapping[str, Likeness] = field(default_factory=dict)
    """The held-out tasks that are not clean, those first that are least so."""
    test: tuple[Share, ...] = ()
    lessons: Mapping[str, str] = field(default_factory=dict)
    """By id of a lesson of the pair that is shown: what it says in a held-out task's own words, and
    cannot have from where it was read."""

    @property
    def n_copied(self) -> int:
        """Test tasks that are copies of training tasks."""
        return sum(one.n for one in self.test if one.kind == "copied")


def leakage(run: Run, shown: Arm) -> Leakage:
    """Return what of the held-out tasks that were played was learned from.

    Args:
        run: open, finished or not.
        shown: the pair whose gain is reported.
    """
    trained = run.ledger.task_texts(run.id, purpose="acquisition")
    gate, test = (run.ledger.task_texts(run.id, purpose=one) for one in ("gate", "report"))
    held_out = gate | test
    if not trained or not held_out:
        return Leakage(len(trained), len(held_out))
    index, common = _indexed(trained)
    found = {name: likeness(text, index, common) for name, text in held_out.items()}
    told = {}
    if shown.memory_version:
        told = _lessons(run, shown, index.keys() | common, list(held_out.values()))
    order = sorted(found, key=lambda name: (-found[name].share, name))
    return Leakage(
        n_trained=len(trained),
        n_held_out=len(held_out),
        trained_on=tuple(sorted(trained.keys() & held_out.keys())),
        contaminated={name: found[name] for name in order if found[name].share >= CLEAN},
        test=_test(run, shown, {name: found[name].share for name in test}),
        lessons=told,
    )


def likeness(text: str, index: Mapping[Gram, Sequence[str]], common: Set[Gram]) -> Likeness:
    """Return how much of a text some training task says.

    Args:
        text: of a held-out task.
        index: the training tasks that say a stretch of words, by their ids.
        common: stretches that most of them say, which is the benchmark's way of speaking: words in
            them count neither way.
    """
    usual, said = set[int](), defaultdict[str, set[int]](set)
    for i, gram in enumerate(word_ngrams(text, N_WORDS)):
        places = range(i, i + len(gram))
        if gram in common:
            usual.update(places)
        for name in index.get(gram, ()):
            said[name].update(places)
    n_own = len(words_of(text)) - len(usual)
    shares = {name: len(places - usual) / n_own for name, places in said.items()} if n_own else {}
    most = max(sorted(shares), key=shares.__getitem__, default="")
    return Likeness(shares.get(most, 0.0), most)


def _indexed(texts: Mapping[str, str]) -> tuple[dict[Gram, list[str]], set[Gram]]:
    """Return who says which stretch of words, and apart from them those of more than half."""
    index = defaultdict[Gram, list[str]](list)
    for name, text in texts.items():
        for gram in set(word_ngrams(text, N_WORDS)):
            index[gram].append(name)
    most = max(1, len(texts) // 2)
    common = {gram for gram, names in index.items() if len(names) > most}
    return {gram: names for gram, names in index.items() if gram not in common}, common


def _test(run: Run, shown: Arm, shares: Mapping[str, float]) -> tuple[Share, ...]:
    """Return the test tasks by how contaminated they are; kinds that there are."""
    plain, own = (
        by_task(run.ledger.summaries(run.id, purpose="report", arm=arm.name))
        for arm in (Arm(0, ""), shown)
    )
    found = []
    kinds: tuple[Kind, ...] = ("clean", "partly", "copied")
    for kind in kinds:
        names = sorted(name for name, share in shares.items() if kind_of(share) == kind)
        if not names:
            continue
        if not all(name in plain and name in own for name in names):
            found.append(Share(kind, len(names)))
            continue
        before, after = ([arm[name].score for name in names] for arm in (plain, own))
        gain = paired_difference(before, after)
        found.append(Share(kind, len(names), fmean(before), fmean(after), gain))
    return tuple(found)


def kind_of(share: float) -> Kind:
    """Return what a task is called whose words are contaminated to some share."""
    return "copied" if share >= COPIED else "partly" if share >= CLEAN else "clean"


def _lessons(run: Run, shown: Arm, trained: Set[Gram], held_out: Sequence[str]) -> dict[str, str]:
    """Return lessons that say what only held-out tasks say, with the first such words."""
    told = {gram for text in held_out for gram in word_ngrams(text, N_WORDS)} - trained
    found = {}
    for lesson in lessons(run.ledger.engine, run.scope, shown.memory_version):
        own = [gram for gram in word_ngrams(lesson.text, N_WORDS) if gram in told]
        if lesson.status != "active" or not own:
            continue
        read = _read(run, set(lesson.trajectories))
        if left := [gram for gram in own if gram not in read]:
            found[lesson.id] = " ".join(left[0])
    return found


def _read(run: Run, trajectories: set[str]) -> set[Gram]:
    """Return the stretches of what was seen in some of the run's own episodes."""
    return {
        gram
        for one in run.ledger.episodes(run.id, purpose="acquisition")
        if one.id in trajectories
        for step in one.steps
        for gram in word_ngrams(step.observation, N_WORDS)
    }
