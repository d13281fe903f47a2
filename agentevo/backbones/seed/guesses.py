"""What the player tries where no lesson tells it how a verb is carried out, or how the job ends.

It begins anywhere and goes on in order, round and round: by the alphabet for the verbs that end a
job, and as a room shows them for stations and tools. So what was tried last says what comes next.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from agentevo.backbones.seed import words
from agentevo.backbones.seed.world import World, advice

MAX_TRIES = 8  # guesses at one verb before it is left
MAX_ENDINGS = 16  # guesses at how the job ends


class Use(NamedTuple):
    """How a verb of the directions is carried out."""

    command: str
    tool: str
    words: str
    """What the thought says: a lesson's advice or, for a guess, what it would be."""


@dataclass
class Guesses:
    """What was tried, and what is tried next."""

    world: World
    rng: random.Random
    tried: dict[str, list[Use]] = field(default_factory=dict)
    tried_endings: list[str] = field(default_factory=list)

    def use(self, verb: str) -> Use:
        """Return a guess at how a verb is carried out."""
        tried = self.tried.get(verb, [])
        commands = [use.command for use in tried]
        if tried and any(law.command == commands[-1] for law in self.world.laws.values()):
            command, tool = commands[-1], self._tool([use.tool for use in tried])
        else:
            options = [verb, verb, "cook", *self.rng.sample(words.COMMANDS, 2)]
            command = self.rng.choice([c for c in options if c not in commands] or [verb])
            tool = tried[-1].tool if tried else self._tool([])
        return Use(command, tool, advice(command, tool))

    def failed(self, verb: str, use: Use) -> bool:
        """Take note of a guess that failed; return whether the verb is to be left."""
        self.tried.setdefault(verb, []).append(use)
        return len(self.tried[verb]) >= MAX_TRIES

    def ending(self) -> str:
        """Return a guess at the verb that ends the job, or nothing after too many."""
        if len(self.tried_endings) >= MAX_ENDINGS:
            return ""
        verb = self._next(sorted(words.ENDINGS), self.tried_endings)
        self.tried_endings.append(verb)
        return verb

    def _tool(self, tried: list[str]) -> str:
        room = self.world.here
        options = [f.name for f in room.fixtures]
        options += [t.name for f in room.fixtures if f.is_open for t in f.contents
                    if t.name in words.TOOLS]  # fmt: skip
        options += [t.name for t in self.world.held if t.name in words.TOOLS]
        return self._next(options or ["table"], tried)

    def _next(self, options: list[str], tried: list[str]) -> str:
        """Return the option after the one tried last, or any where none was."""
        if not tried or tried[-1] not in options:
            return self.rng.choice(options)
        return options[(options.index(tried[-1]) + 1) % len(options)]
