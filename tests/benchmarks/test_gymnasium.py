import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gymnasium")

import gymnasium
from gymnasium import spaces

from agentevo import benchmarks
from agentevo.benchmarks import SPLITS, BenchmarkError, Task
from agentevo.benchmarks.gymnasium import Gymnasium
from tests.benchmarks.tried import faults_of, seen_in, task_of


class Spelling(gymnasium.Env[str, str]):
    """Spell a word of five letters, one a step: a point for each that is right."""

    words = ("apple", "bread", "chair", "dance", "eagle", "flame")
    observation_space = spaces.Text(200)
    action_space = spaces.Text(3, charset=spaces.text.alphanumeric | {" "})

    def __init__(self, penalty: float = 0.0, ends: bool = True) -> None:
        self.penalty = penalty
        self.ends = ends

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.word = self.words[self.np_random.integers(len(self.words))]
        self.said = ""
        return f"Spell {self.word}.", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        right = action == self.word[len(self.said) % 5]
        self.said += action[0]
        text = "" if action == "z" else f"You said {self.said}."
        info = {"spelled": self.said == self.word}
        reward = 1.0 if right else -self.penalty
        return text, reward, self.ends and len(self.said) == 5, False, info


@pytest.fixture(autouse=True, scope="module")
def spelling() -> Iterator[None]:
    def make(**settings: Any) -> Spelling:
        return Spelling(**settings)

    gymnasium.register("Spelling-v0", make, max_episode_steps=8)
    gymnasium.register("SpellingWithoutEnd-v0", make, kwargs={"ends": False})
    yield
    del gymnasium.registry["Spelling-v0"], gymnasium.registry["SpellingWithoutEnd-v0"]


MOVES = ("left", "down", "right", "up")
WAY = ["down", "down", "right", "right", "down", "right"]


def _cell(state: int) -> str:
    return f"You stand in row {state // 4}, column {state % 4}."


def _lake(**changes: Any) -> Gymnasium:
    arguments: dict[str, Any] = {
        "instruction": "Cross the frozen lake from row 0, column 0 to row 3, column 3.",
        "actions": MOVES,
        "render": _cell,
        "success": lambda info, reward, total: reward == 1,
        "settings": {"is_slippery": False},
    }
    return Gymnasium("FrozenLake-v1", **arguments | changes)


def _speller(env_id: str = "Spelling-v0", **changes: Any) -> Gymnasium:
    arguments: dict[str, Any] = {
        "instruction": "Spell the word, one letter a turn.",
        "return_range": (0, 5),
        "thread_safe": True,
    }
    return Gymnasium(env_id, **arguments | changes)


def _letters(benchmark: Gymnasium, task: Task) -> list[str]:
    return list(seen_in(benchmark, task, [])[0].text.removeprefix("Spell ").removesuffix("."))


def test_the_checker_finds_no_fault_in_wrapped_environments() -> None:
    assert faults_of(_lake(), 2) == []
    assert faults_of(_lake(settings={"is_slippery": True}), 2) == []
    assert faults_of(_speller(), 2) == []
    assert faults_of(_speller(return_range=(-5, 5), settings={"penalty": 1.0}), 2) == []


def test_numbers_become_words_and_names_become_numbers() -> None:
    lake = _lake()
    task = task_of(lake)
    assert task.instruction.endswith("column 3. Actions: left, down, right, up.")
    seen = seen_in(lake, task, WAY)
    assert [o.text for o in seen[:3]] == [f"You stand in row {row}, column 0." for row in range(3)]
    assert [o.success for o in seen] == [False] * 6 + [True]
    assert seen[-1].terminated
    assert seen[-1].score == seen[-1].reward == seen[-1].info["return"] == 1.0
    json.dumps([dict(o.info) for o in seen])


def test_an_end_without_success_scores_nothing() -> None:
    lake = _lake()
    *_, last = seen_in(lake, task_of(lake), ["down", "right"])
    assert (last.terminated, last.success, last.score) == (True, False, 0.0)


