"""Draws training worlds: their map, furniture, laws, and what is to be made of what."""

from __future__ import annotations

import random
from dataclasses import dataclass

from agentevo.backbones.seed import words
from agentevo.backbones.seed.language import Kind, fill, phrasing
from agentevo.backbones.seed.world import (
    OPPOSITE,
    Door,
    Exit,
    Fixture,
    Law,
    Need,
    Room,
    Thing,
    World,
)

DIRECTIONS = ("north", "south", "east", "west")
_STEP = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}


@dataclass(frozen=True)
class Size:
    """How large a world is to be."""

    n_rooms: int
    n_needs: int
    p_step: float
    """Chance that a need has one, or another, step to be done."""
    p_done: float
    """Chance that a step is done already."""


def draw_size(rng: random.Random) -> Size:
    """Draw the size of a world: half of them are one room."""
    n_rooms = rng.choice([1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 8, 10, 12])
    n_needs = rng.choice([1, 1, 2, 3]) if n_rooms < 7 else rng.choice([1, 2, 3])
    return Size(n_rooms, n_needs, rng.choice([0.3, 0.8, 0.9]), rng.choice([0.0, 0.0, 0.3, 1.0]))


def draw_world(rng: random.Random, size: Size | None = None) -> World:
    """Draw a world."""
    size = size or draw_size(rng)
    rooms = _map(rng, size.n_rooms)
    home = rng.choice(rooms)
    fixtures = _furnish(rng, rooms, home)
    laws, tools = _laws(rng, rooms, home, fixtures)
    spots = [f.contents for room in rooms for f in room.fixtures] + [room.floor for room in rooms]
    home_spots = [f.contents for f in home.fixtures]
    names: set[str] = {*tools, *(f.name for f in fixtures)}
    needs = _needs(rng, size, laws, names, spots, home_spots)
    _scatter(rng, size, laws, names, spots, needs)
    document = rng.choice(words.DOCUMENTS)
    rng.choice([f.contents for f in home.fixtures if f.is_open] or [home.floor]).append(
        Thing(document)
    )
    wanted = {
        laws[verb].instrument
        for need in needs
        for verb in need.verbs
        if laws[verb].participle not in need.thing.states
    }
    for tool in tools:
        if tool not in wanted and rng.random() < 0.5:
            continue  # nobody needs it: it need not be there
        spot = rng.choice(home_spots if rng.random() < 0.75 else spots)
        spot.append(Thing(tool))
    for spot in spots:
        rng.shuffle(spot)
    plan, product = rng.choice(words.PLANS), rng.choice(words.PRODUCTS)
    return World(
        rooms=rooms, here=rng.choice(rooms), home=home, document=document, plan=plan,
        parts=rng.choice(words.PARTS), make=rng.choice(words.MAKE), product=product,
        ending=rng.choice(words.ENDINGS), laws=laws, needs=needs,
        instruction=_instruction(rng, document, home.name, plan, product),
        title=_title(rng, document),
        praise=rng.choice(["", f"{rng.choice(words.PRAISES)} "]),
        says_past=rng.random() < 0.6, refusal=rng.choice(words.REFUSALS),
    )  # fmt: skip


def _title(rng: random.Random, document: str) -> str:
    if rng.random() < 0.4:
        return document
    subject = rng.choice([*words.ROOMS, *words.NOUNS]).capitalize()
    rest = rng.choice(["A Modern Approach", "The Whole Story", "A Short Guide", "All You Need"])
    edition = f" ({rng.randint(1, 9)}{rng.choice(['st', 'nd', 'rd', 'th'])} Ed.)"
    return f'copy of "{subject}: {rest}{rng.choice(["", edition])}"'


def _instruction(rng: random.Random, document: str, room: str, plan: str, product: str) -> str:
    opener = rng.choice(["You are hungry!", "There is work to do!", "Good day!"])
    adjective = rng.choice(words.PRAISES)
    closing = rng.choice([f"enjoy your {product}", "finish the job", f"see to the {product}"])
    return (
        f"{opener} Let's {rng.choice(['cook', 'make', 'build'])} a {adjective} {product}. "
        f"Check the {document} in the {room} for the {plan}. Once done, {closing}!"
    )


def _map(rng: random.Random, n_rooms: int) -> list[Room]:
    names = rng.sample(words.ROOMS, n_rooms)
    at: dict[tuple[int, int], Room] = {}
    rooms: list[Room] = []
    for name in names:
        room = Room(name, fill(phrasing("room", rng), noun=name, adjective=_adjective(rng)))
        if not rooms:
            at[0, 0] = room
        while room not in at.values():
            place, base = rng.choice(list(at.items()))
            direction = rng.choice(DIRECTIONS)
            dx, dy = _STEP[direction]
            spot = (place[0] + dx, place[1] + dy)
            if spot not in at:
                at[spot] = room
                _connect(rng, base, direction, room)
        rooms.append(room)
    for (x, y), room in at.items():  # now and then a second way round
        for direction in ("north", "east"):
            other = at.get((x + _STEP[direction][0], y + _STEP[direction][1]))
            if other and direction not in room.exits and rng.random() < 0.15:
                _connect(rng, room, direction, other)
    return rooms


