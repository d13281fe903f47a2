"""Reflection: a model looks at lessons of one kind and puts the rule behind them into words.

The reflections of Generative Agents (Park et al. 2023, arXiv 2304.03442), and what the survey calls
to integrate and abstract. Here the rule takes the place of the lessons that it says, so that the
memory becomes smaller, and the gate looks whether anything is lost by that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentevo.dialogue import prompts
from agentevo.memory import Lesson, Memory, Provenance, scan
from agentevo.memory.embedding import Vectors
from agentevo.refinement.distill import no_lesson
from agentevo.refinement.sieve import Answer
from agentevo.strategies import find

MIN_FAMILY, MAX_FAMILY = 3, 8  # lessons that are looked at together
MIN_COSINE = 0.5  # of the situations of a family, in the mean

REFLECT_SYSTEM = (
    "You read lessons that an agent noted in different episodes. Where they are cases of one rule, "
    "write that rule, in words that fit all of them and others like them, in one line:\n"
    "- When <situation>: <advice>.\n"
    "Write '- none' where no rule is behind them."
)
PROMPT_HASH = hashlib.sha256(REFLECT_SYSTEM.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Matter:
    """What is reflected on."""

    lessons: Sequence[Lesson]
    """Lessons in force that another may stand for; oldest first."""
    vectors: Vectors
    """Of their situations: float32, (n, d), each of length 1."""
    answer: Answer
    """Asks the weights in force."""


@dataclass(frozen=True)
class Rule:
    """What stands for several lessons."""

    situation: str
    advice: str
    parts: tuple[str, ...]
    """Ids of these lessons."""


@dataclass(frozen=True)
class Reflection:
    """What came of reflecting."""

    rules: tuple[Rule, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    """What was said and not taken, each with the reason."""


Reflector = Callable[[Matter], Reflection]


def abstract(matter: Matter) -> Reflection:
    """Ask, for every family of lessons, for the one rule that is behind them."""
    groups = families(matter.lessons, matter.vectors)
    asked = [
        [
            {"role": "system", "content": REFLECT_SYSTEM},
            {"role": "user", "content": "\n".join(f"- {one.text}." for one in family)},
        ]
        for family in groups
    ]
    rules: list[Rule] = []
    refused: list[tuple[str, str]] = []
    for family, reply in zip(groups, matter.answer(asked) if asked else [], strict=True):
        said = prompts.parse_lessons(reply)
        if not said:
            refused.append((reply.strip()[:200], "no rule"))
            continue
        situation, advice = said[0]
        text = prompts.lesson_line(situation, advice)
        if why := _no_rule(situation, advice, family):
            refused.append((text, why))
        else:
            rules.append(Rule(situation, advice, tuple(one.id for one in family)))
    return Reflection(tuple(rules), tuple(refused))


def families(lessons: Sequence[Lesson], vectors: Vectors) -> list[list[Lesson]]:
    """Return lessons whose situations are alike, in groups worth a rule.

    Agglomerative clustering with the mean of cosines as linkage.
    """
    if len(lessons) < MIN_FAMILY:
        return []
    from sklearn.cluster import AgglomerativeClustering

    clusters = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - MIN_COSINE
    ).fit_predict(vectors)
    groups: dict[int, list[Lesson]] = {}
    for lesson, cluster in zip(lessons, clusters.tolist(), strict=True):
        groups.setdefault(cluster, []).append(lesson)
    return [some[:MAX_FAMILY] for some in groups.values() if len(some) >= MIN_FAMILY]


def _no_rule(situation: str, advice: str, family: Sequence[Lesson]) -> str:
    """Return why what was said cannot stand for a family, or nothing."""
    text = prompts.lesson_line(situation, advice)
    if why := no_lesson(situation, advice):
        return why
    if found := scan(text):
        return f"suspicious: {found[0]}"
    if len(text.split()) >= sum(len(one.text.split()) for one in family):
        return "it is no shorter than what it is to stand for"
    return ""


def stand_in(memory: Memory, rules: Sequence[Rule], *, generation: int, distiller: str) -> int:
    """Let rules stand for the lessons that they are made of; return the memory's version.

    May be done again after it was cut short: what was written is not written twice.
    """
    who = f"generation {generation}"
    for rule in rules:
        source = Provenance(distiller, (), generation=generation, prompt_hash=PROMPT_HASH)
        lesson = Lesson(rule.situation, rule.advice, memory.scope, (source,))
        same = (
            one for one in memory.lessons
            if one.status == "active" and one.content_key == lesson.content_key
        )  # fmt: skip
        kept = next(same, None)
        if kept is None:
            [written] = memory.insert(
                [lesson], who=who, why="the rule behind several lessons", gated=True, apart=True
            )
            kept = written.lesson
        for name in rule.parts:
            if name != kept.id and memory.get(name).status == "active":
                memory.merge(name, kept.id, who=who, why="a case of the rule")
    return memory.version


STRATEGIES: dict[str, Reflector] = {"abstract": abstract}


def reflector(name: str) -> Reflector:
    """Return a strategy by name.

    Raises:
        ConfigError: there is no such strategy.
    """
    return find("memory.reflect", name, STRATEGIES)
