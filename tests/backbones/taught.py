"""The seed, taught to call tools by traces of a scripted model that knows what to do.

The plain seed writes no JSON. It learns on questions in the form of GSM8K with the calculator and
of HotpotQA with search, of which others are played then, and on short conversations of BFCL, which
it knows by heart then: how its calls fare is tried with it, not what it can think of.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agentevo.agent.episode import Limits
from agentevo.agent.rollout import Occasion, Player, play, play_all
from agentevo.backbones import Backbone
from agentevo.backbones.endpoint import ASKED_TO_CALL, READY
from agentevo.backbones.seed.weights_file import checked_folder
from agentevo.benchmarks import Benchmark, Task, load
from agentevo.experience import Trajectory
from agentevo.settings import ToolCalls, WeightSettings
from agentevo.tools import Toolbox
from agentevo.updating.adapters import export
from agentevo.updating.in_weights import tune
from agentevo.updating.traces import Call, Card, Example, TrainingSet, calls_of, hash_of
from agentevo.updating.training import Job
from tests.agent.test_tool_calling import Planning

WINDOW = {"text": 1250, "native": 2048}
N_TAUGHT = {"gsm8k": 80, "hotpotqa": 40}
N_PLAYED, N_BY_HEART = 10, 4
N_TIMES = 2  # that what is to be known by heart is told in an epoch
GOODS = ["tea", "milk", "salt", "rice", "bread", "cheese", "honey", "wool", "silk", "glass"]
PLACES = ["north", "south", "east", "west", "coast", "hills", "valley", "island"]

# Calls as Hermes' models write them. Of a tool only its name and its arguments' are told.
TEMPLATE = """\
{%- macro call(one) -%}
<tool_call>
{{ {"name": one.function.name, "arguments": one.function.arguments} | tojson }}
</tool_call>
{%- endmacro -%}
{%- if tools -%}
<|system|>Tools:
{%- for tool in tools %} {{ tool.function.name }}(
{{- tool.function.parameters.properties | join(", ") }})
{%- endfor %}<|end|>
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == "tool" -%}
<|user|><tool_response>{{ message.content }}</tool_response><|end|>
{%- else -%}
<|{{ message.role }}|>{{ message.content or "" }}
{%- for one in message.tool_calls or [] %}{{ call(one) }}{% endfor -%}
<|end|>
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}
"""

READINESS = Example(
    (
        Call(
            [
                {"role": "user", "content": ASKED_TO_CALL},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"type": "function", "function": {"name": "ready", "arguments": {}}}
                ]},
            ],
            tools=(READY,),
        ),
    ),
    group="ready",
)  # fmt: skip
"""What a model is asked once, before its tools are given to it in its own form."""


def pears(folder: Path) -> Benchmark:
    """Return questions in the form of GSM8K."""
    small = [(n, k) for n in range(10, 50) for k in range(2, 10) if n * k < 100]
    rows = [
        {"question": f"Ann has {n} pears, Bob {k} times as many. How many has Bob?",
         "answer": f"<<{n}*{k}={n * k}>>\n#### {n * k}"}
        for n, k in random.Random(0).sample(small, 100)
    ]  # fmt: skip
    for name, some in (("train", rows[:85]), ("test", rows[85:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    return load(f"gsm8k:{folder}")


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
    return load(f"hotpotqa:{folder}/hotpot.jsonl")


def solution(benchmark: Benchmark, task: Task) -> list[str]:
    """Return what solves a task, as far as it tells."""
    found = benchmark.gold(task)
    assert found is not None
    return found


def plan(benchmark: Benchmark, task: Task) -> list[str]:
    """Return a task's calls and answers, as the scripted model plays them."""
    right, words = solution(benchmark, task), task.instruction.splitlines()[-1].split()
    if benchmark.name == "gsm8k":
        return [f'calculator {{"expression": "{words[2]} * {words[5]}"}}', right[0]]
    if benchmark.name == "hotpotqa":
        return [f'search {{"query": "{words[3]}"}}', right[0]]
    return right


