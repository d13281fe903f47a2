"""The cycle from end to end, on a scripted model in a tiny world."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentevo.config import RunConfig, make
from agentevo.cycle import News
from agentevo.evaluation.evaluate import Arm
from agentevo.evolution import evolve
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


CHILD = """
import asyncio, sys
from pathlib import Path
from agentevo.config import RunConfig
from agentevo.evolution import evolve
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
