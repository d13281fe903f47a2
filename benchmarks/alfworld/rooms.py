"""The 120 rooms that the package alfworld ships, and the tasks that each can be the place of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from agentevo.benchmarks.alfworld.engine import data_folder, data_module
from agentevo.benchmarks.alfworld.tasks import KINDS, LOOK

_LAMP_STANDS = ("Desk", "SideTable", "Dresser", "Shelf", "CoffeeTable", "DiningTable", "TVStand")
_N_STOVE_BURNERS = 4
_TREATMENTS = {
    3: ("Cleanable", "SinkBasin"),
    4: ("Heatable", "Microwave"),
    5: ("Coolable", "Fridge"),
}
"""Level: what the thing must be, and where it is treated."""


@dataclass(frozen=True)
class Furniture:
    """A receptacle that stands in a room."""

    id: str
    kind: str
    location: str
    """Where one stands to reach it; neighbours can share it, as in ALFWorld."""


@dataclass(frozen=True)
class Goal:
    """What is asked for."""

    kind: str
    """Of the thing, or of each of two."""
    target: str
    """The kind of receptacle that it belongs in; empty: it is to be looked at."""
    lamp: str
    """The kind of lamp to look at it under; empty: none."""


@dataclass(frozen=True)
class Room:
    """One room with its furniture, before things are placed in it."""

    number: int
    furniture: tuple[Furniture, ...]
    kinds: tuple[str, ...]
    """What things can lie about here."""
    lamps: tuple[str, ...]

    def places_for(self, kind: str) -> list[str]:
        """Return the kinds of its furniture that a thing may lie in."""
        every = sorted({one.kind for one in self.furniture})
        if kind in self.lamps:
            return [one for one in every if one in _LAMP_STANDS]
        return [one for one in every if kind in contents()[one]]


def contents() -> Mapping[str, set[str]]:
    """Return by kind of receptacle which kinds of things ALFWorld lets lie in it."""
    found: Mapping[str, set[str]] = _constants().VAL_RECEPTACLE_OBJECTS
    return found


def traits() -> Mapping[str, set[str]]:
    """Return by trait, such as `Heatable`, the kinds of things that have it."""
    found: Mapping[str, set[str]] = _constants().VAL_ACTION_OBJECTS
    return found


def openable() -> set[str]:
    """Return the kinds of furniture that close."""
    return set(_constants().OPENABLE_CLASS_LIST)


def movable() -> set[str]:
    """Return the kinds of things that can hold others; no furniture."""
    return set(_constants().MOVABLE_RECEPTACLES)


@cache
def rooms_for(level: int, *, held_out: bool) -> Mapping[int, tuple[Goal, ...]]:
    """Return the goals that a level can have, by the number of the room.

    ALFWorld held 24 of its 120 rooms out for testing; so does this.
    """
    numbers = _constants().TEST_SCENE_NUMBERS if held_out else _constants().TRAIN_SCENE_NUMBERS
    kinds_of_rooms = _constants().GOALS_VALID[KINDS[level]]
    fit = {n for kind in kinds_of_rooms for n in _constants().SCENE_TYPE[kind]}
    found = {n: tuple(_goals(room(n), level)) for n in sorted(numbers) if n in fit}
    return {n: goals for n, goals in found.items() if goals}


@cache
def room(number: int) -> Room:
    """Return a room by ALFWorld's number."""
    layouts = data_folder() / "gen" / "layouts"
    poses = json.loads((layouts / f"FloorPlan{number}-openable.json").read_text())
    named = json.loads((layouts / f"FloorPlan{number}-objects.json").read_text())
    furniture = [
        Furniture(
            id=pddl_id(key),
            kind=key.split("|")[-1 if key.endswith("Basin") else 0],
            location=pddl_id(f"loc|{round(4 * x)}|{round(4 * z)}|{turn // 90}|{tilt}"),
        )
        for key, (x, z, turn, tilt) in sorted(poses.items())
    ]
    there = {one.kind for one in furniture}
    for kind in sorted(set(named) & set(contents()) - there - movable()):
        for i in range(_N_STOVE_BURNERS if kind == "StoveBurner" else 1):
            # Its place is not on record: it gets one of its own.
            spot = f"{len(furniture):02d}.{i:02d}"
            where = pddl_id(f"loc|{50 + len(furniture)}|50|0|30")
            furniture.append(Furniture(pddl_id(f"{kind}|+00.00|+00.00|+{spot}"), kind, where))
    things = {kind for one in furniture for kind in contents()[one.kind]}
    lamps = sorted(traits()["Toggleable"] & set(named))
    return Room(number, tuple(furniture), tuple(sorted(things & set(named))), tuple(lamps))


def pddl_id(text: str) -> str:
    """Return an id of the simulator's as ALFWorld writes it in PDDL."""
    for sign, word in {"|": "bar", "+": "plus", "-": "minus", ".": "dot", ",": "comma"}.items():
        text = text.replace(sign, f"_{word}_")
    return text


def _goals(room: Room, level: int) -> list[Goal]:
    if level == LOOK:
        lamps = [one for one in room.lamps if room.places_for(one)]
        return [Goal(kind, "", lamp) for kind in room.kinds for lamp in lamps]
    trait, where = _TREATMENTS.get(level, ("", ""))
    if where and where not in {one.kind for one in room.furniture}:
        return []
    return [
        Goal(kind, target, "")
        for kind in room.kinds
        if not trait or kind in traits()[trait]
        for target in room.places_for(kind)
        if target != where and len(room.places_for(kind)) > 1  # so that it can lie elsewhere
    ]


def _constants() -> ModuleType:
    return data_module("gen/constants.py")
