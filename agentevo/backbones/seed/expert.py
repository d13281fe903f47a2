"""The player that the seed backbone imitates: it explores, fetches, checks what it has, and works.

What it must remember stands in its thoughts, as short lists with numbers: what to fetch (`get`),
what to do to what (`do`), what to look for (`find`), the closed furniture of the room (`closed`),
and its route, whose lists are worked off from the end. A list is written when its content is
before the eyes, and from then on only shortened, so that each thought follows from the last
thought and the last observation. What a look at the world would tell at some cost in attention,
trying it tells for one step: doors, and stations that are not there, are found out by running
into them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from agentevo.backbones.seed import words
from agentevo.backbones.seed.guesses import Guesses, Use
from agentevo.backbones.seed.route import Route
from agentevo.backbones.seed.thoughts import Pieces, decided, got, note, numbered, surveyed
from agentevo.backbones.seed.world import World


@dataclass
class Expert:
    """Plays one world.

    Args:
        world: the world, of which it looks only at what has been printed.
        told: the advice of the lessons, by the verb of the directions that they explain.
        told_ending: whether a lesson gives the verb that ends the job.
        rng: for guesses and slips.
        p_blind: chance that it takes for there what is not; it finds out by trying.
    """

    world: World
    told: dict[str, str]
    told_ending: bool
    rng: random.Random
    p_blind: float = 0.0
    get: dict[int, str] = field(default_factory=dict)
    todo: dict[int, tuple[str, str]] = field(default_factory=dict)
    """By number, a thing and the verb of the directions that is still to be done to it."""
    find: str = ""
    closed: dict[int, str] = field(default_factory=dict)
    """By number, the closed furniture of the room."""
    has_read: bool = False
    has_looked: bool = False
    has_counted: bool = False
    """Whether it has looked at what it holds."""
    has_checked: bool = False
    heading_home: bool = False
    is_stuck: bool = False
    """Whether something that the product needs can be neither found nor done."""
    slipped: bool = False
    """Whether the last decision was blind: nobody should imitate it."""
    _n_asked: int = 0
    """How much was still to be done when that was looked at."""
    _next: int = 0
    """The number in `get` at which the check of what is here goes on."""
    _got: str = ""
    """What was just taken, with its number."""
    _furniture: list[tuple[str, bool, bool]] = field(default_factory=list)
    """What stands in the room, as just looked at: its name, whether it is taken for closed, and
    whether that is blind."""
    _has_looked_again: bool = False
    _last: tuple[Pieces, str] | None = None
    """The last thought and command, where the command may be repeated without harm."""
    _missing: str = ""
    """The station that is not at home, until it is looked for."""
    _has_asked: bool = False
    """Whether it went for the tool of its guess; if that is not there, the guess shows it."""
    _working: Use | None = None

    def __post_init__(self) -> None:
        """Start where the world starts."""
        self.guesses = Guesses(self.world, self.rng, self.told)
        self.route = Route(self.rng, self.p_blind)
        self.route.start(self.world.here)

    # --- what it says -------------------------------------------------------------------

    def decide(self) -> tuple[Pieces, str]:
        """Return the next thought, without its full stop, and the next command."""
        self.slipped = False
        thought = self._notes()  # as things stand; what changes with the decision comes next time
        conclusion, command = self._choose()
        self.route.is_new = self.route.is_known = False
        self._furniture, self._got, self.guesses.is_listed = [], "", False
        self._last = (thought + conclusion, command)
        return self._last

    def slip(self) -> tuple[Pieces, str]:
        """Return a thought and a command that lead nowhere, as players also utter."""
        if self._last and self.rng.random() < 0.6:
            return self._last
        command = self.rng.choice(
            ["inventory", "examine floor", "take it", "dance", "help", "go up", "open it"]
        )
        self._next = 0  # what had been checked is said nowhere now
        said = [*self._notes(), (" hm", "conclusion")]
        self._got = ""
        return said, command

    def _notes(self) -> Pieces:
        exploring = bool(not self.has_read or (self.get and self.has_looked) or self.find)
        return [
            *self._to_get(),
            *note("do", self._todo()),
            *self.guesses.notes(),
            *note("find", [self.find] if self.find else []),
            *(surveyed(self._furniture) or note("closed", numbered(self.closed), "found")),
            *self.route.notes(exploring=exploring),
        ]

    def _to_get(self) -> Pieces:
        if self._got:
            return got(self._got, numbered(self.get))
        return note("get", numbered(self.get) if self.has_looked else [])

    def _todo(self) -> list[str]:
        """Return what is still to be done, the making of the product at last."""
        if not self.has_checked or self.world.made:
            return []
        items = {number: f"{verb} {name}" for number, (name, verb) in self.todo.items()}
        last = {self._n_asked + 1: f"{self.world.make} {self.world.product}"}
        return numbered(items | last)

    # --- what it does -------------------------------------------------------------------

    def _choose(self) -> tuple[Pieces, str]:
        document = self.world.document
        if not self.has_read:
            if self._visible(document):
                return [(f" Check the {document}", "document")], f"examine {document}"
            return self._explore([])
        if not self.has_looked:
            return [*self._reading(), (" look around", "conclusion")], "look"
        if self.find:
            return self._find()
        if self.get:
            return self._fetch()
        return self._go_home() or self._check() or self._work() or self._finish()

    def _reading(self) -> Pieces:
        """Return what is noted of the document: how each line is carried out, and what to fetch."""
        pieces: Pieces = []
        lines = [(verb, need.thing.name) for need in self.world.needs for verb in need.verbs]
        for i, (verb, name) in enumerate(lines, 1):
            pieces.append((f"{',' if pieces else ' how'} {i} {verb} {name}:", "found"))
            if verb in self.told:
                pieces.append((f" {self.told[verb]}", "law told"))
            else:
                pieces.append((" none", "decision"))
        if pieces:
            pieces.append((";", "found"))
        return [*pieces, *note("get", numbered(self.get), "found")]

    def read(self) -> Pieces:
        """Read the document, which is in view, and return what is noted of it."""
        self._read()
        return self._reading()

    def _fetch(self) -> tuple[Pieces, str]:
        """Take the next thing that is here, open what is closed, or go on."""
        said: Pieces = []
        for number, name in self.get.items():
            if number < self._next:
                continue
            said = decided(str(number), name, said)
            is_here = self._visible(name)
            blind = self._may_miss(0.3) if is_here else self.rng.random() < self.p_blind
            self.slipped = self.slipped or blind
            if is_here != blind:
                self._next = number
                return [*said, (" here", "decision")], f"take {name}"
            said.append((" no", "decision"))
        self._next = self._past_all()
        if self.closed:
            number = min(self.closed)
            name = self.closed[number]
            return decided("open", f"{number} {name}", said), f"open {name}"
        return self._explore(said)

    def _find(self) -> tuple[Pieces, str]:
        """Look for a station that is not at home, and work there."""
        said: Pieces = []
        if self.route.is_new:
            said.append((f" {self.find}", "conclusion"))
            if any(fixture.name == self.find for fixture in self.world.here.fixtures):
                self.find, self.route.exits = "", []
                work, command = self._carry_out()
                return [*said, (" here", "decision"), (",", "conclusion"), *work], command
            said.append((" no", "decision"))
        return self._explore(said)

    def _explore(self, before: Pieces) -> tuple[Pieces, str]:
        """Go on with the search, or give up what cannot be found."""
        step = self.route.explore(before)
        if step:
            return step
        if self.get and not self._has_looked_again:
            self._has_looked_again = True
            return decided("look again", "", before), "look"
        if self.find:
            self.is_stuck = True
            self._drop_first()
            self.find = ""
        self.get, self.closed = {}, {}
        said = decided("not found", "", before)
        if not self.route.back:
            self.has_counted = True
            return said, "inventory"
        self.heading_home = True
        return self.route.homewards(said)

    def _go_home(self) -> tuple[Pieces, str] | None:
        """Return the next step home where all is fetched and done, or the next is not here."""
        if self.route.back and (self.heading_home or not self.has_checked or not self.todo):
            self.heading_home = True
            return self.route.homewards([])
        self.heading_home = False
        return None

    def _check(self) -> tuple[Pieces, str] | None:
        """Look at what is held, once, and note what is still to be done to it."""
        if self.has_checked:
            return None
        if not self.has_counted:
            self.has_counted = True
            return [(" what do I have", "conclusion")], "inventory"
        self.has_checked = True
        said: Pieces = []
        held = {thing.name: thing for thing in self.world.held}
        self.is_stuck = self.is_stuck or any(n.thing.name not in held for n in self.world.needs)
        for need in self.world.needs:
            name = need.thing.name
            for verb in need.verbs:
                past = self.world.laws[verb].participle
                said.append((f"{',' if said else ''} {verb} {name}", "found"))
                said.append((f" {past}", "conclusion"))
                if name not in held:
                    verdict = " missing"
                elif past in held[name].states:
                    verdict = " here"
                else:
                    verdict = " no"
                    self._n_asked += 1
                    self.todo[self._n_asked] = (name, verb)
                said.append((verdict, "decision"))
                if verdict == " no":  # said again behind its number, for the list to be made of
                    said.append((f": {self._n_asked} {verb} {name}", "found"))
        said.append((f"{',' if said else ''} {self._todo()[-1]};", "found"))
        said += note("do", self._todo(), "found")
        pieces, command = self._work() or self._finish()
        return [*said, *pieces], command

    def _work(self) -> tuple[Pieces, str] | None:
        """Carry out the first of what is to be done."""
        if not self.todo:
            return None
        if self._missing:
            self.find, self._missing = self._missing, ""
            return decided("find", f"{self.find}, look around"), "look"
        return self._carry_out()

    def _carry_out(self) -> tuple[Pieces, str]:
        name, verb = self._first()
        said: Pieces = [(f" {verb}:", "conclusion")]
        use = self.guesses.use(verb)
        if use is None:
            if self.guesses.begin(verb):
                return [*said, (" not", "decision"), (" known, look around", "conclusion")], "look"
            self.is_stuck = True
            self.todo = {n: job for n, job in self.todo.items() if job[1] != verb}
            return self._work() or self._finish()
        said += self.guesses.said(verb, use)
        is_guess = not self.guesses.is_known(verb)
        is_held = any(thing.name == use.tool for thing in self.world.held)
        if is_guess and use.tool in words.TOOLS and not is_held and not self._has_asked:
            self._has_asked = True
            return decided("take", use.tool, said), f"take {use.tool}"
        self._working, self._has_asked = use, False
        return said, f"{use.command} {name} with {use.tool}"

    def _finish(self) -> tuple[Pieces, str]:
        world = self.world
        if not world.made:
            if self.is_stuck:
                return [(" something is missing", "conclusion")], "look"
            return decided("all", "ready"), f"{world.make} {world.product}"
        verb = world.ending if self.told_ending else self.guesses.ending()
        if not verb:
            return [(" I do not know how it ends", "conclusion")], "look"
        kind, n = "law told" if self.told_ending else "law guessed", len(self.guesses.tried_endings)
        said: Pieces = [(f" guess {n},", "found")] if n else []
        said += [(f" {world.product} is ready:", "conclusion"), (f" {verb} it", kind)]
        return said, f"{verb} {world.product}"

    # --- what it learns from what it sees -------------------------------------------------

    def observe(self, command: str, observation: str) -> None:
        """Take note of what the last command did."""
        world = self.world
        verb, _, rest = command.partition(" ")
        was_at = self.route.at
        if command == f"examine {world.document}" and not self.has_read:
            self._read()
        elif command == "look" and self.has_read and (self.find or not self.has_looked):
            self.has_looked = True
            self.route.start(world.here)
            self._look_at_furniture()
        elif command == "look" and self._has_looked_again and self.get:
            self._look_at_furniture()
        elif command == "look" and self.todo and self.guesses.verb == self._first()[1]:
            self.guesses.look()
        elif verb == "go":
            self.route.went(rest, world.here, observation)
            if self.route.at != was_at:
                self.closed, self._next = {}, self._past_all()
            if self.route.is_new:
                self._look_at_furniture()
        elif verb == "open" and self.closed and rest == self.closed[min(self.closed)]:
            del self.closed[min(self.closed)]
            self._next = 0
        elif verb == "take" and rest in self.get.values():
            number = next(n for n, name in self.get.items() if name == rest)
            if any(thing.name == rest for thing in world.held):
                self._got = f"{number} {self.get.pop(number)}"
                self.closed = self.closed if self.get else {}
            else:
                self._next = number + 1
        elif self._working:
            use, self._working = self._working, None
            self._judge(use)
        if verb not in ("take", "open", "go") or self.route.at != was_at:
            self._last = None

    def _look_at_furniture(self) -> None:
        self._next = 0
        self._furniture = []
        for fixture in self.world.here.fixtures if self.get else ():
            is_blind = self._may_miss() if not fixture.is_open else self.rng.random() < self.p_blind
            self._furniture.append((fixture.name, fixture.is_open == is_blind, is_blind))
        listed = enumerate(self._furniture, 1)
        self.closed = {number: name for number, (name, is_closed, _) in listed if is_closed}

    def _may_miss(self, share: float = 1.0) -> bool:
        """Draw whether it misses what is there: only where it will look a second time."""
        last_chance = self._has_looked_again or bool(self.route.exits)
        return not last_chance and self.rng.random() < share * self.p_blind

    def _judge(self, use: Use) -> None:
        """Take note of whether the first of what is to be done is done now."""
        name, verb = self._first()
        thing = next(t for t in self.world.held if t.name == name)
        if self.world.laws[verb].participle in thing.states:
            self._drop_first()
            if not self.guesses.is_known(verb):
                self.guesses.succeeded(use)
        elif not self.guesses.is_known(verb):
            for number, (other, asked) in list(self.todo.items()):  # it may have done what is later
                if other == name and self.world.laws[asked].participle in thing.states:
                    del self.todo[number]
                    self.guesses.known.setdefault(asked, use)
            self.guesses.failed()
        elif use.tool in words.TOOLS:  # it was not found
            self.is_stuck = True
            self._drop_first()
        elif self.route.back:
            self.heading_home = True
        else:
            self._missing = use.tool

    def _read(self) -> None:
        self.has_read = True
        needed = [need.thing.name for need in self.world.needs]
        tools = [self.world.laws[verb].instrument for verb in self._verbs() if verb in self.told]
        needed += [tool for tool in dict.fromkeys(tools) if tool in words.TOOLS]
        self.get = dict(enumerate(needed, 1))
        self.route.back, self.closed = [], {}

    def _past_all(self) -> int:
        return max(self.get, default=0) + 1

    def _first(self) -> tuple[str, str]:
        return self.todo[min(self.todo)]

    def _drop_first(self) -> None:
        del self.todo[min(self.todo)]

    def _verbs(self) -> list[str]:
        """Return the verbs of the directions, each once, in their order."""
        return list(dict.fromkeys(v for need in self.world.needs for v in need.verbs))

    def _visible(self, name: str) -> bool:
        """Return whether a thing that can be taken is in view."""
        room = self.world.here
        places = [room.floor, *(f.contents for f in room.fixtures if f.is_open)]
        return any(thing.name == name for place in places for thing in place)
