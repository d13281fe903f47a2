"""Real worlds, each in a Java process; the processes are reused from test to test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

import agentevo.benchmarks
from agentevo.benchmarks import BenchmarkError, Observation, Task
from agentevo.benchmarks.scienceworld.benchmark import ScienceWorld
from agentevo.benchmarks.scienceworld.engine import JAVA_OPTIONS
from agentevo.benchmarks.scienceworld.task_types import TASK_TYPES
from agentevo.benchmarks.task import SPLITS

scienceworld = pytest.importorskip("scienceworld")
LEVEL_OF = {kind.name: level for level, kind in enumerate(TASK_TYPES, start=1)}
QUICK = ("lifespan-longest-lived", "find-non-living-thing", "power-component", "find-animal")


@pytest.fixture(scope="module")
def benchmark() -> ScienceWorld:
    return ScienceWorld()


@pytest.fixture(scope="module")
def package() -> Iterator[Any]:
    """The package's own environment, to compare with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", " ".join(("-Xmx768m", *JAVA_OPTIONS)))
        env = scienceworld.ScienceWorldEnv("")
    env.get_valid_action_object_combinations = list  # seconds a step, and not compared
    yield env
    with env._gateway.java_process:  # what its own close leaves to warnings is cleared up
        env.close()
    env._obj_tree_tempdir.cleanup()


def _task(benchmark: ScienceWorld, name: str, index: int = 0) -> Task:
    return benchmark.tasks("train", 1, levels=[LEVEL_OF[name]], start=index)[0]


def _play(benchmark: ScienceWorld, task: Task, actions: Sequence[str]) -> list[Observation]:
    with closing(benchmark.open(task)) as episode:
        return [episode.reset(), *(episode.step(action) for action in actions)]


def test_task_types_and_splits_are_the_packages(package: Any) -> None:
    assert sorted(kind.name for kind in TASK_TYPES) == sorted(package.get_task_names())
    for kind in TASK_TYPES:
        getattr(package.server, "taskStr_$eq")(kind.name)
        official = {
            "train": package.get_variations_train(),
            "validation": package.get_variations_dev(),
            "test": package.get_variations_test(),
        }
        assert {split: list(kind.variations(split)) for split in SPLITS} == official, kind.name


@pytest.mark.parametrize(
    ("name", "simplification"),
    [
        ("find-animal", ""),
        ("find-animal", "easy"),
        ("find-animal", "teleportAction,noElectricalAction"),
        ("power-component", "easy"),
        ("power-component", "teleportAction,noElectricalAction"),
    ],
)
def test_the_instruction_names_the_packages_actions(
    package: Any, name: str, simplification: str
) -> None:
    task = _task(ScienceWorld(simplification=simplification), name)
    told = TASK_TYPES[task.difficulty - 1].simplification(simplification)
    package.load(name, task.seed, told)
    forms = task.instruction.partition(": ")[2].rstrip(".").split(", ")
    assert sorted(forms) == package.get_possible_actions()


def test_the_package_itself_says_the_same_at_every_step(
    package: Any, benchmark: ScienceWorld
) -> None:
    name = "find-non-living-thing"
    task = _task(benchmark, name)
    actions = ["open door", "0", "xyzzy", *(benchmark.gold(task) or ())]
    package.load(name, task.seed, "easy")
    look, info = package.reset()
    first = f"{package.get_task_description()}\n\n{look}"
    expected = [(first, info["score"], False)]
    for action in actions:
        text, _, done, info = package.step(action)
        expected.append((text, info["score"], done))
    seen = _play(benchmark, task, actions)
    assert [(one.text, one.info["points"], one.terminated) for one in seen] == expected


@pytest.mark.parametrize("name", QUICK)
def test_gold_wins_with_the_full_score(benchmark: ScienceWorld, name: str) -> None:
    task = _task(benchmark, name)
    gold = benchmark.gold(task)
    assert gold
    seen = _play(benchmark, task, gold)
    assert [one.done for one in seen] == [False] * len(gold) + [True]
    assert seen[-1].success
    assert seen[-1].score == 1.0
    assert sum(one.reward for one in seen) == pytest.approx(1.0)


def test_gold_that_needs_more_steps_than_there_are_is_none() -> None:
    short = ScienceWorld(max_steps=2)
    assert short.gold(_task(short, "power-component")) is None


def test_focus_on_the_wrong_thing_fails_and_takes_the_score_away(benchmark: ScienceWorld) -> None:
    with closing(benchmark.open(_task(benchmark, "find-animal"))) as episode:
        first = episode.reset()
        last = episode.step("focus on agent")
        assert first.score == first.reward > 0
        assert (last.score, last.reward) == (0.0, -first.score)
        assert last.terminated
        assert not last.success
        assert last.info["points"] == -100
        with pytest.raises(RuntimeError):
            episode.step("look around")
        assert episode.reset() == first


@pytest.mark.parametrize(
    "action", ["", "xyzzy", "go to\nnowhere", "\x00", "\ud800", "日本", "9", "open " * 1000]
)
def test_an_unknown_action_is_answered_and_costs_a_step(action: str) -> None:
    twice = ScienceWorld(max_steps=2)
    _, one, two = _play(twice, _task(twice, "find-animal"), [action, action])
    assert one.text == two.text == "No known action matches that input."
    assert not one.done
    assert two.truncated
    assert not two.terminated


