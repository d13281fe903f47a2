"""Agents that call tools, on the benchmarks that want it: natively and as text, scripted.

The model knows the solution and plays it through whatever tools an episode has: what is tested is
the way from a reply to a tool, back to the prompt, and on to the score.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable

from agentevo.agent.rollout import Occasion, Player, play
from agentevo.benchmarks import Benchmark, load
from agentevo.experience import Trajectory
from agentevo.tools import Toolbox
from agentevo.updating.traces import calls_of
from tests.worlds import Scripted

Plan = Sequence[str]
"""Actions: `name {json}` for a call, anything else for an answer."""


class Planned(BaseChatModel):
    """Follows a plan, an action a reply; natively where tools are bound."""

    plan: Plan
    native: bool
    bound: tuple[str, ...] = ()

    @property
    def _llm_type(self) -> str:
        return "planned"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.model_copy(update={"bound": tuple(one.name for one in tools)})

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        n = sum(isinstance(one, AIMessage) for one in messages)
        action = self.plan[n]
        name, _, rest = action.partition(" ")
        if self.native and rest.startswith("{"):
            assert name in self.bound, f"{name} is not offered: {self.bound}"
            call = {"name": name, "args": json.loads(rest), "id": f"c{n}"}
            message = AIMessage("", tool_calls=[call])
        else:
            message = AIMessage(f"Thought: as planned\nAction: {action}")
        return ChatResult(generations=[ChatGeneration(message=message)])


class Planning(Scripted):
    """A backbone of such models; its window is as large as a benchmark needs."""

    window = 400_000

    def __init__(self, plan: Plan, native: bool) -> None:
        self.plan, self.native = plan, native

    def chat(self, **kwargs: Any) -> Any:
        return Planned(plan=self.plan, native=self.native)


def played(benchmark: Benchmark, plan_of: Callable[[Any], Plan], native: bool, *tools: str,
           level: int | None = None) -> Trajectory:  # fmt: skip
    task = benchmark.tasks("train", 1, levels=None if level is None else (level,))[0]
    box = Toolbox(tools)
    player = Player(
        Planning(plan_of(task), native), tools=box.tools, tool_calls="native" if native else "text"
    )
    (one,) = asyncio.run(play(player, benchmark, task, Occasion(0, "evaluation")))
    assert not one.error, one.error
    return one


@pytest.mark.parametrize("native", [True, False], ids=["native", "text"])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_bfcl_is_solved_through_its_functions(level: int, native: bool) -> None:
    pytest.importorskip("bfcl_eval")
    benchmark = load("bfcl-multi-turn")

    def plan(task: Any) -> Plan:
        return benchmark.gold(task) or []

    one = played(benchmark, plan, native, level=level)
    assert (one.success, one.score, one.ending) == (True, 1.0, "success")
    task = benchmark.tasks("train", 1, levels=(level,))[0]
    n_calls = sum(len(step.uses) for step in one.steps)
    assert n_calls == sum(action.endswith("}") for action in plan(task))
    assert all(bool(step.calls) is bool(step.uses) for step in one.steps) or not native


@pytest.mark.parametrize("native", [True, False], ids=["native", "text"])
def test_a_function_that_comes_later_is_in_later_prompts_only(native: bool) -> None:
    pytest.importorskip("bfcl_eval")
    benchmark = load("bfcl-multi-turn")
    one = played(benchmark, lambda task: benchmark.gold(task) or [], native, level=2)
    assert Trajectory.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert sum(step.given is not None for step in one.steps) == 1
    calls = calls_of(one, with_lessons=True, window=400_000, count=len)
    systems = [call.dialogue[0]["content"] for call in calls]
    assert systems[0] == one.system
    if native:
        assert len(set(systems)) == 1
        assert (len(calls[0].tools), len(calls[-1].tools)) == (
            len(one.tools), len(one.tools) + 1,
        )  # fmt: skip
    else:
        assert calls[0].tools == calls[-1].tools == ()
        assert systems[-1].count("\n- ") == systems[0].count("\n- ") + 1


@pytest.mark.parametrize("native", [True, False], ids=["native", "text"])
def test_gsm8k_is_solved_with_the_calculator(tmp_path: Path, native: bool) -> None:
    rows = [{"question": f"Ann has {i}.", "answer": f"<<{i}*3={3 * i}>>\n#### {3 * i}"}
            for i in range(60)]  # fmt: skip
    for name, some in (("train", rows[:50]), ("test", rows[50:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    benchmark = load(f"gsm8k:{tmp_path}")

    def plan(task: Any) -> Plan:
        n = int(task.instruction.split()[-1].rstrip("."))
        return [f'calculator {{"expression": "{n} * 3"}}', f"It is {3 * n}."]

    one = played(benchmark, plan, native, "calculator")
    assert one.success
    assert one.steps[0].observation == one.steps[1].action.removeprefix("It is ").rstrip(".")  # type: ignore[union-attr]


@pytest.mark.parametrize("native", [True, False], ids=["native", "text"])
def test_hotpotqa_is_solved_by_search(tmp_path: Path, native: bool) -> None:
    context = [["Tea", ["Tea comes from China."]], ["Milk", ["Milk is white."]]]
    rows = [{"_id": f"q{i}", "question": f"{i}: whence tea?", "answer": "China", "level": "easy",
             "context": context} for i in range(30)]  # fmt: skip
    (tmp_path / "hotpot.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark = load(f"hotpotqa:{tmp_path}/hotpot.jsonl")
    one = played(benchmark, lambda task: ['search {"query": "tea"}', "China"], native)
    assert one.success
    assert "Tea comes from China" in one.steps[0].observation
    assert [use.name for use in one.steps[0].uses] == ["search"]
