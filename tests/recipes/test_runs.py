"""Every recipe runs: one generation each, in a tiny world, with a real training where it trains."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentevo.api import begin, play_four_arms, settle
from agentevo.evolution import evolve
from agentevo.recipes import load, names
from tests.conftest import WORLDS


@pytest.mark.parametrize("name", names())
def test_a_recipe_runs_from_its_beginning_to_the_test(
    name: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_MODEL", str(tiny_model))
    monkeypatch.setenv("AGENTEVO_HOME", str(tmp_path))
    recipe = load(name)
    config = settle(
        {
            "recipe": name, "benchmark": f"{WORLDS}:boxes", "backbone": f"{WORLDS}:learner",
            "n_generations": min(1, recipe.settings.get("n_generations", 1)),
            "acquisition": {"n_tasks_per_level": 3}, "memory": {"abstain_below": -1.0},
            "weights": {"min_traces": 1, "n_epochs": 1, "max_traces": 4, "rank": 2},
            "evaluation": {"n_gate_per_level": 2, "n_test_per_level": 1},
        }
    )  # fmt: skip
    with begin(config, name) as run:
        asyncio.run(evolve(run, lambda news: None))
        played = asyncio.run(play_four_arms(run, lambda news: None))
        broken = [one.error for one in run.ledger.episodes(run.id) if one.ending == "error"]
        learns, trains = config.n_generations > 0, config.weights.trainer != "none"
        updates = {one.kind for one in run.ledger.updates(run.id)}
    assert broken == []
    assert all(len(episodes) == 2 for episodes in played.values())
    assert ("memory" in updates) == (learns and config.memory.enabled)
    assert ("weights" in updates) == (learns and trains)
