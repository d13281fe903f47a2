"""The one door to the packages `alfworld` and `textworld`: their versions, games, and data.

ALFWorld: Shridhar et al., 2021, arXiv:2010.03768. A game is a planning problem in PDDL, and a
grammar that puts it into words; TextWorld's PddlEnv plays it with the planner Fast Downward.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from agentevo.benchmarks.alfworld.caches import hasten
from agentevo.benchmarks.errors import BenchmarkError

_PACKAGES = ("alfworld", "textworld", "fast-downward-textworld")
_TEMPLATE = re.compile(r'action (\w+) \{\s*template :: "([^"]*)"')
_GOAL = re.compile(r"Your task is to: (.*?)\"")


@dataclass(frozen=True)
class State:
    """What the engine says after one command."""

    feedback: str
    won: bool
    admissible_commands: tuple[str, ...]


@dataclass(frozen=True)
class Game:
    """What a game file holds, as the engine takes it."""

    domain: str
    problem: str
    grammar: str
    """TextWorld evaluates parts of it as Python: as trusted as code."""

    @property
    def goal(self) -> str:
        """The goal as the game words it, e.g. `put a hot egg in fridge`."""
        found = _GOAL.search(self.grammar)
        return found.group(1).rstrip(". ") if found else ""

    @property
    def templates(self) -> Mapping[str, str]:
        """The commands by PDDL action, with `{o}` for an object and `{r}` for a receptacle."""
        return dict(_TEMPLATE.findall(self.grammar))


def versions() -> dict[str, str]:
    """Return the versions of the three packages that make up the engine.

    Raises:
        BenchmarkError: One of them is not installed.
    """
    try:
        return {name: importlib.metadata.version(name) for name in _PACKAGES}
    except importlib.metadata.PackageNotFoundError as error:
        raise BenchmarkError(
            f"the package {error.name} is not installed: pip install 'agentevo[alfworld]' (it"
            " builds fast-downward-textworld from source, with g++ and make, for some minutes)"
        ) from None


class Engine:
    """TextWorld's engine with one game; neither thread-safe nor safe beside another one.

    Each loads a copy of the planner's library, 2 MB, that stays for as long as the process:
    unloading it has been seen to crash.
    """

    def __init__(self, game: Game) -> None:
        """Load the game.

        Things get the names that alfworld's own wrapper gives them. That one is not imported: it
        would make a folder in the user's home.
        """
        versions()
        from textworld import EnvInfos
        from textworld.envs import PddlEnv

        hasten()
        self._engine = PddlEnv(EnvInfos(admissible_commands=True, won=True))
        data = {"pddl_domain": game.domain, "pddl_problem": game.problem, "grammar": game.grammar}
        self._engine.load(data)
        things = self._engine._entity_infos
        for key, name in names(things).items():
            things[key].name = name

    def reset(self) -> State:
        """Begin the game, or begin it again."""
        return _state(self._engine.reset())

    def step(self, command: str) -> State:
        """Send one command; one that is not admissible changes nothing."""
        return _state(self._engine.step(command)[0])


def _state(said: Mapping[str, object]) -> State:
    commands = said["admissible_commands"]
    assert isinstance(commands, list)
    return State(str(said["feedback"]), bool(said["won"]), tuple(commands))


def names(ids: Iterable[str]) -> dict[str, str]:
    """Return how a game calls its things: `mug_bar__plus_01_dot_20...` is `mug 2`.

    Args:
        ids: All ids of the game, in lower case; those of a kind are counted down.
    """
    kinds = {one: _kind(one) for one in sorted(set(ids))}
    left = Counter(kinds.values())
    found = {}
    for one, kind in kinds.items():
        found[one] = f"{kind} {left[kind]}" if "_bar_" in one else one
        left[kind] -= 1
    return found


def _kind(one: str) -> str:
    kind = one.partition("_bar_")[0]
    return f"{kind}basin" if "basin" in one and "_bar_" in one else kind


@cache
def data_folder() -> Path:
    """Return the folder of the package alfworld, without importing it."""
    versions()
    return Path(str(importlib.metadata.distribution("alfworld").locate_file("alfworld")))


@cache
def data_module(name: str) -> ModuleType:
    """Return a module of alfworld's that holds data alone, such as `gen/constants.py`.

    Importing it as a part of alfworld would make a folder in the user's home.
    """
    path = data_folder() / name
    spec = importlib.util.spec_from_file_location(f"_alfworld_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
