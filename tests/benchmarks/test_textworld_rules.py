import json
import re
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import pytest

from agentevo import benchmarks
from agentevo.benchmarks import SPLITS, Benchmark, BenchmarkError, Observation, Split, Task, check
from agentevo.benchmarks.task import JSON
from agentevo.benchmarks.textworld import rules
from agentevo.benchmarks.textworld.benchmark import TextWorld
from agentevo.benchmarks.textworld.engine import version
from agentevo.benchmarks.textworld.games import Spec, ensure

USUAL = {"fry": "stove", "roast": "oven", "grill": "BBQ"}
DOES = {"stove": "roasted", "oven": "grilled", "BBQ": "fried"}  # by permuted rules number 0
COOKS: tuple[tuple[Split, int], ...] = (("train", 9), ("validation", 10))
"""One with stove and oven alone, and one with a recipe that needs the BBQ."""
ON_COOKS = pytest.mark.parametrize(("split", "level"), COOKS)


def _load(**options: str | float) -> TextWorld:
    found = benchmarks.load("textworld-cooking", **options)
    assert isinstance(found, TextWorld)
    return found


def _task(benchmark: Benchmark, split: Split, level: int) -> Task:
    return benchmark.tasks(split, 1, levels=[level])[0]


def _play(benchmark: Benchmark, task: Task, actions: Sequence[str]) -> list[Observation]:
    with closing(benchmark.open(task)) as environment:
        return [environment.reset(), *(environment.step(action) for action in actions)]


def _cookings(gold: Sequence[str]) -> list[tuple[int, str, str]]:
    """Return where in the gold a food is cooked, the food, and the appliance."""
    split = [(i, *c.removeprefix("cook ").partition(" with ")) for i, c in enumerate(gold)]
    return [(i, food, appliance) for i, food, _, appliance in split if gold[i].startswith("cook ")]


@pytest.fixture(scope="module")
def permuted(home: Path) -> TextWorld:
    benchmark = _load(rules="permuted")
    benchmark.prepare([_task(benchmark, *cook) for cook in COOKS], workers=2)
    return benchmark


def test_each_number_is_another_assignment_and_the_first_two_leave_nothing() -> None:
    words = [rules.permuted(seed).words for seed in range(rules.N_PERMUTED)]
    states = [tuple(each[state] for state in ("fried", "roasted", "grilled")) for each in words]
    verbs = [tuple(each[verb] for verb in ("fry", "roast", "grill")) for each in words]
    assert len({("fried", "roasted", "grilled"), *states}) == 6
    assert len({("fry", "roast", "grill"), *verbs}) == 6
    assert all(was != now for each in words[:2] for was, now in each.items())


def test_the_table_of_the_numbers_says_what_they_do() -> None:
    table = re.findall(r"\| (\d) +\| (\w+) +\| (\w+) +\| (\w+) +\|", rules.permuted.__doc__ or "")
    assert len(table) == rules.N_PERMUTED
    for seed, *does in table:
        words = rules.permuted(int(seed)).words
        assert does == [words[verb].replace("fry", "frie") + "s" for verb in USUAL]


def test_the_original_is_what_comes_unasked() -> None:
    plain, asked = _load(), _load(rules="original")
    assert plain.name == asked.name == "textworld-cooking"
    assert plain.fingerprint() == asked.fingerprint()
    assert plain.tasks("test", 2) == asked.tasks("test", 2)
    (task,) = plain.tasks("test", 1, levels=[2])
    settings: dict[str, JSON] = {
        "recipe": 1,
        "take": 1,
        "go": 1,
        "cut": False,
        "cook": True,
        "open": True,
    }
    settings |= {"drop": False, "recipe_seed": 0, "split": "test"}
    key = ["tw-cooking", settings, task.seed, task.instruction, version()]
    digest = sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    assert plain._spec(task).path.stem == digest[:32]


def test_tasks_of_different_rules_are_never_confused() -> None:
    every = [_load(), *(_load(rules="permuted", rules_seed=n) for n in range(rules.N_PERMUTED))]
    assert len({each.name for each in every}) == len(every)
    assert len({each.fingerprint() for each in every}) == len(every)
    assert all(f"permuted-{n}" in each.fingerprint() for n, each in enumerate(every[1:]))
    tasks = [_task(each, "test", 2) for each in every]
    assert tasks[1].id == "textworld-cooking-permuted-0/test/2/0"
    assert len({task.id for task in tasks}) == len(every)
    paths = {each._spec(task).path for each, task in zip(every, tasks, strict=True)}
    assert len(paths) == len(every)
    for (one, _), (_, other) in combinations(zip(every, tasks, strict=True), 2):
        with pytest.raises(BenchmarkError, match="is a task of textworld-cooking"):
            one.open(other)