def test_an_ambiguous_action_is_resolved_by_its_number(benchmark: ScienceWorld) -> None:
    task = _task(benchmark, "find-animal")
    *_, asked, chosen = _play(benchmark, task, ["teleport to kitchen", "close door", "0"])
    assert "0:\tclose door" in asked.text
    assert "door is now closed" in chosen.text


def test_a_process_that_served_another_task_shows_nothing_of_it(benchmark: ScienceWorld) -> None:
    task = _task(benchmark, "find-animal")
    actions = ["teleport to kitchen", "open cupboard", "look around", "wait"]
    fresh, used = ScienceWorld(heap_mb=301), ScienceWorld(heap_mb=301, simplification="")
    before = _play(fresh, task, actions)
    other = _task(used, "power-component")
    assert _play(used, other, ["open door to kitchen", "teleport to kitchen"])[-1].score < 1
    assert used.gold(_task(used, "lifespan-longest-lived"))
    assert _play(fresh, task, actions) == before
    assert len(_processes(301)) == 1


def test_a_process_that_dies_ends_its_own_episode_alone(benchmark: ScienceWorld) -> None:
    doomed = ScienceWorld(heap_mb=302)
    task = _task(benchmark, "find-animal")
    with closing(benchmark.open(task)) as other, closing(doomed.open(task)) as episode:
        first = other.reset()
        assert episode.reset() == first
        (pid,) = _processes(302)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(BenchmarkError, match="status -9"):
            episode.step("look around")
        with pytest.raises(RuntimeError):
            episode.step("look around")
        assert other.step("look around").text in first.text
        assert episode.reset() == first


def test_too_small_a_heap_is_named_in_the_error() -> None:
    small = ScienceWorld(heap_mb=16)
    with (
        closing(small.open(_task(small, "find-animal"))) as episode,
        pytest.raises(BenchmarkError, match=r"heap_mb=16.*OutOfMemoryError"),
    ):
        episode.reset()


@pytest.mark.parametrize("ending", ["sys.exit()", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_java_ends_with_the_process_and_without_a_word(ending: str) -> None:
    script = f"""if True:
        import os, signal, sys
        import agentevo.benchmarks
        agentevo.benchmarks.__path__ = {list(agentevo.benchmarks.__path__)!r}
        from agentevo.benchmarks.scienceworld.benchmark import ScienceWorld
        benchmark = ScienceWorld(heap_mb=303)
        task = benchmark.tasks("train", 1)[0]
        assert "py4j" not in sys.modules
        episodes = [benchmark.open(task), benchmark.open(task)]
        print(episodes[0].reset().done, flush=True)
        episodes[0].close()
        print(episodes[1].reset().done, flush=True)
        {ending}
    """
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": "-Dshown=on.stderr"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.stdout == "False\nFalse\n"
    assert done.stderr == ""
    for _ in range(100):
        if not _processes(303):
            return
        time.sleep(0.1)
    raise AssertionError("the Java process lives on")


@pytest.mark.slow
def test_eight_episodes_play_side_by_side(benchmark: ScienceWorld) -> None:
    task = _task(benchmark, "find-animal")
    gold = benchmark.gold(task)
    assert gold
    alone = _play(benchmark, task, gold)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: _play(benchmark, task, gold), range(8))) == [alone] * 8


def test_every_variation_is_in_one_split_once(benchmark: ScienceWorld) -> None:
    seen = [
        (task.difficulty, task.seed) for split in SPLITS for task in benchmark.tasks(split, 2000)
    ]
    assert len(seen) == len(set(seen)) == 7207
    head = benchmark.tasks("test", 2)
    assert [task.difficulty for task in head] == [*benchmark.levels, *benchmark.levels]
    assert benchmark.tasks("test", 1) + benchmark.tasks("test", 1, start=1) == head
    assert benchmark.tasks("validation", 1, levels=[10], start=2) == []


def test_the_fingerprint_knows_what_an_agent_sees() -> None:
    made = [ScienceWorld(), ScienceWorld(simplification=""), ScienceWorld(max_steps=50)]
    assert len({one.fingerprint() for one in made}) == 3
    assert ScienceWorld(heap_mb=300).fingerprint() == ScienceWorld().fingerprint()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simplification": "openDoor"}, "did you mean 'openDoors'"),
        ({"simplification": "easy,openContainers"}, "'easy' alone"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"heap_mb": -1}, "heap_mb is -1"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        ScienceWorld(**options)


def test_a_task_that_is_not_of_the_benchmark_is_refused(benchmark: ScienceWorld) -> None:
    task = benchmark.tasks("train", 1)[0]
    for other in (
        replace(task, benchmark="another"),
        replace(task, split="test"),
        replace(task, difficulty=31),
    ):
        with pytest.raises(BenchmarkError):
            benchmark.open(other)
    with pytest.raises(BenchmarkError, match="1-30"):
        benchmark.tasks("train", 1, levels=[31])


def test_without_java_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BenchmarkError, match="apt-get install default-jre-headless"):
        ScienceWorld()


def _processes(heap_mb: int) -> list[int]:
    """Return the ids of all Java processes with that heap limit."""
    found = subprocess.run(
        ["pgrep", "-f", f"^java -Xmx{heap_mb}m "], capture_output=True, text=True
    )
    return [int(line) for line in found.stdout.split()]
