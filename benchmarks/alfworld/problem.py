"""Writes a room, what lies in it, and a goal as a planning problem of ALFWorld's domain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentevo.benchmarks.alfworld import rooms
from agentevo.benchmarks.alfworld.rooms import Furniture, Room

_START = rooms.pddl_id("loc|99|99|0|30")
"""Where an agent stands at first: away from all furniture."""

# Of these the domain's actions speak, so that every problem must know them.
_PLACES = {"SinkBasin", "Microwave", "Fridge"}
_KNIVES = {"Knife", "ButterKnife"}

_TRAITS = ("Cleanable", "Heatable", "Coolable", "Sliceable")


@dataclass(frozen=True)
class Thing:
    """An object, and what it lies in at first."""

    id: str
    kind: str
    holder: Furniture


def write(room: Room, things: Sequence[Thing], goal: str) -> str:
    """Return the problem in PDDL.

    Args:
        room: The room.
        things: What lies in it.
        goal: The goal's text as alfworld has it, which also closes the problem.
    """
    objects = "\n".join(_objects(room, things))
    facts = "\n".join(f"({fact})" for fact in _facts(room, things))
    head = "(define (problem generated)\n(:domain alfred)"
    return f"{head}\n(:objects\n{objects})\n(:init\n{facts})\n{goal}"


def _objects(room: Room, things: Sequence[Thing]) -> Iterator[str]:
    yield "agent1 - agent"
    for where in sorted({_START, *(one.location for one in room.furniture)}):
        yield f"{where} - location"
    for kind in sorted(_PLACES.union(one.kind for one in room.furniture)):
        yield f"{kind}Type - rtype"
    for kind in sorted(_KNIVES.union(thing.kind for thing in things)):
        yield f"{kind}Type - otype"
    for one in room.furniture:
        yield f"{one.id} - receptacle"
    for thing in things:
        yield f"{thing.id} - object"


def _facts(room: Room, things: Sequence[Thing]) -> Iterator[str]:
    yield f"atLocation agent1 {_START}"
    kinds = {thing.kind for thing in things}
    for place in sorted({one.kind for one in room.furniture}):
        for kind in sorted(kinds & rooms.contents()[place]):
            yield f"canContain {place}Type {kind}Type"
    for one in room.furniture:
        yield f"receptacleType {one.id} {one.kind}Type"
        yield f"receptacleAtLocation {one.id} {one.location}"
        if one.kind in rooms.openable():
            yield f"openable {one.id}"
    for thing in things:
        yield f"objectType {thing.id} {thing.kind}Type"
        yield f"inReceptacle {thing.id} {thing.holder.id}"
        yield f"objectAtLocation {thing.id} {thing.holder.location}"
        for trait in _traits(thing.kind):
            yield f"{trait} {thing.id}"


def _traits(kind: str) -> Iterator[str]:
    yield "toggleable" if kind in rooms.traits()["Toggleable"] else "pickupable"
    if kind in rooms.movable():
        yield "isReceptacleObject"
    for trait in _TRAITS:
        if kind in rooms.traits()[trait]:
            yield trait.lower()
