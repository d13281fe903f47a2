"""The six kinds of task, which are the levels, and what an agent is told about one."""

from collections.abc import Mapping
from typing import Protocol

from agentevo.benchmarks.alfworld.engine import Game
from agentevo.benchmarks.task import JSON, Split, Task

KINDS: Mapping[int, str] = {
    1: "pick_and_place_simple",
    2: "look_at_obj_in_light",
    3: "pick_clean_then_place_in_recep",
    4: "pick_heat_then_place_in_recep",
    5: "pick_cool_then_place_in_recep",
    6: "pick_two_obj_and_place",
}
"""Level to ALFWorld's name; numbered as in ALFWorld."""

LOOK, TWO = 2, 6
"""The levels that differ in more than a treatment: nothing is put down, two things are."""

_FORMS = (
    *("GotoLocation", "OpenObject", "CloseObject", "PickupObject", "PutObject"),
    *("ToggleObject", "HeatObject", "CleanObject", "CoolObject", "SliceObject"),
    *("examineObject", "examineReceptacle", "inventory", "look"),
)
_WORDS = {"o": "OBJECT", "r": "RECEPTACLE", "co": "OBJECT", "ko": "OBJECT"}


class Games(Protocol):
    """Where games come from: official files, or the generator."""

    name: str
    licence: str
    source: str

    @property
    def description(self) -> str:
        """One or two sentences on what there is."""

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels of which there are games in every split."""

    def tasks(self, split: Split, level: int, start: int, stop: int) -> list[Task]:
        """Return the tasks of a level, by their numbers; fewer where there are no more."""

    def game(self, task: Task) -> Game:
        """Return the game of a task."""

    def shape(self) -> tuple[str, JSON]:
        """Return the wording of the games, and all that shapes them, for the fingerprint."""


def instruction(game: Game) -> str:
    """Return the goal of a game and the forms of its commands, which games word differently."""
    goal = game.goal
    templates = {**game.templates, "GotoLocation": "go to {r}"}
    forms = [templates[one].format(**_WORDS) for one in _FORMS if one in templates]
    return (
        f"{goal[:1].upper()}{goal[1:]}.\nCommands, one at a time: {', '.join(forms)}. "
        "Objects and receptacles are called by their name and number, such as apple 1 or shelf 2."
    )


def put_form(game: Game) -> str:
    """Return how the game wants things to be put down: `put in/on` or `move to`."""
    return " ".join(game.templates["PutObject"].format(o="", r="").split())