def test_luck_is_in_the_seed() -> None:
    lake = _lake(settings={"is_slippery": True})
    ways = [
        [o.text for o in seen_in(lake, task, ["left", "up"])] for task in lake.tasks("train", 8) * 2
    ]
    assert ways[:8] == ways[8:]
    assert len({tuple(way) for way in ways}) > 1


def test_text_passes_through_and_points_add_up() -> None:
    speller = _speller()
    task = task_of(speller)
    letters = _letters(speller, task)
    wrong = "b" if letters[1] != "b" else "c"
    seen = seen_in(speller, task, [letters[0], wrong, *letters[2:]])
    assert seen[1].text == f"You said {letters[0]}."
    assert [round(o.score, 9) for o in seen] == [0.0, 0.2, 0.2, 0.4, 0.6, 0.8]
    assert [o.success for o in seen] == [False] * 6
    assert seen[-1].terminated
    assert seen_in(speller, task, letters)[-1].success


def test_a_score_that_can_fall_is_given_at_the_end() -> None:
    speller = _speller(return_range=(-5, 5), settings={"penalty": 1.0})
    task = task_of(speller)
    letters = _letters(speller, task)
    assert [o.score for o in seen_in(speller, task, letters)] == [0.0] * 5 + [1.0]
    seen = seen_in(speller, task, [letters[0], *"ZZZZ"])
    assert [o.score for o in seen] == [0.0] * 5 + [0.2]
    assert not seen[-1].success


def test_success_ends_an_episode_that_would_go_on() -> None:
    speller = _speller(
        "SpellingWithoutEnd-v0",
        success=lambda info, reward, total: info["spelled"],
        return_range=None,
        max_steps=20,
    )
    task = task_of(speller)
    letters = _letters(speller, task)
    last = seen_in(speller, task, letters)[-1]
    assert (last.success, last.terminated, last.truncated, last.score) == (True, True, False, 1.0)
    assert not seen_in(speller, task, ["Z", *letters])[-1].done


def test_words_outside_a_text_space_are_answered() -> None:
    speller = _speller()
    task = task_of(speller)
    seen = seen_in(speller, task, ["spell it", "", "?!", "z", "look"])
    assert [o.text for o in seen[1:]] == [
        "An action has 1 to 3 characters.",
        "An action has 1 to 3 characters.",
        "An action must not contain '!', '?'.",
        "Nothing happens.",
        "An action has 1 to 3 characters.",
    ]
    assert not seen[-1].done


def test_unknown_names_are_answered_and_cost_a_step() -> None:
    lake = _lake(max_steps=3)
    seen = seen_in(lake, task_of(lake), ["north", " DOWN. ", "7"])
    assert seen[1].text == seen[3].text
    assert seen[1].text == "There is no such action. Actions: left, down, right, up."
    assert seen[2].text == "You stand in row 1, column 0."
    assert [o.truncated for o in seen] == [False, False, False, True]


def test_the_step_limit_is_the_users_or_the_environments() -> None:
    assert _lake().max_steps(task_of(_lake())) == 100
    longer = _lake(max_steps=150)
    seen = seen_in(longer, task_of(longer), ["left"] * 150)
    assert [o.truncated for o in seen] == [False] * 150 + [True]
    endless = _speller("SpellingWithoutEnd-v0")
    with pytest.raises(BenchmarkError, match="no step limit: give max_steps="):
        endless.max_steps(task_of(endless))


def test_the_splits_have_seeds_of_their_own() -> None:
    speller = _speller()
    seeds = {split: {task.seed for task in speller.tasks(split, 1000)} for split in SPLITS}
    assert len(set.union(*seeds.values())) == 3000
    words = {seen_in(speller, task, [])[0].text for task in speller.tasks("test", 30)}
    assert len(words) == 6
    assert speller.tasks("train", 1, levels=[]) == []
    with pytest.raises(BenchmarkError, match="no level 2; there are: 1"):
        speller.tasks("train", 1, levels=[2])
    with pytest.raises(BenchmarkError, match="no task number 1000000000 "):
        speller.tasks("train", 1, start=10**9)


