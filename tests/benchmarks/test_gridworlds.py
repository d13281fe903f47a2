import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("minigrid")

import gymnasium
from gymnasium import spaces

import agentevo
from agentevo import benchmarks
from agentevo.benchmarks import SPLITS, Benchmark, BenchmarkError, Observation, Task
from agentevo.benchmarks.babyai.benchmark import babyai
from agentevo.benchmarks.babyai.text import View, describe
from agentevo.benchmarks.babyai.world import World
from agentevo.benchmarks.gymnasium import Gymnasium

LEVELS = range(1, 11)
ROOT = Path(agentevo.__path__[0]).parent


def _task(benchmark: Benchmark, level: int = 1, start: int = 0) -> Task:
    return benchmark.tasks("train", 1, levels=[level], start=start)[0]


def _play(benchmark: Benchmark, task: Task, actions: Sequence[str]) -> list[Observation]:
    with closing(benchmark.open(task)) as environment:
        return [environment.reset(), *(environment.step(action) for action in actions)]


def _faults(benchmark: Benchmark, n_per_level: int = 1, **options: Any) -> list[str]:
    findings = benchmarks.check(benchmark, n_per_level, **options)
    assert len(findings) > 10
    return [f"{one.check}, {one.subject}: {one.message}" for one in findings if not one.ok]


def _in_a_process(code: str) -> str:
    """Return what the code prints in a process that finds the benchmarks as this one does."""
    start = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import agentevo.benchmarks as b; "
        f"b.__path__[:] = {list(benchmarks.__path__)!r}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# BabyAI


def test_the_checker_finds_no_fault_in_babyai() -> None:
    assert _faults(babyai(), levels=range(1, 9)) == []


@pytest.mark.parametrize("level", LEVELS)
def test_the_bot_wins_within_the_limit(level: int) -> None:
    benchmark = babyai()
    task = _task(benchmark, level, start=1)
    gold = benchmark.gold(task)
    assert gold is not None
    assert len(gold) <= benchmark.max_steps(task)
    seen = _play(benchmark, task, gold)
    assert [o.success for o in seen] == [False] * len(gold) + [True]
    assert seen[-1].terminated
    assert seen[-1].score == seen[-1].reward == 1.0
    share = len(gold) / benchmark.max_steps(task)
    assert seen[-1].info["reward"] == pytest.approx(1 - 0.9 * share)
    assert seen[-1].text.endswith("The mission is fulfilled.")


def test_the_view_is_told_in_words() -> None:
    rows: list[list[str | None]] = [[""] * 7 for _ in range(7)]
    rows[0] = [None] * 7
    rows[1][3] = "open red door"
    rows[4][0] = "locked grey door"
    rows[5][4] = "wall"
    rows[6] = ["", "", "blue key", "purple box", "", "", ""]
    assert describe(View(rows, "north", "purple box")).splitlines() == [
        "You face north and carry a purple box.",
        "Ahead: free for 4 steps, then an open red door. Left: a blue key. "
        "Right: free for 3 steps.",
        "You see: a blue key 1 step left; a locked grey door 2 steps ahead, 3 steps left; "
        "an open red door 5 steps ahead.",
    ]
    empty: list[list[str | None]] = [[None] * 3, [None, "", None]]
    assert describe(View(empty, "east", None)).splitlines() == [
        "You face east and carry nothing.",
        "Ahead: out of sight. Left: out of sight. Right: out of sight.",
        "You see no objects.",
    ]


@pytest.mark.parametrize("level", [2, 3, 9])
def test_the_way_is_free_just_as_far_as_told(level: int) -> None:
    benchmark = babyai()
    n_stopped = 0
    for task in benchmark.tasks("train", 8, levels=[level]):
        with closing(benchmark.open(task)) as environment:
            last = environment.reset()
            told = re.search(r"Ahead: (?:free for (\d) steps?)?(?:, then )?(an? .*?)?\.", last.text)
            assert told is not None
            for _ in range(int(told[1] or 0)):
                if last.done:
                    break
                last = environment.step("go forward")
                assert not last.text.startswith("Nothing happens.")
            if last.done or told[2] is None:
                continue
            assert f"Ahead: {told[2]}." in last.text
            assert environment.step("go forward").text == f"Nothing happens.\n{_view(last)}"
            n_stopped += 1
    assert n_stopped > 3


def _view(observation: Observation) -> str:
    return re.sub(r"^Mission: .*\n", "", observation.text)


