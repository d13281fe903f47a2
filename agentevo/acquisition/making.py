"""Tasks that a model makes: new ones like those there are, harder ones, and ones out of texts.

The leaves knowledge-free and knowledge-based of task evolution in the survey (arXiv 2404.14387),
for benchmarks of questions. Whatever is refused is kept with the reason. Where the tasks are
written down, and how they are played, is in `made_tasks`.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentevo.benchmarks.questions.text import normalised, number_in
from agentevo.refinement.novelty import rouge_l, words_of

if TYPE_CHECKING:
    from agentevo.refinement.sieve import Answer

N_SHOTS = 8  # instructions that a prompt shows, as in Self-Instruct
N_OWN_SHOTS = 2  # of these, made ones
N_BARREN = 3  # replies in a row that bring nothing new, after which no more are asked for
N_WORDS = (3, 150)  # of an instruction
N_REFUSAL = 80  # words; a longer text that says sorry is none
N_SHORT = 12  # words of an answer that is taken from a document
NO_GAIN = 0.95  # ROUGE-L above which a rewriting says the same
BEST_SCORE = 5
BACK_TRANSLATED = "back-translated"

NEW = (
    "You write tasks for somebody who only reads and writes text. Go on with the numbered list: "
    "write more tasks of its kind, each different in what it asks, one a line, with its number."
)
REWRITE = (
    "You rewrite a prompt. {} The rewritten prompt must make sense by itself and be answerable. "
    "Write the rewritten prompt and nothing else."
)
ASK = (
    "You are shown a text that somebody wrote as an answer. Write the one question or instruction "
    "that it answers, and nothing else."
)
SCORE = (
    "You are shown an instruction and an answer to it. Score from 1 (it misses the instruction) "
    "to 5 (it is right, whole, and to the point) how well it answers. Write one line, 'Score: N'."
)
READ = (
    "You write a question on a text for somebody who cannot see the text. It must be clear by "
    "itself, and its answer be a few words that stand in the text. Write two lines:\n"
    "Question: the question\n"
    "Answer: the words of the text"
)
OPERATORS = {
    "constrain": "Add one more constraint or requirement to the given prompt.",
    "deepen": "Ask deeper: let the given prompt go further into what it is about.",
    "concretise": "Replace general notions of the given prompt by more special ones.",
    "reason": "Change the given prompt so that more steps of reasoning are needed.",
    "complicate": "Give the given prompt an input to work on: data, a table, code or a formula.",
    "broaden": "Make a new prompt of the same field as the given prompt, on a rarer matter.",
}
"""What is asked of a rewriting; the last goes in breadth, the others in depth."""

_ITEM = re.compile(r"^[ \t]*\d+[.):][ \t]+", re.MULTILINE)
_OUTSIDE = re.compile(
    r"\b(?:images?|pictures?|photos?|graphs?|plots?|diagrams?|flow ?charts?|maps?|files?|"
    r"videos?|audio|draw|go to)\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\bsorry\b|\bas an ai\b|\bi (?:cannot|can['\u2019]?t|can not|won['\u2019]?t|am unable to|"
    r"am not able to) (?:help|assist|comply|fulfil|provide|create|write|generate|do|rewrite)\b",
    re.IGNORECASE,
)
_LEAKED = re.compile(r"\b(?:given|rewritten|created|new)[ _]prompt\b", re.IGNORECASE)
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be been but by can could did do does for from had has have he her his
        how i if in into is it its me my no not of on or our she should so than that the their them
        then there these they this those to was we were what when where which who why will with
        would you your""",
    )
)
_SCORED = re.compile(r"score(?:[^:\n]*:)?\W*([1-4](?:\.\d+)?|5(?:\.0+)?)\b(?!\.?\d)", re.IGNORECASE)
_ONLY_SCORE = re.compile(r"\W*([1-5])(?:\s*/\s*5)?\W*")
_PAIR = re.compile(
    r"Question:[\s*]*(.+?)[\s*]*^\W*Answer:[ \t*]*([^\s*][^\n]*)", re.DOTALL | re.MULTILINE
)
_NUMBER = re.compile(r"(?<![\w.,/:-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w/]|[.,:-]\d)")