def _adjective(rng: random.Random) -> str:
    return rng.choice(["standard", "normal", "usual", "typical", "ordinary", "plain", "quiet"])


def _connect(rng: random.Random, base: Room, direction: str, room: Room) -> None:
    door = None
    if rng.random() < 0.4:
        door = Door(f"{words.adjective(rng)} {rng.choice(words.DOORS)}", rng.random() < 0.3)
        if rng.random() < 0.3:
            door.name = f"{words.adjective(rng)} {rng.choice(words.NOUNS)} door"
    for start, way, end in ((base, direction, room), (room, OPPOSITE[direction], base)):
        kind: Kind = "door" if door else "exit"
        text = fill(phrasing(kind, rng), noun=door.name if door else "", direction=way)
        start.exits[way] = Exit(end, text, door)


def _furnish(rng: random.Random, rooms: list[Room], home: Room) -> list[Fixture]:
    names = rng.sample(words.FIXTURES, min(len(words.FIXTURES), 5 + 2 * len(rooms)))
    fixtures: list[Fixture] = []
    for room in rooms:
        n = rng.randint(3, 6) if room is home else rng.choice([0, 1, 1, 2])
        for _ in range(n):
            if not names:
                break
            kind = rng.choice(["container", "supporter"])
            template = fill(
                phrasing("container" if kind == "container" else "supporter", rng),
                noun=names[-1],
                adjective=rng.choice(words.ADJECTIVES),
            )
            is_open = kind == "supporter" or rng.random() < 0.25
            room.fixtures.append(Fixture(names.pop(), template, kind, is_open))
        fixtures += room.fixtures
    return fixtures


def _laws(
    rng: random.Random, rooms: list[Room], home: Room, fixtures: list[Fixture]
) -> tuple[dict[str, Law], list[str]]:
    verbs = rng.sample(words.VERBS, rng.randint(3, 7))
    tools = rng.sample(words.TOOLS, rng.randint(1, 2))
    others = [f for f in fixtures if f not in home.fixtures]
    stations = rng.sample(home.fixtures, min(len(home.fixtures), rng.randint(2, 3)))
    if others and rng.random() < 0.6:
        stations.append(rng.choice(others))
    heat = "cook" if rng.random() < 0.5 else rng.choice(words.COMMANDS)
    same = rng.random() < 0.25
    laws: dict[str, Law] = {}
    for verb, participle in verbs:
        if stations and rng.random() < 0.55:
            station = stations.pop().name
            laws[verb] = Law(verb, participle, verb if same else heat, station, portable=False)
        else:
            command = verb if rng.random() < 0.8 else rng.choice(words.COMMANDS[1:])
            tool = rng.choice(tools)
            if any((w.command, w.instrument) == (command, tool) for w in laws.values()):
                command = verb
            laws[verb] = Law(verb, participle, command, tool, portable=True)
    return laws, tools


def _needs(
    rng: random.Random,
    size: Size,
    laws: dict[str, Law],
    names: set[str],
    spots: list[list[Thing]],
    home_spots: list[list[Thing]],
) -> list[Need]:
    needs: list[Need] = []
    while len(needs) < size.n_needs:
        name = words.name_of_thing(rng)
        if name in names or any(w in name.split() for w in names):
            continue
        names.add(name)
        verbs = [verb for verb in laws if rng.random() < size.p_step]
        verbs = rng.sample(verbs, min(len(verbs), rng.choice([1, 2, 2, 2, 3])))
        thing = Thing(name, raw=rng.random() < 0.3)
        for verb in verbs:
            if rng.random() < size.p_done:
                thing.states.insert(0, laws[verb].participle)
        rng.choice(home_spots if rng.random() < 0.5 else spots).append(thing)
        needs.append(Need(thing, verbs))
    return needs


def _scatter(
    rng: random.Random,
    size: Size,
    laws: dict[str, Law],
    names: set[str],
    spots: list[list[Thing]],
    needs: list[Need],
) -> None:
    """Put things about that are of no use, some named much like those that are."""
    siblings = [
        (need, words.sibling_of(need.thing.name, rng)) for need in needs if rng.random() < 0.5
    ]
    for need, name in siblings:
        if name not in names:
            names.add(name)
            spot = next(s for s in spots if need.thing in s)
            spot.append(Thing(name, raw=rng.random() < 0.3))
    for _ in range(rng.randint(0, 3 + size.n_rooms // 2)):
        name = words.name_of_thing(rng)
        if name not in names:
            names.add(name)
            states = [rng.choice(list(laws.values())).participle] if rng.random() < 0.15 else []
            rng.choice(spots).append(Thing(name, states, raw=rng.random() < 0.2))
