"""Where an evolution heads: recorded with its reason, and only where the user allows it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentevo.acquisition.tasks import picked
from agentevo.api import check_strategies, play_four_arms, settle
from agentevo.benchmarks import load
from agentevo.config import ConfigError, RunConfig
from agentevo.evaluation.course import diversity, is_stopped, levels_of
from agentevo.evaluation.report import write_report
from agentevo.evolution import evolve
from agentevo.run import Run
from tests.acquisition.test_tasks import played
from tests.conftest import WORLDS


def settings(**objective: Any) -> RunConfig:
    return settle(
        {
            "benchmark": f"{WORLDS}:boxes", "backbone": f"{WORLDS}:scripted",
            "recipe": "memory-only", "n_generations": 4, "objective": objective,
            "acquisition": {"n_tasks_per_level": 3, "temperature": 0.0},
            "memory": {"enabled": False},
            "evaluation": {"n_gate_per_level": 2, "n_test_per_level": 2},
        }
    )  # fmt: skip


def test_every_generation_is_measured_and_the_report_tells_of_it(tmp_path: Path) -> None:
    with Run.start(tmp_path / "run", settings()) as run:
        asyncio.run(evolve(run, lambda news: None))
        asyncio.run(play_four_arms(run, lambda news: None))
        found = diversity(run)
        assert [one.generation for one in found] == [1, 2, 3, 4]
        assert not is_stopped(run)
        assert levels_of(run, 2) == ()
        page = write_report(run).read_text()
    assert "What went wrong" in page
    assert "pull lever" not in page.split("What went wrong")[0]
    assert 'id="course"' in page


def test_levels_of_the_next_objective_are_played_alone(tmp_path: Path) -> None:
    with Run.start(tmp_path / "run", settings()) as run:
        told = {"diversity": {}, "alerts": (), "levels": (2,), "reason": "level 2 is weakest"}
        run.ledger.add_update(run.id, 1, "course", told)
        assert levels_of(run, 2) == (2,)
        assert levels_of(run, 1) == ()


def test_an_evolution_that_was_told_to_end_begins_no_generation(tmp_path: Path) -> None:
    with Run.start(tmp_path / "run", settings(stop_on_collapse=True)) as run:
        told = {"diversity": {"generation": 1, "n_episodes": 6, "distinct_2": 1.0,
                              "action_entropy": 9.0, "lesson_concentration": 0.0, "score": 1.0},
                "alerts": (), "stop": ""}  # fmt: skip
        run.ledger.add_update(run.id, 1, "course", told)
        asyncio.run(evolve(run, lambda news: None))
        outcomes = run.ledger.updates(run.id, kind="outcome")
        stopped = run.ledger.get_update(run.id, 3, "course")
    assert len(outcomes) == 3, "two generations are narrow and gain nothing"
    assert stopped is not None
    assert "lower than at first" in str(stopped.payload["stop"])


@pytest.mark.parametrize(("rate", "name"), [(0.0, "curriculum"), (0.5, "unsolved"), (1.0, "edge")])
def test_auto_goes_by_how_the_last_generation_went_and_says_so(rate: float, name: str) -> None:
    history = [one for i in range(4) for one in played(f"boxes/train/1/{i}", float(i < 4 * rate))]
    found, why = picked(history)
    assert found == name
    assert f"{100 * rate:.0f} %" in why
    assert picked(())[0] == "fresh"


@pytest.mark.parametrize(
    ("objective", "tasks", "said"),
    [({"policy": "weakest"}, "fresh", "objective"), ({}, "auto", "strategy"),
     ({"autonomy": "medium", "policy": "weakest"}, "fresh", "objective")],
)  # fmt: skip
def test_what_the_user_keeps_for_himself_the_framework_may_not_choose(
    objective: dict[str, str], tasks: str, said: str
) -> None:
    config = settings(**objective)
    own = config.acquisition.model_copy(update={"tasks": tasks})
    config = config.model_copy(update={"acquisition": own})
    with pytest.raises(ConfigError, match=said):
        check_strategies(config, load(config.benchmark))
    free = config.objective.model_copy(update={"autonomy": "high"})
    check_strategies(config.model_copy(update={"objective": free}), load(config.benchmark))
