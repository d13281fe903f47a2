"""Working memory: a policy in words that stands in every prompt, and how a better one is found.

A searcher proposes texts and sees what each is worth where training tasks are played again with it.
Only one with more payoff than the policy in force is handed on, to the memory and its gate.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from agentevo.experience import Trajectory
from agentevo.refinement.sieve import Answer
from agentevo.strategies import configured

MAX_WORDS = 120
MAX_READ = 3  # episodes that are read for one proposal

GUIDE_SYSTEM = (
    "You write the guideline of an agent: a few sentences on how its world works and how to act in "
    "it, of use at any task there. Write the guideline alone, on one line."
)
MUTATIONS = (
    "Say it again in other words, more exactly.",
    "Make it shorter, so that only what matters is left.",
    "Add what to do first.",
    "Add what must never be done.",
    "Say how to notice a mistake, and what to do then.",
    "Say it as advice from somebody who has done this for years.",
)


@dataclass(frozen=True)
class Policy:
    """A guideline, and what it is worth."""

    text: str
    """Empty: no guideline."""
    mutation: str = ""
    """How it is rewritten, in words that evolve with it; empty where that is not used."""
    payoff: float | None = None
    """Mean score of the replays with it, 0..1. None: not measured, or all of them broke."""


Play = Callable[[Sequence[str], Sequence[int]], Awaitable[list[list[Trajectory]]]]
"""Plays each of some policies on tasks, by their numbers; returns the episodes, by policy."""


@dataclass(frozen=True)
class Ground:
    """What a searcher has to search with."""

    incumbent: str
    """The policy in force; empty: none."""
    population: tuple[Policy, ...]
    """That the last search left; its payoffs were measured on other tasks."""
    about: str
    """What the tasks are, in their own words."""
    n_tasks: int
    """Tasks that can be played again, numbered from 0."""
    play: Play
    ask: Answer
    read: Callable[[Trajectory], str]
    """Returns the transcript of an episode."""
    n_policies: int
    """Proposals at a time, or the size of the population."""
    seed: int


@dataclass(frozen=True)
class Search:
    """What a search came to."""

    best: Policy
    """The one in force, where none is worth more."""
    before: float | None
    """Payoff of the policy in force."""
    population: tuple[Policy, ...] = ()
    history: tuple[str, ...] = ()
    """What was tried and chosen, a line each."""


Searcher = Callable[[Ground], Awaitable[Search]]


def said(replies: Sequence[str]) -> list[str]:
    """Return the texts of replies, each on one line, without what introduces them; none twice."""
    found = []
    for reply in replies:
        words = reply.split()
        if words and words[0].rstrip(":").casefold() in ("guideline", "instruction"):
            words = words[1:]
        found.append(" ".join(words[:MAX_WORDS]))
    return [text for text in dict.fromkeys(found) if text]


def payoff_of(episodes: Sequence[Trajectory]) -> float | None:
    """Return the mean score of episodes, less those that broke; None: all did."""
    whole = [one.score for one in episodes if one.ending != "error"]
    return fmean(whole) if whole else None


async def measured(ground: Ground, policies: Sequence[Policy]) -> list[Policy]:
    """Return policies with their payoff on all tasks."""
    played = await ground.play([one.text for one in policies], range(ground.n_tasks))
    return [replace(one, payoff=payoff_of(own)) for one, own in zip(policies, played, strict=True)]


def worth(policy: Policy) -> float:
    """Return a policy's payoff; one that was not measured is worth less than any other."""
    return -1.0 if policy.payoff is None else policy.payoff


def _found(
    ground: Ground, before: Policy, population: Sequence[Policy], history: Sequence[str]
) -> Search:
    best = max([before, *population], key=worth)
    return Search(best, before.payoff, tuple(population), tuple(history))


