import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

pytest.importorskip("minigrid")

from agentevo.benchmarks import SPLITS, Benchmark, BenchmarkError, Observation, Task
from agentevo.benchmarks.babyai.benchmark import babyai
from agentevo.benchmarks.babyai.text import View, describe
from agentevo.benchmarks.babyai.world import World
from tests.benchmarks.tried import faults_of, in_a_process, seen_in, task_of

LEVELS = range(1, 11)


def test_the_checker_finds_no_fault_in_babyai() -> None:
    assert faults_of(babyai(), levels=range(1, 9)) == []


@pytest.mark.parametrize("level", LEVELS)
def test_the_bot_wins_within_the_limit(level: int) -> None:
    benchmark = babyai()
    task = task_of(benchmark, level, start=1)
    gold = benchmark.gold(task)
    assert gold is not None
    assert len(gold) <= benchmark.max_steps(task)
    seen = seen_in(benchmark, task, gold)
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
        first, turned = seen_in(benchmark, task, ["turn left"])
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
    seen = seen_in(benchmark, task_of(benchmark, 4), ["turn right"] * 4)
    facing = [re.search(r"You face (\w+)", o.text) for o in seen]
    points = [one[1] for one in facing if one]
    around = ["north", "east", "south", "west"] * 2
    at = around.index(points[0])
    assert points == [*around[at : at + 4], points[0]]
    assert seen[4].text in seen[0].text


def test_keys_and_doors_are_told_with_their_state() -> None:
    benchmark = babyai()
    task = task_of(benchmark, 7)
    gold = benchmark.gold(task) or []
    seen = [o.text for o in seen_in(benchmark, task, gold)]
    taken, opened = gold.index("pick up"), gold.index("toggle")
    assert "carry nothing" in seen[taken]
    assert re.search(r"You face \w+ and carry a \w+ key\.", seen[taken + 1])
    assert re.search(r"Ahead: a locked \w+ door\.", seen[opened])
    assert re.search(r"Ahead: an open \w+ door\.", seen[opened + 1])


def test_a_locked_door_does_not_open_without_its_key() -> None:
    benchmark = babyai()
    task = task_of(benchmark, 7)
    gold = benchmark.gold(task) or []
    without = [action for action in gold if action != "pick up"]
    last = seen_in(benchmark, task, without)[-1]
    assert not last.success
    assert "Nothing happens." in last.text or "locked" in last.text


def test_the_first_observation_states_the_mission_and_the_instruction_does_not() -> None:
    benchmark = babyai()
    starts = ["go to", "go to", "go to", "pick up", "open", "put", "open", "pick up"]
    for level, start in enumerate(starts, start=1):
        task = task_of(benchmark, level)
        assert seen_in(benchmark, task, [])[0].text.startswith(f"Mission: {start} ")
        assert task.instruction == task_of(benchmark, 10).instruction


def _look_around(benchmark: Benchmark, task: Task) -> str:
    texts = [o.text for o in seen_in(benchmark, task, ["turn left"] * 3)]
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
    plain = seen_in(benchmark, task_of(benchmark, 4), ["turn left", "turn left"])
    odd = seen_in(benchmark, task_of(benchmark, 4), ["turn left", action, "turn left"])
    assert odd[2].text.startswith("There is no such action. Actions: turn left, ")
    assert odd[3].text == plain[2].text
    assert [o.truncated for o in odd] == [False, False, False, True]


def test_case_spaces_and_a_full_stop_do_not_matter() -> None:
    benchmark = babyai()
    task = task_of(benchmark, 4)
    assert seen_in(benchmark, task, [" Turn  LEFT.\n"]) == seen_in(benchmark, task, ["turn left"])


def test_a_step_after_the_end_or_before_the_beginning_is_a_bug() -> None:
    benchmark = babyai(max_steps=1)
    environment = benchmark.open(task_of(benchmark))
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
    task = task_of(benchmark, 10)
    gold = benchmark.gold(task) or []
    with closing(benchmark.open(task)) as environment:
        runs = [[environment.reset(), *map(environment.step, gold)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0][-1].success


def test_eight_threads_play_as_one_does(capfd: pytest.CaptureFixture[str]) -> None:
    benchmark = babyai()

    def play(task: Task) -> list[Observation]:
        return seen_in(benchmark, task, benchmark.gold(task) or [])

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
    assert benchmark.gold(task_of(benchmark, 8)) is None


def test_other_rules_of_success_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from minigrid.envs.babyai.core import verifier

    monkeypatch.setattr(verifier, "use_done_actions", True)
    with pytest.raises(BenchmarkError, match="unset BABYAI_DONE_ACTIONS"):
        babyai().open(task_of(babyai()))


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
        benchmark.open(Task("lake/train/1/0", "lake", "train", "Cross it.", 0, 1))


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
    assert in_a_process(code) == "[]"


def test_a_missing_package_is_named_with_what_installs_it() -> None:
    code = (
        "from agentevo.benchmarks.babyai.benchmark import babyai\n"
        "from agentevo.benchmarks.gymnasium import Gymnasium\n"
        "sys.path[:] = [path for path in sys.path if 'site-packages' not in path]\n"
        "for make in (babyai, lambda: Gymnasium('X-v0', instruction='', return_range=(0, 1))):\n"
        "    try: make()\n"
        "    except b.BenchmarkError as error: print(error)"
    )
    assert in_a_process(code).splitlines() == [
        "the package minigrid is not installed: pip install 'agentevo[babyai]'",
        "the package gymnasium is not installed: pip install 'agentevo[gymnasium]'",
    ]