@dataclass(frozen=True)
class Made:
    """A task that was made.

    Raises:
        ValueError: it has no source.
    """

    question: str
    answer: str | None
    """None: nobody knows it, and what is answered is not judged."""
    source: str
    """Where it comes from: the id of a seed task or of a document's chunk; never empty."""
    how: str
    """Which way of making brought it."""
    parents: tuple[str, ...] = ()
    """Ids of the tasks that it was made from."""

    def __post_init__(self) -> None:
        """See that it has a source."""
        if not self.source:
            raise ValueError(f"a made task has no source: {self.question!r}")


@dataclass(frozen=True)
class Making:
    """What a way of making brought."""

    made: tuple[Made, ...]
    refused: tuple[tuple[str, str], ...]
    """(text, reason); where it was made from something, the reason begins with that one's id."""
    n_calls: int
    """Dialogues that the model was asked to go on with."""


def self_instruct(
    pool: Sequence[str], answer: Answer, rng: random.Random, *, n: int, at_most: float = 0.7
) -> Making:
    """Return new tasks that are like those of a pool in kind, and like none in words.

    Self-Instruct, Wang et al. 2022 (arXiv 2212.10560). A task's parents are those that its prompt
    showed, `pool#I` and `made#I` by their place from 0 on; its source is the one of the pool's
    among them that it is likest to.

    Args:
        pool: the seed tasks' words.
        answer: asks the model.
        rng: draws what is shown.
        n: tasks wanted; fewer come where the model has nothing new to say.
        at_most: ROUGE-L, 0..1, below which a task stays to each of the pool and each made one.

    Raises:
        ValueError: the pool is empty.
    """
    if not pool:
        raise ValueError("there is no seed task to begin with")
    known = {f"pool#{i}": text for i, text in enumerate(pool)}
    made: list[Made] = []
    refused: list[tuple[str, str]] = []
    n_calls = n_barren = 0
    while len(made) < n and n_barren < N_BARREN:
        shown = _shots(len(pool), len(made), rng)
        (reply,) = _replies(answer, [(NEW, _numbered([known[name] for name in shown]))])
        n_calls, n_before = n_calls + 1, len(made)
        for text in _listed(reply):
            why = _unfit(text) or _outside(text) or _too_like(text, known, at_most)
            if why or len(made) == n:
                refused.append((text, why or "there are enough"))
                continue
            seeds = [name for name in shown if name.startswith("pool")]
            likest = max(seeds, key=lambda name: _likeness(text, known[name]))
            known[f"made#{len(made)}"] = text
            made.append(Made(text, None, likest, "self-instruct", tuple(shown)))
        n_barren = n_barren + 1 if len(made) == n_before else 0
    return Making(tuple(made), tuple(refused), n_calls)


def evolved(questions: Sequence[tuple[str, str]], answer: Answer, rng: random.Random) -> Making:
    """Return questions rewritten to be harder, or rarer; what fails stays as it was, refused.

    Evol-Instruct of WizardLM, Xu et al. 2023 (arXiv 2304.12244), which looks for a refusal in the
    answer to the rewriting; here nothing is answered yet, and it is looked for in the rewriting.

    Args:
        questions: (id, text).
        answer: asks the model.
        rng: draws what is asked of each rewriting.
    """
    drawn = [rng.choice(list(OPERATORS)) for _ in questions]
    asked = [
        (REWRITE.format(OPERATORS[name]), f"Given prompt:\n{text}")
        for name, (_, text) in zip(drawn, questions, strict=True)
    ]
    made: list[Made] = []
    refused: list[tuple[str, str]] = []
    replies = _replies(answer, asked)
    for name, (parent, old), new in zip(drawn, questions, replies, strict=True):
        if why := eliminated(old, new):
            refused.append((new, f"{parent}: {why}"))
        else:
            made.append(Made(new, None, parent, f"evolved, {name}", (parent,)))
    return Making(tuple(made), tuple(refused), len(asked))


