"""The player that the seed backbone imitates: it keeps notes, explores, and guesses.

Its notes are carried from thought to thought, so that what to do next follows from the last
thought and the last observation: what is to be fetched (`need`), what is in hand and not
finished (`have`), how each verb is carried out (`how`, in the words of the lesson where one says
it, so that noting it is quoting), the tools held (`hold`), the way back (`way`), the rooms known
(`seen`) and the exits not tried (`exits`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from agentevo.backbones.seed import words
from agentevo.backbones.seed.world import OPPOSITE, World, advice

MAX_TRIES = 3  # guesses at one verb before it is left


class Use(NamedTuple):
    """How a verb of the directions is carried out."""

    command: str
    tool: str
    words: str
    """What the note says: a lesson's advice or, for a guess, what it would be."""


def guess(command: str, tool: str) -> Use:
    """Return a guess, in the words that a lesson would have for it."""
    return Use(command, tool, advice(command, tool))


@dataclass
class Expert:
    """Plays one world.

    Args:
        world: the world, of which it looks only at what has been printed.
        told: the advice of the lessons, by the verb of the directions that they explain.
        told_ending: whether a lesson gives the verb that ends the job.
        rng: for the guesses.
    """

    world: World
    told: dict[str, str]
    told_ending: bool
    rng: random.Random
    use: dict[str, Use] = field(default_factory=dict)
    need: dict[str, list[str]] = field(default_factory=dict)
    have: dict[str, list[str]] = field(default_factory=dict)
    hold: list[str] = field(default_factory=list)
    way: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    exits: list[tuple[str, str]] = field(default_factory=list)
    has_read: bool = False
    has_looked: bool = False
    heading_home: bool = False
    find: str = ""
    tried: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    tried_endings: list[str] = field(default_factory=list)
    entered: tuple[str, str] | None = None
    gave_up: bool = False
    _checked: list[str] = field(default_factory=list)
    """What was looked for here in vain: a thing is named first, and then it is said whether it
    is here, so that the name is at hand when the eye goes over the room."""
    _last: tuple[str, str, str] | None = None  # verb, command, instrument just tried

    # --- what it says -------------------------------------------------------------------

    def decide(self) -> tuple[str, str]:
        """Return the next thought and the next command."""
        self._arrive()
        notes = self._notes()  # as things stand; what changes with the decision comes next time
        self._checked = []
        conclusion, command = self._choose()
        return "; ".join([*notes, ", ".join([*self._checked, conclusion])]) + ".", command

    def slip(self) -> tuple[str, str]:
        """Return a thought and a command that lead nowhere, as players also utter."""
        command = self.rng.choice(
            ["inventory", "examine floor", "take it", "dance", "help", "go up", "open it"]
        )
        return "; ".join([*self._notes(), "hm"]) + ".", command

    def _notes(self) -> list[str]:
        notes = []
        for label, things in (("need", self.need), ("have", self.have)):
            if things:
                listed = [f"{name}: {' '.join(v)}" if v else name for name, v in things.items()]
                notes.append(f"{label} " + ", ".join(listed))
        if self.use:
            laws = [f"{verb}: {use.words}" for verb, use in self.use.items()]
            notes.append("how " + ", ".join(laws))
        if self.find:
            notes.append(f"find {self.find}")
        if self.hold:
            notes.append("hold " + ", ".join(self.hold))
        if self.way:
            notes.append("way " + " ".join(self.way))
        if self._is_exploring() and (len(self.seen) > 1 or self.exits):
            notes.append("seen " + ", ".join(self.seen))
        if self._is_exploring() and self.exits:
            notes.append("exits " + ", ".join(f"{room} {way}" for room, way in self.exits))
        return notes

    # --- what it does -------------------------------------------------------------------

    def _choose(self) -> tuple[str, str]:
        world = self.world
        if not self.has_read:
            if self._visible(world.document):
                return f"Check the {world.document}", f"examine {world.document}"
            return self._explore()
        if not self.has_looked:
            self.has_looked = True
            return "look around", "look"
        return (
            self._process() or self._fetch() or self._open_up() or self._search() or self._finish()
        )

    def _process(self) -> tuple[str, str] | None:
        for name, verbs in self.have.items():
            for verb in verbs:
                command, tool, said = self.use[verb]
                here = tool in self.hold or any(f.name == tool for f in self.world.here.fixtures)
                if here:
                    self._last = (verb, command, tool)
                    self.tried.setdefault(verb, []).append((command, tool))
                    return f"{name}, {verb}: {said}", f"{command} {name} with {tool}"
        return None

    def _fetch(self) -> tuple[str, str] | None:
        for name in [*self.need, *self._wanted_tools()]:
            if name not in self.need and (name in self.hold or name not in words.TOOLS):
                continue
            listed = self._visible(name)
            if listed:
                return f"{name}? here {listed}", f"take {name}"
            if f"{name}? no" not in self._checked:
                self._checked.append(f"{name}? no")
        return None

    def _wanted_tools(self) -> list[str]:
        return [use.tool for use in self.use.values()]

    def _open_up(self) -> tuple[str, str] | None:
        if not self.need and not self._missing():
            return None
        if self.heading_home:
            return None
        for fixture in self.world.here.fixtures:
            if not fixture.is_open:
                return f"open {fixture.name}", f"open {fixture.name}"
        return None

    def _missing(self) -> bool:
        """Whether something in hand waits for a tool or station that is not here."""
        return any(self.have.values())

    def _search(self) -> tuple[str, str] | None:
        if self.need:
            return self._explore()
        if not self._is_home() and (self.heading_home or not self.find):
            self.heading_home = True
            return self._back("go home")
        self.heading_home = False
        if self._missing():
            if not self.find:  # all that is at home was tried: look for it elsewhere
                verbs = next(verbs for verbs in self.have.values() if verbs)
                self.find = self.use[verbs[0]].tool
                room = self.world.here
                self.seen = [room.name]
                self.exits = [(room.name, way) for way in room.listed_exits]
                conclusion, command = self._explore()
                return f"find {self.find}, {conclusion}", command
            return self._explore()
        return None

    def _is_exploring(self) -> bool:
        return bool(not self.has_read or self.need or self.find)

    def _is_home(self) -> bool:
        return not self.way

    def _finish(self) -> tuple[str, str]:
        world = self.world
        if not world.made:
            if self.gave_up:
                return "something is missing", "look"
            return "all ready", f"{world.make} {world.product}"
        if len(self.tried_endings) >= MAX_TRIES:
            return "I do not know how it ends", "look"
        if self.told_ending:
            verb = world.ending
        else:
            verb = self.rng.choice([v for v in words.ENDINGS if v not in self.tried_endings])
        self.tried_endings.append(verb)
        return f"{world.product} is ready: {verb} it", f"{verb} {world.product}"

    # --- finding its way ----------------------------------------------------------------

    def _arrive(self) -> None:
        room = self.world.here
        if not self.seen:
            self.seen = [room.name]
            self.exits = [(room.name, way) for way in room.listed_exits]
        elif self.entered:
            came, self.entered = self.entered, None
            if room.name in self.seen:
                self._detour = True
            else:
                self.seen.append(room.name)
                self.exits += [(room.name, w) for w in room.listed_exits if w != OPPOSITE[came[1]]]

    _detour: bool = False

    def _explore(self) -> tuple[str, str]:
        room = self.world.here
        if self._detour:
            self._detour = False
            return self._back("been here")
        if not self.exits:
            return self._nothing_left()
        name, way = self.exits[-1]
        if name != room.name:
            return self._back("back")
        door = room.exits[way].door
        if door and not door.is_open:
            return f"{way} is a closed {door.name}", f"open {door.name}"
        self.exits.pop()
        self.way.append(way)
        self.entered = (name, way)
        return f"try {way}", f"go {way}"

    def _back(self, why: str) -> tuple[str, str]:
        way = OPPOSITE[self.way.pop()]
        return f"{why}, {way}", f"go {way}"

    def _nothing_left(self) -> tuple[str, str]:
        """Give up what cannot be found, and go on with the rest."""
        self.gave_up = True
        if self.need:
            self.need.clear()
        else:
            self.have.clear()
        self._tidy()
        if self.way:
            self.heading_home = True
            return self._back("not found, go home")
        return "not found", "look"

    # --- what it learns from what it sees -------------------------------------------------

    def observe(self, command: str) -> None:
        """Take note of what the last command did."""
        world = self.world
        if command == f"examine {world.document}" and not self.has_read:
            self._read()
        elif command.startswith("take "):
            name = command[5:]
            if name in self.need:
                self.have[name] = self.need.pop(name)
            elif any(t.name == name for t in world.held):
                self.hold.append(name)
        elif self._last:
            self._judge(*self._last, name=command.split(" ", 1)[1].split(" with ")[0])
        self._last = None
        self._tidy()

    def _judge(self, verb: str, command: str, tool: str, *, name: str) -> None:
        world = self.world
        thing = next(t for t in world.held if t.name == name)
        if world.laws[verb].participle in thing.states:
            self.have[name].remove(verb)
            return
        if len(self.tried[verb]) >= MAX_TRIES:
            self.gave_up = True
            for verbs in [*self.need.values(), *self.have.values()]:
                if verb in verbs:
                    verbs.remove(verb)
            return
        if any(law.command == command for law in world.laws.values()):
            self.use[verb] = guess(command, self._guess_tool(self.tried[verb]))
        else:
            self.use[verb] = guess(self._guess_command(verb, self.tried[verb]), tool)

    def _read(self) -> None:
        self.has_read = True
        for need in self.world.needs:
            self.need[need.thing.name] = list(need.verbs)
            for verb in need.verbs:
                if verb in self.use:
                    continue
                law = self.world.laws[verb]
                if verb in self.told:
                    self.use[verb] = Use(law.command, law.instrument, self.told[verb])
                else:
                    self.use[verb] = guess(self._guess_command(verb, []), self._guess_tool([]))
        room = self.world.here
        self.way, self.seen = [], [room.name]
        self.exits = [(room.name, way) for way in room.listed_exits]

    def _guess_command(self, verb: str, tried: list[tuple[str, str]]) -> str:
        known = {command for command, _ in tried}
        options = [verb, verb, "cook", *self.rng.sample(words.COMMANDS, 2)]
        return self.rng.choice([c for c in options if c not in known] or [verb])

    def _guess_tool(self, tried: list[tuple[str, str]]) -> str:
        known = {tool for _, tool in tried}
        room = self.world.here
        options = [f.name for f in room.fixtures]
        options += [t.name for f in room.fixtures if f.is_open for t in f.contents
                    if t.name in words.TOOLS]  # fmt: skip
        return self.rng.choice([o for o in options if o not in known] or options or ["table"])

    def _visible(self, name: str) -> str | None:
        """Return how the room lists a thing that can be taken here, or None."""
        room = self.world.here
        places = [room.floor, *(f.contents for f in room.fixtures if f.is_open)]
        thing = next((t for place in places for t in place if t.name == name), None)
        if thing is None:
            return None
        if name in self.need:
            past = {law.verb: law.participle for law in self.world.laws.values()}
            self.need[name] = [v for v in self.need[name] if past[v] not in thing.states]
        return thing.listed

    def _tidy(self) -> None:
        """Drop what is finished from the notes."""
        self.have = {name: verbs for name, verbs in self.have.items() if verbs}
        open_verbs = {v for verbs in [*self.need.values(), *self.have.values()] for v in verbs}
        self.use = {verb: law for verb, law in self.use.items() if verb in open_verbs}
        if self.find not in self._wanted_tools():
            self.find = ""
