import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import zip_longest

import pytest

from agentevo import benchmarks
from agentevo.benchmarks import Benchmark, Observation, Task

LEVELS = range(1, 11)
MAX_POINTS = {1: 3, 2: 4, 3: 4, 4: 3, 5: 3, 6: 3, 7: 5, 8: 5, 9: 11, 10: 11}
ENGINE_LEFTOVERS = re.compile(
    r"\$\$|^>|RESTART|\n\n\n|[ \t]{2}|=-\s*\d+/\d+|<\w+>|\[", re.MULTILINE
)


def _task(cooking: Benchmark, level: int) -> Task:
    return cooking.tasks("train", 1, levels=[level])[0]


def _play(benchmark: Benchmark, task: Task, actions: Sequence[str]) -> list[Observation]:
    with closing(benchmark.open(task)) as environment:
        return [environment.reset(), *(environment.step(action) for action in actions)]


def _appliances(cooking: Benchmark, task: Task) -> tuple[list[str], str]:
    """Return the gold up to the first cooking, and that cooking with a wrong appliance."""
    gold = cooking.gold(task)
    assert gold is not None
    at = next(i for i, action in enumerate(gold) if action.startswith("cook "))
    food, _, appliance = gold[at].removeprefix("cook ").partition(" with ")
    return gold[:at], f"cook {food} with {'oven' if appliance == 'stove' else 'stove'}"


@pytest.mark.parametrize("level", LEVELS)
def test_the_honest_walkthrough_wins_with_all_points(cooking: Benchmark, level: int) -> None:
    task = _task(cooking, level)
    gold = cooking.gold(task)
    assert gold is not None
    read = gold.index("examine cookbook")
    assert all(action.split()[0] in ("go", "open") for action in gold[:read])
    seen = _play(cooking, task, gold)
    assert len(gold) <= cooking.max_steps(task)
    assert seen[-1].success
    assert seen[-1].score == seen[-1].info["best_score"] == 1.0
    assert seen[-1].info["points"] == seen[-1].info["max_points"] == MAX_POINTS[level]
    assert [text for o in seen for text in ENGINE_LEFTOVERS.findall(o.text)] == []


def test_the_goal_is_the_instruction_and_the_first_text_is_the_room(cooking: Benchmark) -> None:
    for level in (1, 8):
        task = _task(cooking, level)
        first, goal = _play(cooking, task, ["goal"])
        assert goal.text == task.instruction
        assert first.text.startswith("-= ")
        assert task.instruction not in first.text


def test_nothing_but_the_score_is_told_besides_the_text(cooking: Benchmark) -> None:
    first = _play(cooking, _task(cooking, 7), [])[0]
    assert set(first.info) == {"points", "max_points", "best_score"}


def test_admissible_commands_and_inventory_come_when_asked_for(cooking: Benchmark) -> None:
    asked = benchmarks.load("textworld-cooking", extras=["admissible_commands", "inventory"])
    task = _task(cooking, 7)
    gold = cooking.gold(task)
    assert gold is not None
    plain, told = _play(cooking, task, gold), _play(asked, task, gold)
    assert [o.text for o in plain] == [o.text for o in told]
    for action, observation in zip(gold, told, strict=False):
        commands = observation.info["admissible_commands"]
        assert isinstance(commands, list)
        assert action in commands
    assert told[0].info["inventory"] == "You are carrying nothing."
    json.dumps([dict(o.info) for o in told])


def test_a_wrong_appliance_loses_and_keeps_the_points(cooking: Benchmark) -> None:
    task = _task(cooking, 7)
    before, wrong = _appliances(cooking, task)
    *_, prior, last = _play(cooking, task, [*before, wrong])
    assert last.terminated
    assert not last.truncated
    assert not last.success
    assert last.score == prior.score > 0
    assert "*** You lost! ***" in last.text


def test_rewards_are_the_steps_of_the_score(cooking: Benchmark) -> None:
    task = _task(cooking, 9)
    seen = _play(cooking, task, cooking.gold(task) or [])
    assert sum(o.reward for o in seen) == pytest.approx(1.0)
    assert {round(o.reward * 11) for o in seen} == {0, 1}