def with_template(folder: Path) -> Path:
    """Return the seed with a window and a chat template for tools, in a folder of its own."""
    shutil.copytree(checked_folder(), folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    config = folder / "tokenizer_config.json"
    config.write_text(
        json.dumps(json.loads(config.read_text()) | {"model_max_length": WINDOW["native"]})
    )
    return folder


class Taught:
    """The benchmarks, what is called in them, and the model that learned to.

    Args:
        folder: for all that is made.
        tool_calls: in which form it learns to call.
    """

    def __init__(self, folder: Path, tool_calls: ToolCalls) -> None:
        """Let the scripted model play, and train the seed on that."""
        self.tool_calls = tool_calls
        self.window = WINDOW[tool_calls]
        self.calculator = Toolbox(["calculator"]).tools
        self.benchmarks = {one.name: one for one in (pears(folder), houses(folder))}
        is_native = tool_calls == "native"
        if is_native and find_spec("bfcl_eval"):
            self.benchmarks["bfcl-multi-turn"] = load("bfcl-multi-turn")
        weights = with_template(folder / "plain") if is_native else checked_folder()
        examples = [
            Example(tuple(calls_of(one, with_lessons=True, window=self.window, count=len)),
                    group=one.task_id)
            for benchmark in self.benchmarks.values()
            for one in self._shown(benchmark)
        ]  # fmt: skip
        examples += [READINESS] * N_TIMES if is_native else []
        data = TrainingSet(tuple(examples), Card(n_traces=len(examples), hash=hash_of(examples)))
        settings = WeightSettings(lr=1e-3, n_epochs=20, tokens_per_step=512, mode="full")
        out = folder / "adapters" / "taught"
        tune("sft", Job(weights, None, data, settings, out, self.window, seed=0), lambda pace: None)
        self.model = folder / "model"
        export(out, weights, self.model, merged=True)

    def _shown(self, benchmark: Benchmark) -> list[Trajectory]:
        found = []
        by_heart = benchmark.name == "bfcl-multi-turn"
        known = self.to_play(benchmark) * N_TIMES if by_heart else []
        for task in known or benchmark.tasks("train", N_TAUGHT[benchmark.name]):
            scripted = Planning(plan(benchmark, task), native=self.tool_calls == "native")
            player = self.player(scripted, benchmark, self.tool_calls)
            (one,) = asyncio.run(play(player, benchmark, task, Occasion(0, "acquisition")))
            assert one.success
            found.append(one)
        return found

    def to_play(self, benchmark: Benchmark) -> list[Task]:
        """Return the tasks that the model is tried with."""
        if benchmark.name != "bfcl-multi-turn":
            return benchmark.tasks("test", N_PLAYED)
        tasks = benchmark.tasks("train", 120, levels=(1,))
        return sorted(tasks, key=lambda one: len(" ".join(solution(benchmark, one))))[:N_BY_HEART]

    def player(self, backbone: Any, benchmark: Benchmark, tool_calls: ToolCalls) -> Player:
        """Return who plays a benchmark, with the tools that it wants."""
        tools = self.calculator if benchmark.name == "gsm8k" else ()
        limits = Limits(max_steps=20, max_reply_tokens=100)
        return Player(backbone, tools=tools, tool_calls=tool_calls, limits=limits)

    def played(self, backbone: Backbone, **more: Any) -> dict[str, list[Trajectory]]:
        """Return the episodes of each benchmark, by task; tools are called as the model can."""

        async def all_of(benchmark: Benchmark) -> list[Trajectory]:
            player = replace(self.player(backbone, benchmark, "auto"), **more)
            tasks, occasion = self.to_play(benchmark), Occasion(0, "evaluation")
            found = play_all(player, benchmark, tasks, occasion)
            return sorted([one async for (one,) in found], key=lambda one: one.task_id)

        return {name: asyncio.run(all_of(one)) for name, one in self.benchmarks.items()}


def moves(some: Sequence[Trajectory]) -> list[list[tuple[str, str]]]:
    """Return what was done and what came back."""
    return [[(str(step.action), step.observation) for step in one.steps] for one in some]
