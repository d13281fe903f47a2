"""Small environments of verifiers, for test_harnesses.py."""

from __future__ import annotations

from typing import Any

import verifiers.legacy as vf
from datasets import Dataset


def sums(n: int = 40, more: int = 0) -> Dataset:
    return Dataset.from_list(
        [
            {"question": f"What is {i + more} + {7 * i}?", "answer": str(8 * i + more)}
            for i in range(1, n + 1)
        ]
    )


def right(completion: Any, answer: str, **_: Any) -> float:
    return float(str(completion[-1]["content"]).strip() == answer)


def brief(completion: Any, **_: Any) -> float:
    return float(len(str(completion[-1]["content"])) < 20)


async def add(x: int, y: int) -> int:
    """Add two numbers.

    Args:
        x: one of them
        y: the other
    """
    return x + y


def single() -> vf.Environment:
    rubric = vf.Rubric(funcs=[right, brief], weights=[1.0, 0.25])
    return vf.SingleTurnEnv(
        dataset=sums(), eval_dataset=sums(20, 100), system_prompt="Be brief.", rubric=rubric
    )


def tools() -> vf.Environment:
    return vf.ToolEnv(dataset=sums(), tools=[add], rubric=vf.Rubric(funcs=[right]))


class Again(vf.MultiTurnEnv):  # type: ignore[misc]  # untyped
    async def env_response(self, messages: Any, state: Any, **_: Any) -> Any:
        if str(messages[-1]["content"]).strip() == state["answer"]:
            state["final_env_response"] = [vf.UserMessage(content="Yes.")]
            return state["final_env_response"]
        return [vf.UserMessage(content="No, once more.")]


def found(completion: Any, answer: str, **_: Any) -> float:
    return float(any(one["role"] == "assistant" and one["content"] == answer for one in completion))


def turns() -> vf.Environment:
    return Again(dataset=sums(), max_turns=3, rubric=vf.Rubric(funcs=[found]))


def grouped() -> vf.Environment:
    def best(completions: Any, **_: Any) -> list[float]:
        return [1.0 for _ in completions]

    return vf.SingleTurnEnv(dataset=sums(), rubric=vf.Rubric(funcs=[best]))


def number() -> int:
    return 7