def test_rules_are_asked_for_behind_the_name_too() -> None:
    asked = benchmarks.load("textworld-cooking:rules=permuted,rules_seed=3")
    assert asked.fingerprint() == _load(rules="permuted", rules_seed=3.0).fingerprint()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rules": "permutd"}, r"no rules 'permutd'; did you mean 'permuted'\?"),
        ({"rules": 1}, r"no rules '1' \(known: original, permuted\)"),
        ({"rules": "permuted", "rules_seed": 5}, "rules_seed is 5, must be 0 to 4"),
        ({"rules": "permuted", "rules_seed": -1}, "rules_seed is -1, must be 0 to 4"),
        ({"rules_seed": 1}, "rules_seed is for rules='permuted', got 1"),
    ],
)
def test_rules_that_are_out_of_range_are_refused(
    options: dict[str, str | float], message: str
) -> None:
    with pytest.raises(BenchmarkError, match=f"textworld-cooking: {message}"):
        _load(**options)


def test_but_for_its_name_a_task_is_the_one_of_the_original() -> None:
    plain, other = _load(), _load(rules="permuted")
    for split in SPLITS:
        for one, its in zip(plain.tasks(split, 2), other.tasks(split, 2), strict=True):
            assert (one.instruction, one.seed, one.data) == (its.instruction, its.seed, its.data)


@ON_COOKS
def test_food_becomes_what_the_permuted_rules_say(
    permuted: TextWorld, split: Split, level: int
) -> None:
    task = _task(permuted, split, level)
    gold = permuted.gold(task)
    seen = _play(permuted, task, gold)
    assert seen[-1].success
    assert seen[-1].score == 1.0
    recipe = seen[gold.index("examine cookbook") + 1].text
    cooked = _cookings(gold)
    assert cooked
    for i, food, appliance in cooked:
        (verb,) = re.findall(rf"(fry|roast|grill) the {food}\b", recipe)
        assert USUAL[verb] != appliance
        assert seen[i + 1].text.startswith(f"You {DOES[appliance]} the {food}.")
        assert seen[i + 1].reward > 0
        held = _play(permuted, task, [*gold[: i + 1], "inventory"])[-1].text
        assert re.search(rf"{DOES[appliance]} (\w+ )?{food}", held)


def test_a_recipe_sends_to_the_bbq_where_there_is_one(permuted: TextWorld) -> None:
    gold = permuted.gold(_task(permuted, "validation", 10))
    assert "BBQ" in {appliance for *_, appliance in _cookings(gold)}


def test_the_rule_of_the_original_loses(permuted: TextWorld) -> None:
    task = _task(permuted, "train", 9)
    gold = permuted.gold(task)
    at, food = next((i, food) for i, food, appliance in _cookings(gold) if appliance == "stove")
    *_, prior, last = _play(permuted, task, [*gold[:at], f"cook {food} with oven"])
    assert last.terminated
    assert not last.success
    assert last.score == prior.score > 0
    assert f"You grilled the {food}." in last.text
    assert "*** You lost! ***" in last.text


def test_but_for_the_words_it_is_the_game_of_the_original(
    permuted: TextWorld, cooking: Benchmark
) -> None:
    words = rules.permuted(0).words
    gold = permuted.gold(_task(permuted, "train", 9))
    theirs = _play(cooking, _task(cooking, "train", 9), gold)
    ours = _play(permuted, _task(permuted, "train", 9), gold)
    assert theirs[-1].success
    renamed = [re.sub(r"\w+", lambda word: words.get(word[0], word[0]), o.text) for o in theirs]
    assert renamed == [o.text for o in ours] != [o.text for o in theirs]
    assert [o.reward for o in theirs] == [o.reward for o in ours]


def test_an_appliance_does_not_tell_what_it_does(permuted: TextWorld) -> None:
    task = _task(permuted, "train", 9)
    gold = permuted.gold(task)
    to_kitchen = gold[: gold.index("examine cookbook")]
    *_, stove, oven = _play(permuted, task, [*to_kitchen, "examine stove", "examine oven"])
    assert all(o.text.startswith("Useful for cooking things.") for o in (stove, oven))
    assert re.findall(r"\b(?:fr[yi]|roast|grill)", stove.text + oven.text) == []


def test_the_engine_itself_goes_by_the_permuted_rules(permuted: TextWorld) -> None:
    path = permuted._spec(_task(permuted, "train", 9)).path
    logic = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["KB"]["logic"]
    rule = re.compile(r"cook/(\w+)/cooked/\w+ ::.*-> (\w+)\(f\)")
    assert set(rule.findall(logic)) == {
        ("stove", "roasted"), ("oven", "grilled"), ("toaster", "fried"),
    }  # fmt: skip
    said = re.compile(r'is an? (\w+)-like:\s+Now the food item is (\w+);\s+say "You (\w+) the')
    assert set(said.findall(logic)) == {
        ("stove", "roasted", "roasted"), ("oven", "grilled", "grilled"),
        ("toaster", "fried", "fried"),
    }  # fmt: skip


def test_a_permuted_game_is_made_alike_twice_byte_for_byte(
    permuted: TextWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec: Spec = permuted._spec(_task(permuted, "train", 9))
    once = [spec.path.with_suffix(end).read_bytes() for end in (".z8", ".json")]
    monkeypatch.setenv("AGENTEVO_HOME", str(tmp_path))
    ensure([spec])
    assert [spec.path.with_suffix(end).read_bytes() for end in (".z8", ".json")] == once


def test_the_checker_finds_no_fault(permuted: TextWorld) -> None:
    assert [found for found in check(permuted, levels=[9]) if not found.ok] == []
