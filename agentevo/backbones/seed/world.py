"""Training worlds: small text worlds whose rules are drawn anew for each.

A world is a house of rooms with furniture, a document that says what to make of what, and
laws that it tells nobody: which command and which station or tool carries out each verb of
the directions, and with what verb the job ends. Laws, names and map are random, so that
nothing of one world is true in the next.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from agentevo.backbones.seed import words
from agentevo.backbones.seed.language import Kind, article, fill, join, phrasing, settle

DIRECTIONS = ("north", "south", "east", "west")
OPPOSITE = {"north": "south", "south": "north", "east": "west", "west": "east"}
_STEP = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}


@dataclass
class Thing:
    """A thing that can be carried."""

    name: str
    states: list[str] = field(default_factory=list)
    """Participles of what was done to it, the latest first."""
    raw: bool = False

    @property
    def listed(self) -> str:
        """The name as listings show it, with its states."""
        return " ".join([*self.states, *(["raw"] if self.raw else []), self.name])


@dataclass
class Fixture:
    """A thing that stays where it is."""

    name: str
    template: str
    kind: str  # "container" or "supporter"
    is_open: bool = True
    contents: list[Thing] = field(default_factory=list)

    def describe(self) -> str:
        """Return its sentences in a room's description."""
        names = [article(thing.listed) for thing in self.contents]
        is_open = self.is_open if self.kind == "container" else None
        return settle(self.template, is_open=is_open, contents=names)


@dataclass
class Exit:
    """A way out of a room, with or without a door."""

    to: Room
    template: str
    door: Door | None = None


@dataclass
class Door:
    """A door between two rooms."""

    name: str
    is_open: bool = False


@dataclass
class Room:
    """A room."""

    name: str
    intro: str
    fixtures: list[Fixture] = field(default_factory=list)
    floor: list[Thing] = field(default_factory=list)
    exits: dict[str, Exit] = field(default_factory=dict)

    def describe(self) -> str:
        """Return what looking around prints."""
        furniture = " ".join(fixture.describe() for fixture in self.fixtures)
        ways = [
            settle(way.template, is_open=way.door.is_open if way.door else None, contents=())
            for _, way in sorted(self.exits.items(), key=lambda item: item[1].door is None)
        ]
        floor = ""
        if self.floor:
            floor = f"There is {join([article(t.listed) for t in self.floor])} on the floor."
        parts = [self.intro, furniture, " ".join(ways), floor]
        return f"-= {self.name.capitalize()} =-\n" + "\n\n".join(part for part in parts if part)


@dataclass(frozen=True)
class Law:
    """How one verb of the directions is carried out in this world."""

    verb: str
    participle: str
    command: str
    instrument: str
    portable: bool
    """True: the instrument is a tool that must be in hand; False: a station in a room."""

    @property
    def situation(self) -> str:
        """When the lesson of this law applies."""
        return f"the directions say {self.verb}"

    @property
    def advice(self) -> str:
        """What the lesson of this law advises."""
        return f"{self.command} it with the {self.instrument}"


@dataclass
class Need:
    """An ingredient and what the directions want done to it."""

    thing: Thing
    verbs: list[str]


