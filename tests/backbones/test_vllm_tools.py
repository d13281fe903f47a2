"""A model that a real vLLM serves calls tools: the seed, taught by traces of a scripted model.

The plain seed writes no JSON. Traces of a model that knows the plan teach it to, on questions in
the form of GSM8K with the calculator and of HotpotQA with search; what is played then are others.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentevo.agent.episode import Limits
from agentevo.agent.rollout import Occasion, Player, play, play_all
from agentevo.backbones import Backbone, load
from agentevo.backbones.seed.weights_file import checked_folder
from agentevo.benchmarks import Benchmark
from agentevo.benchmarks import load as load_benchmark
from agentevo.experience import Trajectory
from agentevo.settings import EndpointSettings, WeightSettings
from agentevo.tools import Toolbox
from agentevo.updating.adapters import export
from agentevo.updating.in_weights import tune
from agentevo.updating.traces import Card, Example, TrainingSet, calls_of, hash_of
from agentevo.updating.training import Job
from tests.agent.test_tool_calling import Planning

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AGENTEVO_VLLM") or ROOT / ".vllm/bin/python")
WINDOW = 1250
N_TAUGHT, N_PLAYED = 60, 10
GOODS = ["tea", "milk", "salt", "rice", "bread", "cheese", "honey", "wool", "silk", "glass"]
PLACES = ["north", "south", "east", "west", "coast", "hills", "valley", "island"]

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no environment with vLLM: make vllm"),
]


def pears(folder: Path) -> Benchmark:
    """Return questions in the form of GSM8K."""
    rows = [
        {"question": f"Ann has {n} pears, Bob three times as many. How many has Bob?",
         "answer": f"<<{n}*3={3 * n}>>\n#### {3 * n}"}
        for n in random.Random(0).sample(range(10, 100), 90)
    ]  # fmt: skip
    for name, some in (("train", rows[:70]), ("test", rows[70:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    return load_benchmark(f"gsm8k:{folder}")


def houses(folder: Path) -> Benchmark:
    """Return questions in the form of HotpotQA, each with four passages."""
    rng, rows = random.Random(1), []
    for n in range(120):
        known = dict(zip(rng.sample(GOODS, 4), rng.sample(PLACES, 4), strict=True))
        good = next(iter(known))
        rows.append(
            {"_id": f"q{n}", "question": f"Where does the {good} of house {n} come from?",
             "answer": known[good], "level": "easy",
             "context": [[one, [f"The {one} comes from the {known[one]}."]]
                         for one in sorted(known)]}
        )  # fmt: skip
    (folder / "hotpot.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_benchmark(f"hotpotqa:{folder}/hotpot.jsonl")


def plan(benchmark: Benchmark, task: Any) -> list[str]:
    right = benchmark.gold(task)
    assert right is not None
    words = task.instruction.splitlines()[-1].split()
    if benchmark.name == "gsm8k":
        return [f'calculator {{"expression": "{words[2]} * 3"}}', right[0]]
    return [f'search {{"query": "{words[3]}"}}', right[0]]


class Taught:
    """The benchmarks, what is called in them, and the model that learned to."""

    def __init__(self, folder: Path) -> None:
        """Let a scripted model play, and train the seed on that."""
        self.calculator = Toolbox(["calculator"]).tools
        self.benchmarks = [pears(folder), houses(folder)]
        examples = [
            Example(tuple(calls_of(one, with_lessons=True, window=WINDOW, count=len)),
                    group=one.task_id)
            for benchmark in self.benchmarks
            for one in self._shown(benchmark)
        ]  # fmt: skip
        data = TrainingSet(tuple(examples), Card(n_traces=len(examples), hash=hash_of(examples)))
        settings = WeightSettings(lr=1e-3, n_epochs=24, tokens_per_step=512, mode="full")
        out = folder / "adapters" / "taught"
        job = Job(checked_folder(), None, data, settings, out, WINDOW, seed=0)
        tune("sft", job, lambda pace: None)
        self.model = folder / "model"
        export(out, checked_folder(), self.model, merged=True)

    def _shown(self, benchmark: Benchmark) -> list[Trajectory]:
        found = []
        for task in benchmark.tasks("train", N_TAUGHT):
            player = self.player(Planning(plan(benchmark, task), native=False), benchmark)
            (one,) = asyncio.run(play(player, benchmark, task, Occasion(0, "acquisition")))
            assert one.success
            found.append(one)
        return found

    def player(self, backbone: Any, benchmark: Benchmark) -> Player:
        tools = self.calculator if benchmark.name == "gsm8k" else ()
        limits = Limits(max_steps=4, max_reply_tokens=60)
        return Player(backbone, tools=tools, tool_calls="text", limits=limits)

    def played(self, backbone: Backbone) -> dict[str, list[Trajectory]]:
        async def all_of(benchmark: Benchmark) -> list[Trajectory]:
            tasks = benchmark.tasks("test", N_PLAYED)
            found = play_all(
                self.player(backbone, benchmark), benchmark, tasks, Occasion(0, "evaluation")
            )
            return sorted([one async for (one,) in found], key=lambda one: one.task_id)

        return {one.name: asyncio.run(all_of(one)) for one in self.benchmarks}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return Taught(tmp_path_factory.mktemp("taught"))


def steps(some: Sequence[Trajectory]) -> list[list[tuple[str, str]]]:
    return [[(step.reply, step.observation) for step in one.steps] for one in some]


def test_a_served_model_that_was_taught_to_calls_tools(taught: Taught) -> None:
    settings = EndpointSettings(vllm_python=str(PYTHON), n_at_once=8, window=WINDOW)
    served = load(f"vllm:{taught.model}", settings=settings)
    try:
        found = taught.played(served)
    finally:
        served.close()
    for name, tool in (("gsm8k", "calculator"), ("hotpotqa", "search")):
        some = found[name]
        assert len(some) == N_PLAYED
        assert not [one.error for one in some if one.error]
        called = [one for one in some if any(not use.error for step in one.steps
                                             for use in step.uses if use.name == tool)]  # fmt: skip
        assert len(called) >= 0.8 * N_PLAYED, steps(some)
        assert sum(one.success for one in some) >= 0.3 * N_PLAYED, steps(some)
    local = load(f"local:{taught.model}")
    try:
        again = taught.played(local)
    finally:
        local.close()
    for name, some in found.items():
        alike = [a == b for a, b in zip(steps(some), steps(again[name]), strict=True)]
        assert sum(alike) >= 0.8 * N_PLAYED, "but for a token where two are equally likely"
