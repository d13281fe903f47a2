"""What the player tries where no lesson tells it how a verb is carried out, or how the job ends.

It looks around, lists what there is to be tried, from anywhere in the room on, and works the list
off; what it finds out it notes. The verbs that may end a job it goes through by the alphabet, from
anywhere on, round and round: what was tried last says what comes next.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from agentevo.backbones.seed import words
from agentevo.backbones.seed.thoughts import Pieces, note, numbered
from agentevo.backbones.seed.world import World, advice

MAX_COMMANDS = 4  # that the world does not know, for one verb
MAX_ENDINGS = 4  # guesses at how the job ends; what they teach is for the next episodes


class Use(NamedTuple):
    """How a verb of the directions is carried out."""

    command: str
    tool: str
    words: str
    """What the thought says: a lesson's advice or, for a guess, what it would be."""


@dataclass
class Guesses:
    """What is still to be tried, and what was found out."""

    world: World
    rng: random.Random
    told: dict[str, str]
    """The advice of the lessons, by the verb that they explain; nothing of it is guessed."""
    verb: str = ""
    """For which `options` are tried."""
    options: dict[int, str] = field(default_factory=dict)
    """By number, the stations and tools that are still to be tried."""
    known: dict[str, Use] = field(default_factory=dict)
    tried_endings: list[str] = field(default_factory=list)
    is_listed: bool = False
    """Whether what can be tried was listed just now."""
    _command: str = ""
    _commands: list[str] = field(default_factory=list)
    """Those that the world does not know."""

    def notes(self) -> Pieces:
        """Return what was found out, and what is still to be tried."""
        said = note("know", [f"{verb}: {use.words}" for verb, use in self.known.items()])
        options = numbered(self.options)
        if not self.is_listed or not options:
            unknown = note("unknown", self._commands if options else [], "found")
            return [*said, *note("test", options), *unknown]
        said.append((f" test {options[0]}", "law guessed"))  # where it begins, nobody can know
        said.append(("".join(f", {one}" for one in options[1:]) + ";", "found"))
        return said

    def begin(self, verb: str) -> bool:
        """Turn to a verb; return whether it is new, so that there is something to be tried."""
        if verb == self.verb:
            return False
        self.verb, self._command, self._commands = verb, "", []
        return True

    def look(self) -> None:
        """List what is to be tried, as the room shows it, from anywhere on."""
        names = []
        for fixture in self.world.here.fixtures:
            inside = fixture.contents if fixture.is_open else []
            names += [fixture.name, *(t.name for t in inside if t.name in words.TOOLS)]
        first = self.rng.randint(1, max(1, len(names)))
        self.is_listed = True
        self.options = {i: name for i, name in enumerate(names, 1) if i >= first}

    def is_known(self, verb: str) -> bool:
        """Return whether a lesson says how a verb is carried out, or it was found out."""
        return verb in self.told or verb in self.known

    def use(self, verb: str) -> Use | None:
        """Return how a verb is carried out, as said, found out or guessed; None: look around."""
        if verb in self.told:
            law = self.world.laws[verb]
            return Use(law.command, law.instrument, self.told[verb])
        if verb in self.known:
            return self.known[verb]
        if verb != self.verb or not self.options:
            return None
        if not self._command:
            drawn = [verb, verb, "cook", *self.rng.sample(words.COMMANDS, 2)]
            left = [command for command in drawn if command not in self._commands]
            self._command = self.rng.choice(left or [verb])
        tool = self.options[min(self.options)]
        return Use(self._command, tool, advice(self._command, tool))

    def said(self, verb: str, use: Use) -> Pieces:
        """Return how the thought puts what `use` returned."""
        if self.is_known(verb):
            return [(f" {use.words}", "law told")]
        tried = f" test {min(self.options)} {use.tool}, use {use.tool} to"
        return [(tried, "found"), (f" {use.command} it", "law guessed")]

    def failed(self) -> None:
        """Take note that the guess failed: by its command, if the world does not know that."""
        if any(law.command == self._command for law in self.world.laws.values()):
            del self.options[min(self.options)]
            return
        self._commands.append(self._command)
        self._command = ""
        if len(self._commands) == MAX_COMMANDS:
            self.options = {}

    def succeeded(self, use: Use) -> None:
        """Take note of how the verb is carried out."""
        self.known[self.verb] = use
        self.verb, self.options = "", {}

    def ending(self) -> str:
        """Return a guess at the verb that ends the job, or nothing after too many."""
        if len(self.tried_endings) >= MAX_ENDINGS:
            return ""
        options = sorted(words.ENDINGS)
        tried = self.tried_endings
        verb = self.rng.choice(options)
        if tried:
            verb = options[(options.index(tried[-1]) + 1) % len(options)]
        tried.append(verb)
        return verb
