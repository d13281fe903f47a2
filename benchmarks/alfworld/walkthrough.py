"""Commands that win a game, read off its problem: what must be done, and where things are.

No search: each of the six kinds of task is won by fetching the things that are wanted, treating
them on the way, and putting them where they belong.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from agentevo.benchmarks.alfworld.engine import Game, names

T = TypeVar("T")

_FACT = re.compile(r"\((\w+)((?: [^\s()]+)*)\)")
_TREATMENTS = {
    "isclean": ("CleanObject", "cleanable", "sinkbasintype"),
    "ishot": ("HeatObject", "heatable", "microwavetype"),
    "iscool": ("CoolObject", "coolable", "fridgetype"),
}
"""Wanted state: the action that brings it about, what things must be for it, where it is done."""


class _NoWay(Exception):
    """The problem asks for something that is not there, or that is not known here."""


def walkthrough(game: Game) -> list[str] | None:
    """Return commands that win the game, or None where it asks for more than is known here."""
    begin, _, goal = game.problem.lower().partition("(:goal")
    try:
        walk = _Walk(game, begin.partition("(:init")[2])
        _fulfil(walk, goal)
    except _NoWay:
        return None
    return walk.commands


def _fulfil(walk: "_Walk", goal: str) -> None:
    facts = [(predicate, arguments.split()) for predicate, arguments in _FACT.findall(goal)]
    kinds = {fact[0]: fact[1] for predicate, fact in facts if predicate == "objecttype"}
    lamps = [kinds.pop(fact[0]) for predicate, fact in facts if predicate == "istoggled"]
    places = [fact[1] for predicate, fact in facts if predicate == "receptacletype"]
    states = [_TREATMENTS[predicate] for predicate, _ in facts if predicate in _TREATMENTS]
    if "issliced" in dict(facts):
        raise _NoWay
    kind = _first(kinds.values())
    wanted = walk.find(kind, "pickupable", *(trait for _, trait, _ in states))
    if lamps:
        walk.take(_first(wanted))
        walk.use(_first(walk.find(lamps[0], "toggleable")))
        return
    target = walk.place_for(kind, _first(places))
    there = [one for one in wanted if walk.holder(one) == target]
    wanted = [one for one in wanted if one not in there]
    n_left = len(kinds) if states else len(kinds) - len(there)
    chosen = (wanted + there)[:n_left]
    if not chosen or len(chosen) < n_left:
        raise _NoWay
    for one in chosen:
        walk.take(one)
        for action, _, where in states:
            walk.treat(action, one, where)
        walk.put(one, target)


class _Walk:
    """An agent on its way: where it is, what it opened, and the commands it gave."""

    def __init__(self, game: Game, begin: str) -> None:
        self._facts: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for predicate, arguments in _FACT.findall(begin):
            self._facts[predicate].append(tuple(arguments.split()))
        facts = self._facts
        self._names = names(one for told in facts.values() for fact in told for one in fact)
        self._locations = {fact[0]: fact[1] for fact in facts["receptacleatlocation"]}
        self._holders = {fact[0]: fact[1] for fact in facts["inreceptacle"]}
        self._closed = {fact[0] for fact in facts["openable"] if fact not in facts["opened"]}
        self._here = _first(facts["atlocation"])[1]
        self._templates = {**game.templates, "GotoLocation": "go to {r}"}
        self.commands: list[str] = []

    def find(self, kind: str, *traits: str) -> list[str]:
        """Return the things of a kind that can be got at and have the traits."""
        return [
            one
            for one, its in self._facts["objecttype"]
            if its == kind
            and self._holders.get(one) in self._locations
            and all((one,) in self._facts[trait] for trait in traits)
        ]

    def holder(self, one: str) -> str:
        """Return the receptacle that a thing lies in at first."""
        return self._holders[one]

    def place_for(self, kind: str, place: str) -> str:
        """Return a receptacle of the kind `place`, which must take things of the kind `kind`."""
        if (place, kind) not in self._facts["cancontain"]:
            raise _NoWay
        return self._place(place)

    def take(self, one: str) -> None:
        """Fetch a thing."""
        place = self._holders[one]
        self._go(place, to_open=True)
        self._do("PickupObject", one, place)

    def put(self, one: str, place: str) -> None:
        """Put down what is held."""
        self._go(place, to_open=True)
        self._do("PutObject", one, place)

    def treat(self, action: str, one: str, kind: str) -> None:
        """Clean, heat or cool what is held."""
        place = self._place(kind)
        self._go(place)
        self._do(action, one, place)

    def use(self, one: str) -> None:
        """Switch a lamp on."""
        place = self._holders[one]
        self._go(place)
        self._do("ToggleObject", one, place)

    def _place(self, kind: str) -> str:
        return _first(
            one
            for one, its in self._facts["receptacletype"]
            if its == kind and one in self._locations
        )

    def _go(self, place: str, *, to_open: bool = False) -> None:
        where = self._locations[place]
        if where != self._here:  # places side by side share one: no way to go from one to the other
            self._do("GotoLocation", "", place)
        self._here = where
        if to_open and place in self._closed:
            self._do("OpenObject", "", place)
            self._closed.remove(place)

    def _do(self, action: str, one: str, place: str) -> None:
        template = self._templates[action]
        self.commands.append(template.format(o=self._names.get(one), r=self._names[place]))


def _first(some: Iterable[T]) -> T:
    for one in some:
        return one
    raise _NoWay
