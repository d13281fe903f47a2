"""How the player finds its way: a search in depth, with its state in four short lists."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from agentevo.backbones.seed.thoughts import Pieces, decided, note, numbered
from agentevo.backbones.seed.world import OPPOSITE, Room

COMPASS = ("north", "east", "south", "west")
_REFUSED = "You have to open the "


@dataclass
class Route:
    """Where the player is, and where it has not been.

    Args:
        rng: for exits that are imagined.
        p_blind: chance that it notes exits that are not there; trying them tells.
    """

    rng: random.Random
    p_blind: float = 0.0
    at: str = ""
    back: list[str] = field(default_factory=list)
    """Directions that lead back to where the search began, the next one last."""
    seen: list[str] = field(default_factory=list)
    """Rooms, the latest last."""
    exits: list[tuple[str, str]] = field(default_factory=list)
    """Rooms and directions not tried, those of the latest room last."""
    is_new: bool = False
    """Whether the exits of this room are noted now for the first time."""
    is_known: bool = False
    """Whether an exit that had not been tried led to a room seen before."""
    _imagined: bool = False
    _door: str = ""

    def start(self, room: Room) -> None:
        """Begin a search in a room."""
        self.at, self.seen, self.back = room.name, [room.name], []
        self.exits = self._ways(room)
        self.is_new = True

    def went(self, way: str, room: Room, observation: str) -> None:
        """Take note of where going a way led: to `room`, or nowhere."""
        if room.name == self.at:
            if _REFUSED in observation:
                self._door = observation.split(_REFUSED)[1].split(" first")[0]
            else:
                self.exits = self.exits[:-1]
            return
        self.at = room.name
        if self.back and way == self.back[-1]:
            self.back.pop()
            return
        self.exits = self.exits[:-1]
        self.back.append(OPPOSITE[way])
        self.is_known = room.name in self.seen
        if not self.is_known:
            self.seen.append(room.name)
            self.exits += self._ways(room, OPPOSITE[way])
            self.is_new = True

    def explore(self, before: Pieces) -> tuple[Pieces, str] | None:
        """Return the next step of the search, or None when nothing is left to be searched."""
        if self.is_known:
            return decided("been here", f"back {self.back[-1]}", before), f"go {self.back[-1]}"
        if self._door:
            door, self._door = self._door, ""
            return decided("closed", door, before), f"open {door}"
        if not self.exits:
            return None
        room, way = self.exits[-1]
        if room != self.at:
            return decided("back", self.back[-1], before), f"go {self.back[-1]}"
        return decided("try", way, before), f"go {way}"

    def homewards(self, before: Pieces) -> tuple[Pieces, str]:
        """Return the next step back to where the search began."""
        return decided("go home", self.back[-1], before), f"go {self.back[-1]}"

    def notes(self, *, exploring: bool) -> Pieces:
        """Return what is worth noting: while exploring everything, else the way back."""
        back = note("back", numbered(self.back))
        if not exploring or (len(self.seen) < 2 and not self.exits):
            return back
        listed = numbered([f"{room} {way}" for room, way in self.exits])
        n_here = sum(room == self.at for room, _ in self.exits) if self.is_new else 0
        n_rest = len(listed) - n_here
        exits = note("exits", listed)
        if n_here:
            before = f" exits {', '.join(listed[:n_rest])}," if n_rest else " exits"
            here = f" {', '.join(listed[n_rest:])}"
            exits = [(before, "notes"), (here, "slip" if self._imagined else "found")]
            exits.append((";", "slip" if self._imagined else "found"))
        return [*note("at", [self.at]), *back, *note("seen", numbered(self.seen)), *exits]

    def _ways(self, room: Room, came: str = "") -> list[tuple[str, str]]:
        ways = [way for way in COMPASS if way in room.exits and way != came]
        self._imagined = self.rng.random() < self.p_blind
        if self._imagined:
            ways = [w for w in COMPASS if w != came and (w in ways or self.rng.random() < 0.3)]
        return [(self.at, way) for way in ways]