def test_what_is_left_is_ahead_after_a_left_turn() -> None:
    benchmark = babyai()
    n_seen = 0
    for task in benchmark.tasks("train", 40, levels=[2]):
        first, turned = _play(benchmark, task, ["turn left"])
        seen = re.search(r"You see: (.*) ([1-3]) steps? ahead, (\d) steps? left\.", first.text)
        if seen is None or turned.done:
            continue
        n_seen += 1
        ahead, right = int(seen[3]), int(seen[2])
        place = f"{ahead} step{'s' * (ahead > 1)} ahead, {right} step{'s' * (right > 1)} right"
        assert f"You see: {seen[1]} {place}." in turned.text
    assert n_seen > 3


def test_the_compass_turns_with_the_agent() -> None:
    benchmark = babyai()
    seen = _play(benchmark, _task(benchmark, 4), ["turn right"] * 4)
    facing = [re.search(r"You face (\w+)", o.text) for o in seen]
    points = [one[1] for one in facing if one]
    around = ["north", "east", "south", "west"] * 2
    at = around.index(points[0])
    assert points == [*around[at : at + 4], points[0]]
    assert seen[4].text in seen[0].text


def test_keys_and_doors_are_told_with_their_state() -> None:
    benchmark = babyai()
    task = _task(benchmark, 7)
    gold = benchmark.gold(task) or []
    seen = [o.text for o in _play(benchmark, task, gold)]
    taken, opened = gold.index("pick up"), gold.index("toggle")
    assert "carry nothing" in seen[taken]
    assert re.search(r"You face \w+ and carry a \w+ key\.", seen[taken + 1])
    assert re.search(r"Ahead: a locked \w+ door\.", seen[opened])
    assert re.search(r"Ahead: an open \w+ door\.", seen[opened + 1])


def test_a_locked_door_does_not_open_without_its_key() -> None:
    benchmark = babyai()
    task = _task(benchmark, 7)
    gold = benchmark.gold(task) or []
    without = [action for action in gold if action != "pick up"]
    last = _play(benchmark, task, without)[-1]
    assert not last.success
    assert "Nothing happens." in last.text or "locked" in last.text


def test_the_first_observation_states_the_mission_and_the_instruction_does_not() -> None:
    benchmark = babyai()
    starts = ["go to", "go to", "go to", "pick up", "open", "put", "open", "pick up"]
    for level, start in enumerate(starts, start=1):
        task = _task(benchmark, level)
        assert _play(benchmark, task, [])[0].text.startswith(f"Mission: {start} ")
        assert task.instruction == _task(benchmark, 10).instruction


def _look_around(benchmark: Benchmark, task: Task) -> str:
    texts = [o.text for o in _play(benchmark, task, ["turn left"] * 3)]
    return "\n".join(re.sub(r"You face \w+", "", text) for text in texts)


def test_no_world_of_the_smallest_level_stands_in_two_splits() -> None:
    benchmark = babyai()
    seen = {}
    for split in SPLITS:
        texts = [_look_around(benchmark, task) for task in benchmark.tasks(split, 60, levels=[1])]
        seen[split] = {text for text in texts if "You see: a red ball" in text}
    assert all(len(texts) > 35 for texts in seen.values())
    assert len(set.union(*seen.values())) == sum(map(len, seen.values()))


@pytest.mark.parametrize("action", ["look", "", "  \n", "go", "pick up the ball", "6", "żółć\x00"])
def test_what_is_no_action_changes_nothing_but_the_count(action: str) -> None:
    benchmark = babyai(max_steps=3)
    plain = _play(benchmark, _task(benchmark, 4), ["turn left", "turn left"])
    odd = _play(benchmark, _task(benchmark, 4), ["turn left", action, "turn left"])
    assert odd[2].text.startswith("There is no such action. Actions: turn left, ")
    assert odd[3].text == plain[2].text
    assert [o.truncated for o in odd] == [False, False, False, True]


def test_case_spaces_and_a_full_stop_do_not_matter() -> None:
    benchmark = babyai()
    task = _task(benchmark, 4)
    assert _play(benchmark, task, [" Turn  LEFT.\n"]) == _play(benchmark, task, ["turn left"])


def test_a_step_after_the_end_or_before_the_beginning_is_a_bug() -> None:
    benchmark = babyai(max_steps=1)
    environment = benchmark.open(_task(benchmark))
    with pytest.raises(RuntimeError, match="call reset"):
        environment.step("drop")
    environment.reset()
    assert environment.step("drop").truncated
    with pytest.raises(RuntimeError, match="call reset"):
        environment.step("drop")
    environment.close()
    environment.close()


