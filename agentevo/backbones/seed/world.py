"""Training worlds: small text worlds whose rules are drawn anew for each.

A world is a house of rooms with furniture, a document that says what to make of what, and
laws that it tells nobody: which command and which station or tool carries out each verb of
the directions, and with what verb the job ends. Laws, names and map are random, so that
nothing of one world is true in the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agentevo.backbones.seed import words
from agentevo.backbones.seed.language import article, join, settle

OPPOSITE = {"north": "south", "south": "north", "east": "west", "west": "east"}


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

    @property
    def listed_exits(self) -> list[str]:
        """The directions of the exits in the order in which they are described."""
        return sorted(self.exits, key=lambda way: self.exits[way].door is None)

    def describe(self) -> str:
        """Return what looking around prints."""
        furniture = " ".join(fixture.describe() for fixture in self.fixtures)
        exits = [self.exits[way] for way in self.listed_exits]
        ways = [
            settle(way.template, is_open=way.door.is_open if way.door else None, contents=())
            for way in exits
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
        return advice(self.command, self.instrument)


def advice(command: str, instrument: str) -> str:
    """Return what a lesson advises: the instrument first, since it differs from law to law."""
    return f"use {instrument} to {command} it"


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
    title: str
    """How the document is called when it is read."""
    praise: str
    """What the document says of the product, with a space after it; may be nothing."""
    says_past: bool
    """True: carrying out a law prints its participle, otherwise the plain verb."""
    refusal: str
    """How it answers a command with what it cannot be done with."""
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
        if rest == self.product and verb in words.ENDINGS:
            if not self.made and self.n_turns % 2:
                return "You can't see any such thing."
            answers = words.REFUSED_ENDINGS
            return answers[(self.n_turns + len(verb)) % len(answers)].format(command=verb)
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
            if fixture.name == name:
                if fixture.kind != "container":
                    return "It isn't something you can open."
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
        if any(thing.name == name for thing in self.held):
            return "You already have that."
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
                f"You open the {self.title} and start reading:",
                f"\n{plan} #1",
                "---------",
                f"Gather all following {self.parts.lower()} and follow the directions to "
                f"{self.make} this {self.praise}{self.product}.",
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
            return self.refusal.format(command=command, name=name)
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