@dataclass
class World:
    """One world and the state of play in it."""

    rooms: list[Room]
    here: Room
    home: Room
    document: str
    plan: str
    parts: str
    make: str
    product: str
    ending: str
    laws: dict[str, Law]
    needs: list[Need]
    instruction: str
    says_past: bool
    """True: carrying out a law prints its participle, otherwise the plain verb."""
    held: list[Thing] = field(default_factory=list)
    tools: set[str] = field(default_factory=set)
    score: int = 0
    n_turns: int = 0
    made: bool = False
    won: bool = False
    lost: bool = False
    taken: set[str] = field(default_factory=set)
    done: set[tuple[str, str]] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether the game has ended."""
        return self.won or self.lost

    @property
    def max_score(self) -> int:
        """The score of a won game."""
        return len(self.needs) + sum(len(need.verbs) for need in self.needs) + 2

    def step(self, command: str) -> str:
        """Carry out a command and return what is printed."""
        self.n_turns += 1
        words_ = command.split()
        before = self.score
        text = self._dispatch(command, words_) if words_ else "I beg your pardon?"
        if self.score > before:
            text += "\n\nYour score has just gone up by one point."
        if self.over:
            text += (
                ("\n\n*** The End ***" if self.won else "\n\n*** You lost! ***")
                + f"\n\nYou scored {self.score} out of a possible {self.max_score}, "
                + f"in {self.n_turns} turns."
            )
        return text

    def _dispatch(self, command: str, parts: list[str]) -> str:
        verb, rest = parts[0], " ".join(parts[1:])
        if verb == "look":
            return self.here.describe()
        if verb == "inventory":
            names = [article(t.listed) for t in self.held]
            return f"You are carrying: {join(names)}." if names else "You are carrying nothing."
        if verb == "go":
            return self._go(rest)
        if verb == "open":
            return self._open(rest)
        if verb == "take":
            return self._take(rest.split(" from ")[0])
        if verb == "examine":
            return self._examine(rest)
        if " with " in rest:
            return self._apply(verb, *rest.split(" with ", 1))
        if verb == self.make and rest == self.product:
            return self._make()
        if verb == self.ending and rest == self.product and self.made:
            self.score += 1
            self.won = True
            return f"You {self.ending} the {self.product}. Not bad."
        if rest == self.product and verb in words.ENDINGS and self.n_turns % 2:
            return f"You can't {verb} that." if self.made else "You can't see any such thing."
        return "That's not a verb I recognise."

    def _go(self, direction: str) -> str:
        way = self.here.exits.get(direction)
        if way is None:
            return "You can't go that way."
        if way.door and not way.door.is_open:
            return f"You have to open the {way.door.name} first."
        self.here = way.to
        return self.here.describe()

    def _open(self, name: str) -> str:
        for way in self.here.exits.values():
            if way.door and way.door.name == name:
                if way.door.is_open:
                    return "That's already open."
                way.door.is_open = True
                return f"You open {name}."
        for fixture in self.here.fixtures:
            if fixture.name == name and fixture.kind == "container":
                if fixture.is_open:
                    return "That's already open."
                fixture.is_open = True
                inside = join([article(t.listed) for t in fixture.contents])
                return (
                    f"You open the {name}, revealing {inside}."
                    if inside
                    else (f"You open the {name}.")
                )
        return "You can't see any such thing."

    def _reachable(self) -> list[tuple[list[Thing], Thing, str]]:
        places = [(self.here.floor, "the ground")]
        places += [(f.contents, f.name) for f in self.here.fixtures if f.is_open]
        return [(place, thing, where) for place, where in places for thing in place]

    def _take(self, name: str) -> str:
        for place, thing, where in self._reachable():
            if thing.name == name:
                place.remove(thing)
                self.held.append(thing)
                if name not in self.taken and any(n.thing is thing for n in self.needs):
                    self.taken.add(name)
                    self.score += 1
                if where == "the ground":
                    return f"You pick up the {name} from the ground."
                return f"You take the {name} from the {where}."
        return "You can't see any such thing."

    def _examine(self, name: str) -> str:
        if name == self.document and (
            any(thing.name == name for _, thing, _ in self._reachable())
            or any(thing.name == name for thing in self.held)
        ):
            return self._read()
        if any(thing.name == name for _, thing, _ in self._reachable()):
            return f"You see nothing special about the {name}."
        return "You can't see any such thing."

    def _read(self) -> str:
        lines = [f"{verb} the {need.thing.name}" for need in self.needs for verb in need.verbs]
        plan = self.plan.capitalize()
        return "\n".join(
            [
                f"You open the {self.document} and start reading:",
                f"\n{plan} #1",
                "---------",
                f"Gather all following {self.parts.lower()} and follow the directions to "
                f"{self.make} this {self.product}.",
                f"\n{self.parts}:",
                *(f"{need.thing.name}" for need in self.needs),
                "\nDirections:",
                *lines,
                f"{self.make} {self.product}",
            ]
        )

    def _apply(self, command: str, name: str, instrument: str) -> str:
        laws = [
            law
            for law in self.laws.values()
            if law.command == command and law.instrument == instrument
        ]
        if not any(law.command == command for law in self.laws.values()):
            return "That's not a verb I recognise."
        if not laws:
            return f"You can't {command} anything with that."
        law = laws[0]
        if law.portable and not any(t.name == instrument for t in self.held):
            return f"You need to take the {instrument} first."
        if not law.portable and not any(f.name == instrument for f in self.here.fixtures):
            return "You can't see any such thing."
        thing = next((t for t in self.held if t.name == name), None)
        if thing is None:
            return f"You need to take the {name} first."
        need = next((n for n in self.needs if n.thing is thing), None)
        if law.participle in thing.states:
            if law.portable:
                return f"The {name} is already {law.participle}."
            self.lost = need is not None
            return f"You burned the {name}!"
        thing.states.insert(0, law.participle)
        thing.raw = thing.raw and law.portable
        if need is not None:
            if law.verb in need.verbs:
                self.done.add((name, law.verb))
                self.score += 1
            else:
                self.lost = True
        return f"You {law.participle if self.says_past else law.verb} the {name}."

    def _make(self) -> str:
        if self.here is not self.home:
            place = self.home.name.capitalize()
            return f"Can only {self.make} {self.product} in the -= {place} =-."
        for need in self.needs:
            if need.thing not in self.held or any(
                self.laws[verb].participle not in need.thing.states for verb in need.verbs
            ):
                return "You still miss something."
        self.made = True
        self.score += 1
        return f"Adding the {self.product} to your inventory."


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
    for tool in tools:
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
        says_past=rng.random() < 0.6,
    )  # fmt: skip


def _instruction(rng: random.Random, document: str, room: str, plan: str, product: str) -> str:
    opener = rng.choice(["You are hungry!", "There is work to do!", "Good day!"])
    adjective = rng.choice(["delicious", "fine", "splendid", "good", "lovely"])
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
        door = Door(f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.DOORS)}", rng.random() < 0.3)
        if rng.random() < 0.3:
            door.name = f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.NOUNS)} door"
    for start, way, end in ((base, direction, room), (room, OPPOSITE[direction], base)):
        kind: Kind = "door" if door else "exit"
        text = fill(phrasing(kind, rng), noun=door.name if door else "", direction=way)
        start.exits[way] = Exit(end, text, door)


def _furnish(rng: random.Random, rooms: list[Room], home: Room) -> list[Fixture]:
    names = rng.sample(words.FIXTURES, min(len(words.FIXTURES), 5 + 2 * len(rooms)))
    fixtures: list[Fixture] = []
    for room in rooms:
        n = rng.randint(3, 5) if room is home else rng.choice([0, 1, 1, 2])
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
