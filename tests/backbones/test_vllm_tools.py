"""A model that a real vLLM serves calls tools, as text and in its own form: the seed, taught to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pytest

from agentevo.backbones import Backbone, load
from agentevo.experience import Trajectory
from agentevo.settings import EndpointSettings
from agentevo.updating.encoding import encoded
from agentevo.updating.traces import calls_of
from tests.backbones.taught import N_BY_HEART, N_PLAYED, Taught, moves, solution

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AGENTEVO_VLLM") or ROOT / ".vllm/bin/python")
PARSING = ("--enable-auto-tool-choice", "--tool-call-parser", "hermes")

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no environment with vLLM: make vllm"),
]


def serve(taught: Taught) -> Backbone:
    arguments = PARSING if taught.tool_calls == "native" else ()
    settings = EndpointSettings(
        vllm_python=str(PYTHON), vllm_arguments=arguments, n_at_once=8, window=taught.window
    )
    return load(f"vllm:{taught.model}", settings=settings)


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return Taught(tmp_path_factory.mktemp("native"), "native")


@pytest.fixture(scope="module")
def served(native: Taught) -> Iterator[Backbone]:
    backbone = serve(native)
    yield backbone
    backbone.close()


@pytest.fixture(scope="module")
def played(native: Taught, served: Backbone) -> dict[str, list[Trajectory]]:
    return native.played(served, with_tokens=True)


def called(some: Sequence[Trajectory], *tools: str) -> list[Trajectory]:
    """Return those that called a tool, and got what they asked for."""
    return [one for one in some if any(not use.error and (not tools or use.name in tools)
                                       for step in one.steps for use in step.uses)]  # fmt: skip


@pytest.mark.parametrize(("name", "tool"), [("gsm8k", "calculator"), ("hotpotqa", "search")])
def test_calls_in_its_own_form_reach_the_tools(
    played: dict[str, list[Trajectory]], name: str, tool: str
) -> None:
    some = played[name]
    assert len(some) == N_PLAYED
    assert not [one.error for one in some if one.error]
    assert len(called(some, tool)) >= 0.8 * N_PLAYED, moves(some)
    assert sum(one.success for one in some) >= 0.3 * N_PLAYED, moves(some)
    for one in some:
        assert tool in [told["function"]["name"] for told in one.tools]
        assert all(bool(step.calls) is bool(step.uses) for step in one.steps)


def test_conversations_of_bfcl_are_solved_through_its_functions(
    native: Taught, played: dict[str, list[Trajectory]]
) -> None:
    pytest.importorskip("bfcl_eval")
    some, benchmark = played["bfcl-multi-turn"], native.benchmarks["bfcl-multi-turn"]
    assert len(called(some)) == len(some) == N_BY_HEART
    assert not [one.error for one in some if one.error]
    assert sum(one.success for one in some) >= N_BY_HEART - 1, moves(some)
    right = {one.id: solution(benchmark, one) for one in native.to_play(benchmark)}
    for one in some:
        n_calls = sum(len(step.calls) for step in one.steps)
        assert not one.success or n_calls == sum(text != "Done." for text in right[one.task_id])


def test_what_is_learned_from_is_what_the_server_saw_and_said(
    native: Taught, served: Backbone, played: dict[str, list[Trajectory]]
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(native.model, local_files_only=True)
    count, n_calls = served.count_tokens, 0
    for one in (one for some in played.values() for one in some if one.success):
        told = calls_of(one, with_lessons=True, window=native.window, count=count)
        for call, step in zip(told, one.steps, strict=True):
            ids, n_prompt = encoded(tokenizer, call)
            assert n_prompt == step.n_prompt_tokens
            assert ids[n_prompt:] == list(step.reply_ids)
            assert encoded(tokenizer, replace(call, reply_ids=())) == (ids, n_prompt)
            n_calls += len(step.calls)
    assert n_calls > N_BY_HEART


def test_a_call_that_is_streamed_is_the_same(
    native: Taught, served: Backbone, played: dict[str, list[Trajectory]]
) -> None:
    some = (one for one in played["hotpotqa"] if one.success)
    call = calls_of(next(some), with_lessons=True, window=native.window, count=len)[0]
    said = [(one["role"], one["content"]) for one in call.dialogue[:-1]]
    model = served.chat(episode="", temperature=0.0, max_tokens=60).bind_tools(call.tools)

    async def streamed() -> Any:
        return reduce(add, [piece async for piece in model.astream(said)])

    for whole in (model.invoke(said), asyncio.run(streamed())):
        assert [(one["name"], one["args"]) for one in whole.tool_calls] == [
            (one["function"]["name"], one["function"]["arguments"])
            for one in call.dialogue[-1]["tool_calls"]
        ]
        assert not whole.text
        assert not whole.invalid_tool_calls


def test_a_server_that_parses_no_calls_is_told_of_tools_as_text(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    taught = Taught(tmp_path_factory.mktemp("text"), "text")
    served, local = serve(taught), load(f"local:{taught.model}")
    try:
        assert not served.calls_tools()  # type: ignore[attr-defined]
        found, again = taught.played(served), taught.played(local)
    finally:
        served.close()
        local.close()
    for name, tool in (("gsm8k", "calculator"), ("hotpotqa", "search")):
        some = found[name]
        assert len(some) == N_PLAYED
        assert not [one.error for one in some if one.error]
        assert len(called(some, tool)) >= 0.8 * N_PLAYED, moves(some)
        assert sum(one.success for one in some) >= 0.3 * N_PLAYED, moves(some)
        alike = [a == b for a, b in zip(moves(some), moves(again[name]), strict=True)]
        assert sum(alike) >= 0.8 * N_PLAYED, "but for a token where two are equally likely"