def test_the_step_limit_truncates(cooking: Benchmark) -> None:
    short = benchmarks.load("textworld-cooking", max_steps=3)
    seen = _play(short, _task(cooking, 1), ["look", "quit", "look"])
    assert [(o.terminated, o.truncated) for o in seen] == [(False, i == 3) for i in range(4)]


def test_a_step_after_the_end_or_before_the_beginning_is_a_bug(cooking: Benchmark) -> None:
    short = benchmarks.load("textworld-cooking", max_steps=1)
    with closing(short.open(_task(cooking, 1))) as environment:
        with pytest.raises(RuntimeError, match="call reset"):
            environment.step("look")
        environment.reset()
        environment.step("look")
        with pytest.raises(RuntimeError, match="call reset"):
            environment.step("look")
        environment.reset()
        assert environment.step("look").truncated


def test_closing_twice_is_harmless(cooking: Benchmark) -> None:
    environment = cooking.open(_task(cooking, 1))
    environment.close()
    environment.close()


@pytest.mark.parametrize(
    "action",
    [
        "quit",
        "restart",
        "save",
        "undo",
        "print_state",
        "tw-trace-actions",
        "look. look",
        "x" * 9999,
    ],
)
def test_the_engine_cannot_be_reached_past_the_game(cooking: Benchmark, action: str) -> None:
    task = _task(cooking, 7)
    gold = cooking.gold(task) or []
    with_it = _play(cooking, task, [*gold[:2], action, *gold[2:]])
    without = _play(cooking, task, gold)
    # Beside the refusal, only the turn counter of the last text may differ: it must not.
    assert [o.text for o in with_it[:3] + with_it[4:]] == [o.text for o in without]
    assert with_it[3].text
    assert with_it[3].score == with_it[2].score


@pytest.mark.parametrize(
    "action", ["", "  \n", "żółć ☃", "\x00\x1b[2J", "%s%n", "g", "take", "oops"]
)
def test_odd_actions_are_answered(cooking: Benchmark, action: str) -> None:
    _, odd, after = _play(cooking, _task(cooking, 7), [action, "inventory"])
    assert odd.text
    assert not odd.done
    assert after.text == "You are carrying nothing."


def test_episodes_of_different_games_run_in_threads(cooking: Benchmark) -> None:
    tasks = [_task(cooking, level) for level in (1, 7, 8, 9)] * 4
    gold = {task.id: cooking.gold(task) or [] for task in tasks}
    alone = {task.id: _play(cooking, task, gold[task.id]) for task in tasks[:4]}
    with ThreadPoolExecutor(8) as threads:
        beside = list(threads.map(lambda task: _play(cooking, task, gold[task.id]), tasks))
    assert beside == [alone[task.id] for task in tasks]


def test_one_episode_may_move_between_threads(cooking: Benchmark) -> None:
    task = _task(cooking, 7)
    gold = cooking.gold(task) or []
    with closing(cooking.open(task)) as environment:
        environment.reset()
        for action in gold:
            with ThreadPoolExecutor(1) as thread:
                last = thread.submit(environment.step, action).result()
    assert last.success


def test_the_other_two_do_not_tell_the_way() -> None:
    for name in ("textworld-coin-collector", "textworld-treasure-hunter"):
        benchmark = benchmarks.load(name)
        task = benchmark.tasks("train", 1, levels=[12 if "treasure" in name else 3])[0]
        first = _play(benchmark, task, [])[0]
        head, _, _ = first.text.partition("-= ")
        words = ("north", "south", "east", "west")
        assert [word for word in words if word in task.instruction + head] == []


def test_splits_ask_for_other_foods() -> None:
    cooking = benchmarks.load("textworld-cooking")
    recipes = []
    for split in benchmarks.SPLITS:
        task = cooking.tasks(split, 1, levels=[9])[0]
        gold = cooking.gold(task) or []
        texts = [o.text for o in _play(cooking, task, gold)]
        recipe = texts[gold.index("examine cookbook") + 1]
        recipes.append(set(recipe.partition("Directions:")[2].split("\n")) - {"", "prepare meal"})
    pairs = zip_longest(recipes, recipes[1:] + recipes[:1])
    assert all(one != other for one, other in pairs)