def eliminated(old: str, new: str) -> str:
    """Return why a rewriting is no step on from what it rewrites; empty: it is one."""
    if not set(words_of(new)) - _STOP_WORDS:
        return "it has nothing but stop words"
    if (found := _LEAKED.search(new)) and not _LEAKED.search(old):
        return f"it has words of the prompt: {found[0].casefold()}"
    if _refuses(new):
        return "it is a refusal"
    return "it adds nothing" if _likeness(old, new) > NO_GAIN else ""


def back_translated(
    texts: Sequence[tuple[str, str]], answer: Answer, *, least: float = 0.8
) -> Making:
    """Return tasks whose answers are given texts, unchanged, with questions that they answer.

    Instruction Backtranslation, Li et al. 2023 (arXiv 2308.06259): the model that writes a
    question also scores the pair, from 1 to 5.

    Args:
        texts: (id, text).
        answer: asks the model.
        least: share of the best score, 0..1, that a pair has; 0.8 refuses what is below 4.
    """
    refused: list[tuple[str, str]] = []
    pairs: list[tuple[str, str, str]] = []
    replies = _replies(answer, [(ASK, text) for _, text in texts])
    for (name, text), reply in zip(texts, replies, strict=True):
        question = reply.removeprefix("Question:").strip()
        if why := _unfit(question):
            refused.append((question, f"{name}: {why}"))
        else:
            pairs.append((name, question, text))
    scores = _replies(answer, [(SCORE, f"Instruction: {q}\n\nAnswer: {t}") for _, q, t in pairs])
    made: list[Made] = []
    for (name, question, text), reply in zip(pairs, scores, strict=True):
        score = _score(reply)
        if score is not None and score / BEST_SCORE >= least:
            made.append(Made(question, text, name, BACK_TRANSLATED))
        else:
            why = "it has no score" if score is None else f"its score is {score:g}"
            refused.append((question, f"{name}: {why}"))
    return Making(tuple(made), tuple(refused), len(texts) + len(pairs))


def masked_backward(question: str, gold: str, *, source: str = "") -> Made | None:
    """Return a question with a number left open, to be found from the answer; no model is asked.

    FOBAR as in MetaMath, Yu et al. 2023 (arXiv 2309.12284). The first number is left open that
    stands in the question once and is not the answer, or else the new question would tell it.

    Args:
        question: states numbers in digits.
        gold: its right answer.
        source: id of the question; empty: its own words name it.

    Returns:
        None where the answer states no number, no number can be left open, or X is taken.
    """
    found = list(_NUMBER.finditer(question))
    counts = Counter(number_in(one[0]) for one in found)
    open_ = [one for one in found if counts[number_in(one[0])] == 1
             and number_in(one[0]) != number_in(gold)]  # fmt: skip
    if number_in(gold) is None or not open_ or re.search(r"\bX\b", question):
        return None
    start, end = open_[0].span()
    text = (
        f"{question[:start]}X{question[end:]}\n"
        f"The answer to this is {gold}. What number is X? Answer with the number alone."
    )
    name = source or question
    return Made(text, open_[0][0], name, "masked-backward", (name,))