def test_a_reset_after_a_win_gives_the_same_world() -> None:
    benchmark = babyai()
    task = _task(benchmark, 10)
    gold = benchmark.gold(task) or []
    with closing(benchmark.open(task)) as environment:
        runs = [[environment.reset(), *map(environment.step, gold)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0][-1].success


def test_eight_threads_play_as_one_does(capfd: pytest.CaptureFixture[str]) -> None:
    benchmark = babyai()

    def play(task: Task) -> list[Observation]:
        return _play(benchmark, task, benchmark.gold(task) or [])

    tasks = benchmark.tasks("validation", 2, levels=range(1, 9))
    alone = [play(task) for task in tasks]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(play, tasks)) == alone
    assert capfd.readouterr() == ("", "")  # the package itself prints what it rejects


def test_a_bot_that_never_ends_its_plan_gives_no_gold() -> None:
    worlds = [World("BabyAI-UnlockToUnlock-v0", split, 37, 500) for split in SPLITS]
    assert None in [world.solve() for world in worlds]


def test_a_bot_that_is_not_done_in_time_gives_no_gold() -> None:
    benchmark = babyai(max_steps=2)
    assert benchmark.gold(_task(benchmark, 8)) is None


def test_other_rules_of_success_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from minigrid.envs.babyai.core import verifier

    monkeypatch.setattr(verifier, "use_done_actions", True)
    with pytest.raises(BenchmarkError, match="unset BABYAI_DONE_ACTIONS"):
        babyai().open(_task(babyai()))


def test_wrong_requests_to_babyai_are_the_users_errors() -> None:
    benchmark = babyai()
    with pytest.raises(BenchmarkError, match="no level 11; there are: 1-10"):
        benchmark.tasks("train", 1, levels=[11])
    with pytest.raises(BenchmarkError, match="no split 'dev'"):
        benchmark.tasks("dev", 1)  # type: ignore[arg-type]
    with pytest.raises(BenchmarkError, match="task number 1000000 "):
        benchmark.tasks("train", 1, start=1_000_000)
    with pytest.raises(BenchmarkError, match="not be negative"):
        benchmark.tasks("train", -1)
    with pytest.raises(BenchmarkError, match="max_steps is 0"):
        babyai(max_steps=0)
    with pytest.raises(BenchmarkError, match="not of babyai"):
        benchmark.open(_task(_lake()))


def test_the_fingerprint_knows_the_step_limit() -> None:
    assert babyai().fingerprint() == babyai().fingerprint() != babyai(max_steps=9).fingerprint()


def test_nothing_is_imported_before_a_world_is_opened() -> None:
    code = (
        "from agentevo.benchmarks.babyai.benchmark import babyai\n"
        "from agentevo.benchmarks.gymnasium import Gymnasium\n"
        "babyai().tasks('train', 5)\n"
        "Gymnasium('Taxi-v4', instruction='', return_range=(0, 1)).tasks('train', 5)\n"
        "print([name for name in ('minigrid', 'gymnasium', 'numpy') if name in sys.modules])"
    )
    assert _in_a_process(code) == "[]"


def test_a_missing_package_is_named_with_what_installs_it() -> None:
    code = (
        "from agentevo.benchmarks.babyai.benchmark import babyai\n"
        "from agentevo.benchmarks.gymnasium import Gymnasium\n"
        "sys.path[:] = [path for path in sys.path if 'site-packages' not in path]\n"
        "for make in (babyai, lambda: Gymnasium('X-v0', instruction='', return_range=(0, 1))):\n"
        "    try: make()\n"
        "    except b.BenchmarkError as error: print(error)"
    )
    assert _in_a_process(code).splitlines() == [
        "the package minigrid is not installed: pip install 'agentevo[babyai]'",
        "the package gymnasium is not installed: pip install 'agentevo[gymnasium]'",
    ]


# Gymnasium


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
    return list(_play(benchmark, task, [])[0].text.removeprefix("Spell ").removesuffix("."))


def test_the_checker_finds_no_fault_in_wrapped_environments() -> None:
    assert _faults(_lake(), 2) == []
    assert _faults(_lake(settings={"is_slippery": True}), 2) == []
    assert _faults(_speller(), 2) == []
    assert _faults(_speller(return_range=(-5, 5), settings={"penalty": 1.0}), 2) == []


def test_numbers_become_words_and_names_become_numbers() -> None:
    lake = _lake()
    task = _task(lake)
    assert task.instruction.endswith("column 3. Actions: left, down, right, up.")
    seen = _play(lake, task, WAY)
    assert [o.text for o in seen[:3]] == [f"You stand in row {row}, column 0." for row in range(3)]
    assert [o.success for o in seen] == [False] * 6 + [True]
    assert seen[-1].terminated
    assert seen[-1].score == seen[-1].reward == seen[-1].info["return"] == 1.0
    json.dumps([dict(o.info) for o in seen])


