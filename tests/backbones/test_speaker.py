"""A backbone as the user of a benchmark."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from agentevo.backbones.speaker import load_benchmark
from agentevo.benchmarks import BenchmarkError

SCRIPTED = f"{Path(__file__).parents[1] / 'worlds.py'}:scripted"


@pytest.mark.skipif(find_spec("inspect_evals") is None, reason="tau2 is not installed")
def test_a_named_backbone_plays_the_user() -> None:
    talked = load_benchmark(f"tau2:domain=retail,user={SCRIPTED}")
    solo = load_benchmark("tau2:domain=retail")
    other = load_benchmark("tau2:user=seed,domain=retail")
    assert (talked.name, solo.name) == ("tau2-retail", "tau2-retail-solo")
    assert len({one.fingerprint() for one in (talked, solo, other)}) == 3
    task = talked.tasks("train", 1)[0]
    environment = talked.open(task)
    first = environment.reset().text
    assert first.startswith("Thought: the lever\nAction: pull lever"), "the model's own words"
    assert "Your policy:" in first
    assert environment.step("What can I do for you?").text.startswith("Thought: the lever")
    assert talked.gold(task) is None
    environment.close()


def test_other_benchmarks_are_loaded_as_ever() -> None:
    assert load_benchmark(f"{SCRIPTED.rpartition(':')[0]}:boxes").name == "boxes"
    with pytest.raises(BenchmarkError, match="unknown benchmark 'tau3'"):
        load_benchmark("tau3:user=solo")