def from_documents(
    chunks: Sequence[tuple[str, str]], answer: Answer, rng: random.Random, *, n: int
) -> Making:
    """Return questions on chunks of documents, whose answers' words stand in their chunk.

    The knowledge-based leaf of the survey (arXiv 2404.14387) with unstructured knowledge. Chunks
    that were asked least are asked first, so that each is used before one is used again.

    Args:
        chunks: (id, text); the id is the source of the task.
        answer: asks the model.
        rng: draws among chunks that were asked as often.
        n: tasks wanted; the model is asked for twice as many at most.
    """
    made: list[Made] = []
    refused: list[tuple[str, str]] = []
    n_asked: Counter[str] = Counter()
    known: defaultdict[str, list[str]] = defaultdict(list)
    while chunks and len(made) < n and n_asked.total() < 2 * n:
        drawn = sorted(rng.sample(chunks, len(chunks)), key=lambda one: n_asked[one[0]])
        some = drawn[: min(n - len(made), 2 * n - n_asked.total())]
        n_asked.update(name for name, _ in some)
        asked = [(READ, _on_chunk(text, known[name])) for name, text in some]
        for (name, text), reply in zip(some, _replies(answer, asked), strict=True):
            pair = _PAIR.search(reply)
            question, said = (pair[1], pair[2].strip()) if pair else (reply, "")
            if why := _unfounded(question, said, text, known[name]):
                refused.append((question, f"{name}: {why}"))
                continue
            known[name].append(question)
            made.append(Made(question, said, name, "from a document"))
    return Making(tuple(made), tuple(refused), n_asked.total())


def _replies(answer: Answer, asked: Sequence[tuple[str, str]]) -> list[str]:
    dialogues = [
        [{"role": "system", "content": system}, {"role": "user", "content": message}]
        for system, message in asked
    ]
    return [reply.strip() for reply in answer(dialogues)] if dialogues else []


def _shots(n_pool: int, n_made: int, rng: random.Random) -> list[str]:
    own = rng.sample(range(n_made), min(N_OWN_SHOTS, n_made))
    seeds = rng.sample(range(n_pool), min(N_SHOTS - len(own), n_pool))
    names = [f"pool#{i}" for i in seeds] + [f"made#{i}" for i in own]
    rng.shuffle(names)
    return names


def _numbered(texts: Sequence[str]) -> str:
    return "\n".join(f"{i}. {' '.join(text.split())}" for i, text in enumerate(texts, 1))


def _listed(reply: str) -> list[str]:
    items = _ITEM.split(reply)[1:]
    return [" ".join(item.strip().split("\n\n")[0].split()) for item in items]


def _likeness(one: str, other: str) -> float:
    return rouge_l(words_of(one), words_of(other))


def _refuses(text: str) -> bool:
    return bool(_REFUSAL.search(text)) and len(text.split()) < N_REFUSAL


def _unfit(text: str) -> str:
    if _refuses(text):
        return "it is a refusal"
    n = len(text.split())
    return "" if N_WORDS[0] <= n <= N_WORDS[1] else f"its length is {n} words"


def _outside(text: str) -> str:
    found = _OUTSIDE.search(text)
    return f"it points outside of text: {found[0].casefold()}" if found else ""


def _too_like(text: str, known: Mapping[str, str], at_most: float) -> str:
    for name, other in known.items():
        if (likeness := _likeness(text, other)) >= at_most:
            return f"its ROUGE-L to {name} is {likeness:.2f}"
    return ""


def _score(reply: str) -> float | None:
    if found := _SCORED.findall(reply):
        return float(found[-1])
    alone = _ONLY_SCORE.fullmatch(reply)
    return float(alone[1]) if alone else None


def _on_chunk(text: str, known: Sequence[str]) -> str:
    asked = "".join(f"\n- {one}" for one in known)
    return f"Text:\n{text}" + (f"\n\nAsk for something else than:{asked}" if known else "")


def _unfounded(question: str, said: str, text: str, known: Sequence[str]) -> str:
    words = normalised(said).split()
    if not words:
        return "it is no question with an answer"
    if len(words) > N_SHORT:
        return f"its answer has {len(words)} words"
    if not set(words) <= set(normalised(text).split()):
        return "its answer does not stand in the text"
    if any(_likeness(question, one) > NO_GAIN for one in known):
        return "it was asked before"
    return _unfit(question)