def test_an_episode_that_ended_takes_no_step_and_closes_twice() -> None:
    lake = _lake()
    environment = lake.open(task_of(lake))
    with pytest.raises(RuntimeError, match="call reset"):
        environment.step("down")
    for _ in range(2):
        environment.reset()
        environment.step("down")
        assert environment.step("right").terminated
        with pytest.raises(RuntimeError, match="call reset"):
            environment.step("right")
    environment.close()
    environment.close()


def test_eight_threads_spell_as_one_does() -> None:
    speller = _speller()
    tasks = speller.tasks("train", 64)
    letters = [_letters(speller, task) for task in tasks]
    alone = [seen_in(speller, *one) for one in zip(tasks, letters, strict=True)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda *one: seen_in(speller, *one), tasks, letters)) == alone
    assert all(seen[-1].success for seen in alone)


@pytest.mark.parametrize(
    ("benchmark", "message"),
    [
        (lambda: _lake(render=None), "observes Discrete(16), which is no text: give render="),
        (lambda: _lake(actions=()), "has 4 actions: give actions= as many names, not 0"),
        (lambda: _speller(actions=MOVES), "takes any text: leave actions= out"),
        (lambda: _lake(settings={"ice": 3}), "unexpected keyword argument 'ice'"),
        (lambda: _speller("Speling-v0"), "Did you mean: `Spelling`?"),
        (lambda: _speller("no_such_module:X-v0"), "No module named 'no_such_module'"),
        (lambda: _speller("Pendulum-v1", render=str), "neither Discrete nor Text"),
        (lambda: _lake(success=None), "give success=, return_range= or both"),
        (lambda: _lake(return_range=(1, 1)), "must rise"),
        (lambda: _lake(max_steps=0), "max_steps is 0"),
        (lambda: _lake(actions=("up", "Up", "left", "right")), "two actions have the same name"),
    ],
)
def test_what_cannot_be_wrapped_is_the_users_error(benchmark: Any, message: str) -> None:
    with pytest.raises(BenchmarkError, match=re.escape(message)) as caught:
        benchmark().prepare([])
    assert "\n" not in str(caught.value)


def test_a_render_that_gives_no_text_is_the_users_error() -> None:
    lake = _lake(render=lambda state: state)
    with pytest.raises(BenchmarkError, match="render gave a int, not a text"):
        lake.open(task_of(lake)).reset()


def test_the_fingerprint_knows_every_argument() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"render": lambda state: f"Cell {state}."},
        {"success": lambda info, reward, total: total > 0},
        {"settings": {}},
        {"max_steps": 9},
        {"return_range": (0, 1)},
        {"instruction": "Cross."},
        {"actions": ("west", "south", "east", "north")},
    ]
    prints = [_lake(**change).fingerprint() for change in changes]
    assert len(set(prints)) == len(prints)
    assert prints == [_lake(**change).fingerprint() for change in changes]


def test_one_call_in_a_users_file_is_a_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from agentevo.benchmarks.gymnasium import Gymnasium\n"
        "taxi = Gymnasium('Taxi-v4', instruction='Bring the passenger to the destination.',\n"
        "    actions=('south', 'north', 'east', 'west', 'pick up', 'drop off'),\n"
        "    render='State {}.'.format, success=lambda info, reward, total: reward == 20)\n"
    )
    taxi = benchmarks.load(f"{file}:taxi")
    assert taxi.name == "Taxi-v4"
    assert faults_of(taxi) == []
    first = {seen_in(taxi, task, [])[0].text for task in taxi.tasks("train", 5)}
    assert len(first) > 1
