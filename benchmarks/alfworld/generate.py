"""Games made here, without end, from what the package alfworld ships: rooms, goals, grammar.

ALFWorld's own games were recorded in a simulator. These keep its 120 rooms with their furniture,
its goals and its table of what may lie where, and place the things at random. The same engine
plays them, but they are other games than the official ones: never report them as ALFWorld's.
"""

from collections import defaultdict
from functools import cache
from random import Random

from agentevo.benchmarks.alfworld import problem, rooms
from agentevo.benchmarks.alfworld.engine import Game, data_folder, data_module
from agentevo.benchmarks.alfworld.problem import Thing
from agentevo.benchmarks.alfworld.rooms import Furniture, Goal, Room
from agentevo.benchmarks.alfworld.tasks import KINDS, TWO, instruction, put_form
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import JSON, SPLITS, Split, Task

_SPLIT_BLOCK = 100_000_000
_LEVEL_BLOCK = 10_000_000
_MOST_ALIKE = 3
"""How many things of one kind there are at most, as in ALFWorld."""


class Generated:
    """Generated games.

    The splits have seeds of their own, and `test` has rooms of its own: the 24 that ALFWorld held
    out for testing. `train` and `validation` share the other 96.
    """

    name = "alfworld-gen"
    description = (
        "Find things in a household, clean, heat or cool them, and put them somewhere: six kinds "
        "of task, in games generated from ALFWorld's rooms and goals. Not the official games; test "
        "is played in held-out rooms."
    )
    licence = "MIT (alfworld, textworld); the planner Fast Downward is GPL-3.0-or-later"
    source = "generated from PyPI alfworld's data; after Shridhar et al., 2021, arXiv:2010.03768"
    levels = tuple(KINDS)

    def tasks(self, split: Split, level: int, start: int, stop: int) -> list[Task]:
        """Return the tasks of a level, by their numbers."""
        if not 0 <= start <= stop <= _LEVEL_BLOCK:
            raise BenchmarkError(f"{self.name}: task numbers must be in 0..{_LEVEL_BLOCK - 1}")
        first = SPLITS.index(split) * _SPLIT_BLOCK + level * _LEVEL_BLOCK
        return [
            Task(
                id=f"{self.name}/{split}/{level}/{index}",
                benchmark=self.name,
                split=split,
                instruction=instruction(make(split, level, first + index)),
                seed=first + index,
                difficulty=level,
            )
            for index in range(start, stop)
        ]

    def game(self, task: Task) -> Game:
        """Make the game of a task, which takes about a millisecond."""
        return make(task.split, task.difficulty, task.seed)

    def shape(self) -> tuple[str, JSON]:
        """Return the wording, and the problems of some games, which no other generator makes."""
        games = [
            self.game(task)
            for split in SPLITS
            for n in KINDS
            for task in self.tasks(split, n, 0, 2)
        ]
        return put_form(games[0]), [[game.domain, game.grammar, game.problem] for game in games]


def make(split: Split, level: int, seed: int) -> Game:
    """Make one game, the same for the same arguments."""
    rng = Random(f"alfworld-gen/{split}/{level}/{seed}")
    goals = rooms.rooms_for(level, held_out=split == "test")
    number = rng.choice(list(goals))
    goal = rng.choice(goals[number])
    room = rooms.room(number)
    said = data_module("gen/goal_library.py").gdict[KINDS[level]]
    terms = {"obj": goal.kind, "recep": goal.target, "toggle": goal.lamp}
    asked = rng.choice(said["templates"]).format_map({k: v.lower() for k, v in terms.items()})
    things = _place(room, goal, n_wanted=2 if level == TWO else 1, rng=rng)
    return Game(
        domain=_text("data/alfred.pddl"),
        problem=problem.write(room, things, said["pddl"].replace("#", "-").format_map(terms)),
        grammar=_text("data/alfred.twl2").replace("UNKNOWN GOAL", asked),
    )


def _place(room: Room, goal: Goal, *, n_wanted: int, rng: Random) -> list[Thing]:
    """Place some things of each kind: drawn is first the kind of furniture, then which piece.

    What is asked for is there, and not yet where it belongs.
    """
    pieces: dict[str, list[Furniture]] = defaultdict(list)
    for piece in room.furniture:
        pieces[piece.kind].append(piece)
    things = []
    for kind in (*room.kinds, *room.lamps):
        places = room.places_for(kind)
        n = 1 if kind in room.lamps else rng.randint(1, _MOST_ALIKE)
        if kind == goal.kind:
            places = [place for place in places if place != goal.target]
            n = max(n, n_wanted)
        # The ids decide how things of a kind are numbered: drawn, they tell nothing of the place.
        for spot in rng.sample(range(100, 1000), n if places else 0):
            holder = rng.choice(pieces[rng.choice(places)])
            things.append(Thing(rooms.pddl_id(f"{kind}|+{spot / 100:05.2f}"), kind, holder))
    return things


@cache
def _text(name: str) -> str:
    return (data_folder() / name).read_text(encoding="utf-8")
