"""ALFWorld's official games, from a folder that the user has; nothing is downloaded.

The layout is the official one: `FOLDER/{train,valid_train,valid_seen,valid_unseen}/TASK/TRIAL/
game.tw-pddl`, as `alfworld-download` leaves it in `~/.cache/alfworld/json_2.1.1`.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import islice
from pathlib import Path

from agentevo.benchmarks.alfworld.engine import Game
from agentevo.benchmarks.alfworld.tasks import KINDS, instruction, put_form
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import JSON, Split, Task

_SOURCES: Mapping[Split, tuple[str, ...]] = {
    "train": ("train", "valid_train"),
    "validation": ("valid_seen",),
    "test": ("valid_unseen",),
}
"""A split's games are in the first of these folders that is there."""

_SHARES: tuple[Split, ...] = ("train", "train", "validation", "test")
"""What the rooms of a single folder are dealt to."""

_LEVELS = {kind: level for level, kind in KINDS.items()}


@dataclass(frozen=True)
class _Facts:
    """What is kept of a game file once it was read."""

    digest: str
    solvable: bool
    instruction: str
    put_form: str


class Official:
    """The games of a folder.

    `train` has those of `train` or else `valid_train`, `validation` those of `valid_seen`, and
    `test` those of `valid_unseen`, whose rooms are in none of the others. Where only one of these
    is there, its rooms are dealt to the three splits by a hash of their number, so that no two
    splits share a room. Unsolvable games, those with movable receptacles, and those with sliced
    things are left out, as in ALFWorld.
    """

    name = "alfworld"
    licence = "MIT (alfworld, textworld, the games); the planner Fast Downward is GPL-3.0-or-later"
    source = "PyPI alfworld; Shridhar et al., 2021, arXiv:2010.03768; the games of json_2.1.1"

    def __init__(self, folder: str | Path) -> None:
        """Look for the folders of games; none is read yet.

        Raises:
            BenchmarkError: There are none.
        """
        self._folder = Path(folder).expanduser().absolute()
        there = {
            split: [name for name in names if (self._folder / name).is_dir()]
            for split, names in _SOURCES.items()
        }
        self._sources = {split: names[0] for split, names in there.items() if names}
        if not self._sources:
            known = ", ".join(name for names in _SOURCES.values() for name in names)
            raise BenchmarkError(
                f"alfworld: {self._folder} holds none of the folders {known}: name one that "
                "alfworld-download has made, such as ~/.cache/alfworld/json_2.1.1"
            )
        self._known: dict[str, _Facts] = {}

    @property
    def description(self) -> str:
        """One or two sentences, with what is there."""
        found = ", ".join(f"{split} from {name}" for split, name in self._sources.items())
        if len(self._sources) == 1:
            found = f"{next(iter(self._sources.values()))}, cut in three by room"
        return (
            "Find things in a household, clean, heat or cool them, and put them somewhere: "
            f"ALFWorld's official text games in six kinds of task ({found})."
        )

    @property
    def levels(self) -> tuple[int, ...]:
        """The kinds of task of which every split that is there has games."""
        splits = {split for split, _ in self._paths}
        return tuple(one for one in KINDS if all(self._paths.get((s, one)) for s in splits))

    def tasks(self, split: Split, level: int, start: int, stop: int) -> list[Task]:
        """Return the tasks of a level, by their numbers; reads the files up to the last of them."""
        chosen = islice(self._solvable(split, level), start, stop)
        return [
            Task(
                id=f"{self.name}/{split}/{level}/{start + place}",
                benchmark=self.name,
                split=split,
                instruction=self._facts(path).instruction,
                seed=0,
                difficulty=level,
                data={"game": path},
            )
            for place, path in enumerate(chosen)
        ]

    def game(self, task: Task) -> Game:
        """Read the game of a task."""
        return self._read(str(task.data["game"]))[0]

    def shape(self) -> tuple[str, JSON]:
        """Return the wordings that the files have, and a hash of each file."""
        every = sorted(path for paths in self._paths.values() for path in paths)
        forms = sorted({self._facts(path).put_form for path in every})
        splits = {f"{split}/{level}": paths for (split, level), paths in self._paths.items()}
        return " or ".join(forms), [splits, [self._facts(path).digest for path in every]]

    @cached_property
    def _paths(self) -> dict[tuple[Split, int], list[str]]:
        """By split and level: the files, in an order that mixes rooms and goals."""
        found: dict[tuple[Split, int], list[str]] = defaultdict(list)
        for source, name in self._sources.items():
            for path in (self._folder / name).glob("*/*/game.tw-pddl"):
                relative = path.relative_to(self._folder).as_posix()
                kind, _, rest = path.parent.parent.name.partition("-")
                if kind not in _LEVELS or "movable" in relative or "Sliced" in relative:
                    continue
                split = source if len(self._sources) > 1 else _dealt(rest.rpartition("-")[2])
                found[split, _LEVELS[kind]].append(relative)
        return {key: sorted(found[key], key=_hash) for key in sorted(found)}

    def _solvable(self, split: Split, level: int) -> Iterator[str]:
        return (path for path in self._paths.get((split, level), []) if self._facts(path).solvable)

    def _facts(self, relative: str) -> _Facts:
        if relative not in self._known:
            self._known[relative] = self._read(relative)[1]
        return self._known[relative]

    def _read(self, relative: str) -> tuple[Game, _Facts]:
        try:
            raw = (self._folder / relative).read_bytes()
            said = json.loads(raw)
            game = Game(said["pddl_domain"], said["pddl_problem"], said["grammar"])
            form = put_form(game)
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise BenchmarkError(
                f"alfworld: {self._folder / relative} is no game file: {why}"
            ) from error
        digest = sha256(raw).hexdigest()
        return game, _Facts(digest, said.get("solvable") is True, instruction(game), form)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _dealt(room: str) -> Split:
    return _SHARES[int(_hash(f"room {room}"), 16) % len(_SHARES)]
