"""The cycle from end to end, on a scripted model in a tiny world."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from langgraph.runtime import Runtime

from agentevo import benchmarks
from agentevo.benchmarks import Task
from agentevo.config import RunConfig, make
from agentevo.cycle import Cycle, News, outcomes_of
from agentevo.evaluation.evaluate import Arm
from agentevo.evolution import evolve, judge_memory
from agentevo.experience import Trajectory
from agentevo.folders import RunError
from agentevo.ledger import Ledger
from agentevo.memory import Lesson, Provenance
from agentevo.run import Run

WORLDS = Path(__file__).parent / "worlds.py"


def settings(recipe_memory: bool = True) -> RunConfig:
    return make(
        {
            "benchmark": f"{WORLDS}:boxes",
            "backbone": f"{WORLDS}:scripted",
            "n_generations": 2,
            "acquisition": {"n_tasks_per_level": 6},
            "memory": {"enabled": recipe_memory, "abstain_below": -1.0, "withhold_rate": 0.3},
            "evaluation": {"n_gate_per_level": 8, "n_test_per_level": 0},
        }
    )


def run_to_the_end(folder: Path, config: RunConfig) -> tuple[Arm, list[News]]:
    news: list[News] = []
    run = Run.start(folder, config)
    try:
        return asyncio.run(evolve(run, news.append)), news
    finally:
        run.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run_to_the_end(folder, settings())
    return folder


def test_a_lesson_that_helps_is_promoted_and_acquisition_gets_better_by_it(finished: Path) -> None:
    run = Run.open(finished)
    verdicts = run.ledger.verdicts(run.id)
    by_generation = {
        g: [one.success for one in run.ledger.episodes(run.id, generation=g, purpose="acquisition")]
        for g in (1, 2)
    }
    assert (verdicts[0].kind, verdicts[0].verdict) == ("memory", "promote")
    assert run.incumbent().memory_version > 0
    assert sum(by_generation[1]) < 12
    assert sum(by_generation[2]) > sum(by_generation[1])
    run.close()


def test_every_lesson_names_the_episodes_that_it_was_read_from(finished: Path) -> None:
    from agentevo.memory import lessons

    run = Run.open(finished)
    known = {one.id for one in run.ledger.episodes(run.id, purpose="acquisition")}
    found = lessons(run.ledger.engine, run.scope)
    assert found
    for lesson in found:
        assert lesson.trajectories
        assert set(lesson.trajectories) <= known
    run.close()


def test_evaluation_never_withholds_and_acquisition_records_what_it_withheld(
    finished: Path,
) -> None:
    run = Run.open(finished)
    gate = list(run.ledger.episodes(run.id, purpose="gate"))
    played = list(run.ledger.episodes(run.id, purpose="acquisition", generation=2))
    assert all(not one.recall.withheld and one.recall.propensity == 1 for one in gate)
    assert any(one.recall.withheld for one in played)
    assert all(one.recall.propensity == pytest.approx(0.7) for one in played)
    run.close()


def test_a_finished_run_that_is_resumed_plays_nothing_again(finished: Path) -> None:
    news: list[News] = []
    run = Run.open(finished, write=True)
    before = run.incumbent()
    again = asyncio.run(evolve(run, news.append))
    assert again == before
    assert not [one for one in news if one.kind == "episode"]
    run.close()


def test_without_memory_and_training_nothing_is_promoted(tmp_path: Path) -> None:
    arm, news = run_to_the_end(tmp_path / "react", settings(recipe_memory=False))
    assert arm == Arm(0, "")
    assert not [one for one in news if one.kind == "verdict"]


def test_an_update_of_the_memory_that_was_cut_short_is_still_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*arguments: object) -> bool:
        if arguments[3] == "memory":
            raise KeyboardInterrupt
        return add(*arguments)  # type: ignore[arg-type]

    add = Ledger.add_update
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "add_update", cut)
        with pytest.raises(KeyboardInterrupt):
            run_to_the_end(tmp_path / "run", settings())
    run_to_the_end(tmp_path / "run", settings())
    run = Run.open(tmp_path / "run")
    update = run.ledger.get_update(run.id, 1, "memory")
    assert update is not None
    assert (update.payload["n_inserted"], update.payload["n_known"]) == (1, 0), "as if not cut"
    verdict = run.ledger.get_verdict(run.id, 1, "memory")
    assert verdict is not None
    assert verdict.verdict == "promote"
    run.close()


def test_episodes_that_all_break_end_the_run_and_are_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(benchmark: object, task: Task) -> object:
        raise ConnectionError("the line is dead")

    kind = type(benchmarks.load(settings().benchmark))
    with monkeypatch.context() as patched:
        patched.setattr(kind, "open", broken)
        with pytest.raises(RunError, match=r"8 episodes of acquisition broke.*the line is dead"):
            run_to_the_end(tmp_path / "run", settings())
    run = Run.open(tmp_path / "run")
    assert not run.ledger.finished(run.id)
    run.close()
    run_to_the_end(tmp_path / "run", settings())
    run = Run.open(tmp_path / "run")
    assert not list(run.ledger.episodes(run.id, ending="error"))
    run.close()


def test_tasks_on_which_an_arm_broke_do_not_count_for_either() -> None:
    whole = Trajectory(
        id="a", task_id="a", benchmark="b", split="validation", difficulty=1, instruction="",
        first_observation="", purpose="gate", generation=1, attempt=0, arm="", steps=(),
        ending="success", score=1.0, best_score=1.0, success=True, seed=0,
    )  # fmt: skip
    other = replace(whole, id="b", task_id="b")
    old, new = outcomes_of([whole, other], [whole, replace(other, ending="error", score=0.0)])
    assert [one.task_id for one in old] == [one.task_id for one in new] == ["a"]


def test_a_generation_that_a_rollback_interrupted_is_closed_with_what_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(run: str, generation: int, kind: str, *rest: object) -> bool:
        if (generation, kind) == (2, "drafts"):
            raise KeyboardInterrupt
        return add(run, generation, kind, *rest)  # type: ignore[arg-type]

    run = Run.start(tmp_path / "run", settings())
    add = run.ledger.add_update
    with monkeypatch.context() as patched:
        patched.setattr(run.ledger, "add_update", cut)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(evolve(run, lambda news: None))
    assert run.incumbent().memory_version > 0
    run.memory().revert(0, who="rollback", why="by hand")
    run.ledger.add_event(run.id, "rollback", {"memory_version": 0, "adapter": ""})
    assert asyncio.run(evolve(run, lambda news: None)) == Arm(0, "") == run.incumbent()
    closed = run.ledger.get_update(run.id, 2, "outcome")
    assert closed is not None
    assert closed.payload == {"memory_version": 0, "adapter": ""}
    run.close()


def test_a_generation_begun_after_a_rollback_goes_on_where_it_was(tmp_path: Path) -> None:
    config = settings()
    run = Run.start(tmp_path / "run", config.model_copy(update={"n_generations": 1}))
    asyncio.run(evolve(run, lambda news: None))
    run.roll_back(Arm(0, ""))
    run.config = config
    news: list[News] = []

    def stop(one: News) -> None:
        news.append(one)
        if one.kind == "episode" and one.generation == 2 and len(news) > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(evolve(run, stop))
    assert not run.ledger.updates(run.id, kind="drafts")[1:]
    asyncio.run(evolve(run, lambda news: None))
    kinds = {one.kind for one in run.ledger.updates(run.id) if one.generation == 2}
    assert kinds >= {"drafts", "memory", "outcome"}, "no phase was left out"
    run.close()


def test_a_version_with_the_same_lessons_is_not_played_again(finished: Path) -> None:
    run = Run.open(finished)
    updates = {one.generation: one.payload for one in run.ledger.updates(run.id, kind="memory")}
    assert updates[2]["n_inserted"] == 0
    assert updates[2]["version_after"] != updates[2]["version_before"], "further sources"
    assert run.ledger.get_verdict(run.id, 2, "memory") is None
    run.close()


def test_a_lesson_shown_to_be_harmful_stays_retired_where_the_new_ones_are_refused(
    tmp_path: Path,
) -> None:
    run = Run.start(tmp_path / "run", settings())
    memory, source = run.memory(), (Provenance("tests", ("t",)),)
    old = memory.insert([Lesson("it rains", "run", run.scope, source)], who="a", why="b")[0].lesson
    before = memory.version
    memory.retire(old.id, who="a", why="harmful")
    new = memory.insert([Lesson("it is dry", "sit", run.scope, source)], who="a", why="b")[0].lesson
    update: dict[str, object] = {"version_before": before, "version_after": memory.version}
    update |= {"retired": [old.id], "credit": {}}
    run.ledger.add_update(run.id, 1, "memory", update)
    run.ledger.add_verdict(run.id, 1, "memory", "reject", {"reason": "worse"})
    cycle = Cycle(run, run.benchmark(), lambda news: None)
    for _ in range(2):  # as when the run was killed right after it
        asyncio.run(
            judge_memory({"generation": 1, "incumbent": Arm(before, "")}, Runtime(context=cycle))
        )
        found = {one.id: one.status for one in memory.lessons}
        assert found == {old.id: "retired", new.id: "pending"}
        in_force = run.incumbent().memory_version
        assert not run.snapshot(in_force, "").lessons, "what is retired is not shown again"
    assert len(run.ledger.events(run.id, kind="retirement")) == 1
    run.close()


CHILD = """
import asyncio, sys
from pathlib import Path
from agentevo.config import RunConfig
from agentevo.evolution import evolve, judge_memory
from agentevo.run import Run
run = Run.start(Path(sys.argv[1]), RunConfig.model_validate_json(sys.argv[2]))
asyncio.run(evolve(run, lambda news: print(news.kind, flush=True)))
run.close()
print("finished", flush=True)
"""


def outcome(folder: Path) -> tuple[object, ...]:
    """Return all that a run came to, apart from times."""
    from agentevo.memory import lessons

    run = Run.open(folder)
    episodes = sorted(
        (one.id, one.score, one.ending, tuple(sorted(one.recall.withheld)))
        for one in run.ledger.episodes(run.id)
    )
    texts = sorted(
        (one.text, one.status, one.trajectories) for one in lessons(run.ledger.engine, run.scope)
    )
    verdicts = [(one.generation, one.kind, one.verdict) for one in run.ledger.verdicts(run.id)]
    arm = run.incumbent()
    run.close()
    return episodes, texts, verdicts, arm


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(tmp_path: Path) -> None:
    config = settings()
    one_go, killed = tmp_path / "a" / "run", tmp_path / "b" / "run"
    run_to_the_end(one_go, config)
    rng = random.Random(0)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", CHILD, str(killed), config.model_dump_json()]
    for _ in range(3):  # killed after a number of news that is drawn
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        assert child.stdout is not None
        n_news = rng.randint(1, 30)
        for _, line in zip(range(n_news), child.stdout, strict=False):
            if line == "finished\n":
                break
        time.sleep(rng.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    run_to_the_end(killed, config)
    assert outcome(killed) == outcome(one_go)


def test_each_generation_may_have_validation_tasks_of_its_own(tmp_path: Path) -> None:
    config = settings()
    evaluation = config.evaluation.model_copy(update={"fresh_gate": True, "n_gate_per_level": 4})
    run_to_the_end(tmp_path / "fresh", config.model_copy(update={"evaluation": evaluation}))
    with Run.open(tmp_path / "fresh") as run:
        played = list(run.ledger.summaries(run.id, purpose="gate"))
        judged = {one.generation for one in run.ledger.verdicts(run.id)}
    by_generation = {g: {one.task_id for one in played if one.key.generation == g} for g in judged}
    assert all(len(tasks) == 8 for tasks in by_generation.values())
    assert len(set.union(*by_generation.values())) == 8 * len(judged), "no task is used twice"