def _guide(message: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": GUIDE_SYSTEM}, {"role": "user", "content": message}]


async def agent_pro(ground: Ground, depth: int = 3) -> Search:
    """Reflect on lost replays, and go on from the first new policy that pays more.

    Agent-Pro, Zhang et al. 2024 (arXiv 2402.17574): policies are verified before they are adopted,
    in a search that goes deep first.

    Args:
        ground: see `Ground`.
        depth: policies that are adopted one after the other, at most.
    """
    [best] = await measured(ground, [Policy(ground.incumbent)])
    before, history = best, list[str]()
    for level in range(1, depth + 1):
        [episodes] = await ground.play([best.text], range(ground.n_tasks))
        lost = [one for one in episodes if not one.success and one.ending != "error"]
        if not lost:
            break
        rng = random.Random(f"{ground.seed}/{level}")
        asked = []
        for number in range(ground.n_policies):
            some = rng.sample(lost, min(MAX_READ, len(lost)))
            asked.append(_guide("\n\n".join([
                ground.about, f"Guideline so far: {best.text or '(none)'}",
                *(f"Failed with it:\n{ground.read(one)}" for one in some),
                f"Proposal {number + 1}: a guideline with which these would not have failed.",
            ])))  # fmt: skip
        better = None
        for text in said(ground.ask(asked)):
            [tried] = await measured(ground, [Policy(text)])
            history.append(f"depth {level}: {worth(tried):.2f}, {worth(best):.2f} before: {text}")
            if worth(tried) > worth(best):
                better = tried
                break
        if better is None:
            break
        best = better
    return Search(best, before.payoff, (best,), tuple(history))


async def evolutionary(ground: Ground, n_rounds: int = 2) -> Search:
    """Let the fitter half of a population reproduce, by union and by change; the others vanish.

    EvolutionaryAgent, Li et al. 2024 (arXiv 2401.04620): fitness is measured anew on what is asked
    for now, so that what was fit once may vanish later.

    Args:
        ground: see `Ground`.
        n_rounds: of reproduction.
    """
    [before] = await measured(ground, [Policy(ground.incumbent)])
    population = await measured(ground, _founders(ground, ground.population))
    history = []
    for number in range(1, n_rounds + 1):
        population = sorted(population, key=worth, reverse=True)
        fit = population[: max(1, ground.n_policies // 2)]
        rng = random.Random(f"{ground.seed}/{number}")
        asked = []
        for _ in range(ground.n_policies - len(fit)):
            if len(fit) > 1 and rng.random() < 0.5:
                one, other = rng.sample(fit, 2)
                task = f"Unite these two guidelines:\n1. {one.text}\n2. {other.text}"
            else:
                task = f"{rng.choice(MUTATIONS)}\nGuideline: {rng.choice(fit).text}"
            asked.append(_guide(f"{ground.about}\n\n{task}"))
        known = {one.text for one in fit}
        born = [Policy(text) for text in said(ground.ask(asked)) if text not in known]
        population = [*fit, *await measured(ground, born)]
        top = max(population, key=worth)
        history.append(f"round {number}: best {worth(top):.2f}, {len(born)} born: {top.text}")
    return _found(ground, before, population, history)


async def promptbreeder(ground: Ground, n_rounds: int = 3) -> Search:
    """Let pairs of policies compete, the loser giving way to a changed copy of the winner.

    Promptbreeder, Fernando et al. 2023 (arXiv 2309.16797): each policy carries the words by which
    it is changed, and these are changed, too. The best one so far never gives way.

    Args:
        ground: see `Ground`.
        n_rounds: in each, every policy competes once.
    """
    [before] = await measured(ground, [Policy(ground.incumbent)])
    rng = random.Random(ground.seed)
    founders = [
        one if one.mutation else replace(one, mutation=rng.choice(MUTATIONS))
        for one in _founders(ground, ground.population)
    ]
    population, history = await measured(ground, founders), list[str]()
    for number in range(1, n_rounds + 1):
        places = list(range(len(population)))
        rng.shuffle(places)
        elite = max(places, key=lambda i: worth(population[i]))
        batch = sorted(rng.sample(range(ground.n_tasks), -(-ground.n_tasks // 2)))
        fights: list[tuple[int, int]] = []  # winner and loser
        for one, other in zip(places[::2], places[1::2], strict=False):
            texts = [population[one].text, population[other].text]
            first, second = [payoff_of(own) for own in await ground.play(texts, batch)]
            won = (-1.0 if first is None else first) >= (-1.0 if second is None else second)
            pair = (one, other) if won else (other, one)
            fights.append(pair[::-1] if pair[1] == elite else pair)
        children = await _changed(ground, population, [winner for winner, _ in fights], rng)
        for (_, loser), child in zip(fights, children, strict=True):
            if child is not None:
                [population[loser]] = await measured(ground, [child])
        top = max(population, key=worth)
        history.append(f"round {number}: best {worth(top):.2f}: {top.text}")
    return _found(ground, before, population, history)


async def _changed(
    ground: Ground, population: Sequence[Policy], winners: Sequence[int], rng: random.Random
) -> list[Policy | None]:
    """Return a changed copy of each winner, by an operator that is drawn; None: it said nothing."""
    wanted: list[str] = []
    mutations = [population[i].mutation for i in winners]
    ways = [rng.choice(("direct", "anew", "estimated", "hyper", "lamarckian")) for _ in winners]
    hyper = [n for n, way in enumerate(ways) if way == "hyper"]
    if hyper:
        replies = ground.ask([
            _guide(f"Say this differently, so that it changes a guideline for the better:\n"
                   f"{mutations[n]}") for n in hyper
        ])  # fmt: skip
        for n, reply in zip(hyper, replies, strict=True):
            mutations[n] = next(iter(said([reply])), mutations[n])
    ranked = sorted(population, key=worth)
    won = {}
    for n, way in enumerate(ways):
        if way == "lamarckian":
            [episodes] = await ground.play([population[winners[n]].text], range(ground.n_tasks))
            won[n] = next((one for one in episodes if one.success), None)
    for n, (way, i) in enumerate(zip(ways, winners, strict=True)):
        episode = won.get(n)
        if episode is not None:
            text = f"An agent did this and succeeded:\n{ground.read(episode)}\nIts guideline was:"
        elif way == "anew":
            text = "A guideline that helps with such tasks:"
        elif way == "estimated":
            listed = "\n".join(f"{k}. {one.text}" for k, one in enumerate(ranked, 1))
            text = f"Guidelines, each better than the one before:\n{listed}\nThe next one:"
        else:
            text = f"{mutations[n]}\nGuideline: {population[i].text}"
        wanted.append(f"{ground.about}\n\n{text}")
    replies = ground.ask([_guide(one) for one in wanted])
    return [
        Policy(texts[0], mutation) if (texts := said([reply])) else None
        for reply, mutation in zip(replies, mutations, strict=True)
    ]


def _founders(ground: Ground, left: Sequence[Policy]) -> list[Policy]:
    """Return the population that a search begins with: what is left, and new ones."""
    found = {one.text: one for one in left}
    found.setdefault(ground.incumbent, Policy(ground.incumbent))
    n_wanted = ground.n_policies - len(found)
    if n_wanted > 0:
        asked = [
            _guide(f"{ground.about}\n\n{MUTATIONS[i % len(MUTATIONS)]}\nA guideline that helps:")
            for i in range(n_wanted)
        ]
        for text in said(ground.ask(asked)):
            found.setdefault(text, Policy(text))
    return list(found.values())


STRATEGIES: dict[str, Searcher] = {
    "agent-pro": agent_pro,
    "evolutionary": evolutionary,
    "promptbreeder": promptbreeder,
}


def searcher(name: str) -> Searcher:
    """Return a strategy by name, such as `agent-pro` or `agent-pro:2`.

    Raises:
        ConfigError: there is no such strategy.
    """
    return configured("memory.policy", name, STRATEGIES)