def test_an_end_without_success_scores_nothing() -> None:
    lake = _lake()
    *_, last = _play(lake, _task(lake), ["down", "right"])
    assert (last.terminated, last.success, last.score) == (True, False, 0.0)


def test_luck_is_in_the_seed() -> None:
    lake = _lake(settings={"is_slippery": True})
    ways = [
        [o.text for o in _play(lake, task, ["left", "up"])] for task in lake.tasks("train", 8) * 2
    ]
    assert ways[:8] == ways[8:]
    assert len({tuple(way) for way in ways}) > 1


def test_text_passes_through_and_points_add_up() -> None:
    speller = _speller()
    task = _task(speller)
    letters = _letters(speller, task)
    wrong = "b" if letters[1] != "b" else "c"
    seen = _play(speller, task, [letters[0], wrong, *letters[2:]])
    assert seen[1].text == f"You said {letters[0]}."
    assert [round(o.score, 9) for o in seen] == [0.0, 0.2, 0.2, 0.4, 0.6, 0.8]
    assert [o.success for o in seen] == [False] * 6
    assert seen[-1].terminated
    assert _play(speller, task, letters)[-1].success


def test_a_score_that_can_fall_is_given_at_the_end() -> None:
    speller = _speller(return_range=(-5, 5), settings={"penalty": 1.0})
    task = _task(speller)
    letters = _letters(speller, task)
    assert [o.score for o in _play(speller, task, letters)] == [0.0] * 5 + [1.0]
    seen = _play(speller, task, [letters[0], *"ZZZZ"])
    assert [o.score for o in seen] == [0.0] * 5 + [0.2]
    assert not seen[-1].success


def test_success_ends_an_episode_that_would_go_on() -> None:
    speller = _speller(
        "SpellingWithoutEnd-v0",
        success=lambda info, reward, total: info["spelled"],
        return_range=None,
        max_steps=20,
    )
    task = _task(speller)
    letters = _letters(speller, task)
    last = _play(speller, task, letters)[-1]
    assert (last.success, last.terminated, last.truncated, last.score) == (True, True, False, 1.0)
    assert not _play(speller, task, ["Z", *letters])[-1].done


def test_words_outside_a_text_space_are_answered() -> None:
    speller = _speller()
    task = _task(speller)
    seen = _play(speller, task, ["spell it", "", "?!", "z", "look"])
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
    seen = _play(lake, _task(lake), ["north", " DOWN. ", "7"])
    assert seen[1].text == seen[3].text
    assert seen[1].text == "There is no such action. Actions: left, down, right, up."
    assert seen[2].text == "You stand in row 1, column 0."
    assert [o.truncated for o in seen] == [False, False, False, True]


def test_the_step_limit_is_the_users_or_the_environments() -> None:
    assert _lake().max_steps(_task(_lake())) == 100
    longer = _lake(max_steps=150)
    seen = _play(longer, _task(longer), ["left"] * 150)
    assert [o.truncated for o in seen] == [False] * 150 + [True]
    endless = _speller("SpellingWithoutEnd-v0")
    with pytest.raises(BenchmarkError, match="no step limit: give max_steps="):
        endless.max_steps(_task(endless))


def test_the_splits_have_seeds_of_their_own() -> None:
    speller = _speller()
    seeds = {split: {task.seed for task in speller.tasks(split, 1000)} for split in SPLITS}
    assert len(set.union(*seeds.values())) == 3000
    words = {_play(speller, task, [])[0].text for task in speller.tasks("test", 30)}
    assert len(words) == 6
    assert speller.tasks("train", 1, levels=[]) == []
    with pytest.raises(BenchmarkError, match="no level 2; there are: 1"):
        speller.tasks("train", 1, levels=[2])
    with pytest.raises(BenchmarkError, match="no task number 1000000000 "):
        speller.tasks("train", 1, start=10**9)


def test_an_episode_that_ended_takes_no_step_and_closes_twice() -> None:
    lake = _lake()
    environment = lake.open(_task(lake))
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
    alone = [_play(speller, *one) for one in zip(tasks, letters, strict=True)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda *one: _play(speller, *one), tasks, letters)) == alone
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
        lake.open(_task(lake)).reset()


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
    assert _faults(taxi) == []
    first = {_play(taxi, task, [])[0].text for task in taxi.tasks("train", 5)}
    assert len(first) > 1
