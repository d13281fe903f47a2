"""Tools within an episode: what is recorded of them, what bounds them, and what they cannot do."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from agentevo import Agent
from agentevo.agent.episode import Limits
from agentevo.agent.rules import Rules
from agentevo.experience import Trajectory
from agentevo.tools import tool
from tests.agent.doors import played, played_by
from tests.backbones.openai_server import Server


@tool
def stock(item: str) -> str:
    """Tell how many of an item there are."""
    if item == "gold":
        raise KeyError(item)
    return f"7 of {item}"


@tool
def slow(seconds: float) -> str:
    """Take long."""
    time.sleep(seconds)
    return "done"


@tool
async def slow_too(seconds: float) -> str:
    """Take long."""
    await asyncio.sleep(seconds)
    return "done"


@tool
def huge() -> str:
    """Return ten megabytes."""
    return "x" * 10_000_000


@tool
def rude() -> str:
    """Return what a terminal would obey."""
    return "a\x1b[2J\x00b\u202ec\nd"


def call(name: str, **arguments: Any) -> str:
    return f"Action: {name} {json.dumps(arguments)}"


END = "Action: open door"


def test_uses_are_recorded_with_their_time_and_whole_error() -> None:
    replies = [call("stock", item="tea"), call("stock", item="gold"), "Action: stock {", END]
    (attempt,) = played(replies, tools=[stock])
    uses = [use for step in attempt.steps for use in step.uses]
    assert [(one.name, bool(one.error)) for one in uses] == [
        ("stock", False), ("stock", True), ("stock", True),
    ]  # fmt: skip
    assert uses[0].seconds > 0
    assert "Traceback" in uses[1].error
    assert "Traceback" not in attempt.steps[1].observation
    assert attempt.steps[1].observation == "stock failed: KeyError: 'gold'"
    assert attempt.steps[3].uses == ()


def test_arguments_that_do_not_fit_are_told_in_a_line() -> None:
    (attempt,) = played([call("stock", thing="tea"), call("stock", item=["a"]), END], tools=[stock])
    assert [step.observation for step in attempt.steps[:2]] == [
        "stock failed: item: Field required",
        "stock failed: item: Input should be a valid string",
    ]


@pytest.mark.parametrize("which", [slow, slow_too])
def test_a_tool_that_hangs_is_left_behind(which: Any) -> None:
    began = time.monotonic()
    (attempt,) = played(
        [call(which.name, seconds=30), END], tools=[which], rules=Rules(timeout_s=0.3)
    )
    assert attempt.success
    assert attempt.steps[0].observation == f"{which.name} failed: it took more than 0.3 s"
    assert time.monotonic() - began < 10, "nobody waits for its thread"
    assert all(one.daemon for one in threading.enumerate() if one is not threading.main_thread())


def test_a_tool_that_calls_exit_ends_its_call_alone() -> None:
    @tool
    def leave(code: int) -> str:
        """Leave."""
        raise SystemExit(code)

    (attempt,) = played(['Action: leave {"code": 3}', "Action: open door"], tools=[leave])
    assert "it called exit: 3" in attempt.steps[0].observation
    assert attempt.success


def test_ten_megabytes_and_control_characters_are_dealt_with() -> None:
    (attempt,) = played([call("huge"), call("rude"), END], tools=[huge, rude])
    assert len(attempt.steps[0].observation) < 5_000
    assert attempt.steps[0].observation.endswith("(the first 4,000 of 10,000,000 characters)")
    assert attempt.steps[1].observation == "a[2Jbc\nd"
    (longer,) = played([call("huge"), END], tools=[huge], rules=Rules(max_characters=9_000))
    assert 9_000 < len(longer.steps[0].observation) < 9_100


def test_calls_are_limited_by_tool_and_by_episode() -> None:
    replies = [call("stock", item=f"{i}") for i in range(4)]
    (by_tool,) = played([*replies, END], tools=[stock], rules=Rules(limits={"st*": 2}))
    told = [step.observation for step in by_tool.steps]
    assert told[1] == "7 of 1"
    assert told[2] == told[3] == "stock may be called 2 times in an episode, and was."
    (by_episode,) = played([*replies, END], tools=[stock], rules=Rules(max_calls=1))
    assert "1 calls are all" in by_episode.steps[1].observation


@pytest.mark.parametrize(
    ("approval", "allowed"),
    [
        ({}, True), ({"stock": "deny"}, False), ({"s*": "deny"}, False),
        ({'stock *"tea"*': "deny"}, False), ({'stock *"coffee"*': "deny"}, True),
        ({"stock": "allow", "*": "deny"}, True), ({"*": "deny", "stock": "allow"}, False),
        ({"stock": "ask"}, False),
    ],
)  # fmt: skip
def test_the_first_pattern_that_fits_decides(approval: Any, allowed: bool) -> None:
    rules = Rules(approval=approval)
    (attempt,) = played([call("stock", item="tea"), END], tools=[stock], rules=rules)
    assert (attempt.steps[0].observation == "7 of tea") is allowed


def test_a_person_is_asked_with_what_is_to_be_done() -> None:
    asked: list[tuple[str, str]] = []

    async def ask(name: str, arguments: str) -> bool:
        asked.append((name, arguments))
        return "tea" in arguments

    rules = Rules(approval={"stock": "ask"}, ask=ask)
    replies = [call("stock", item="tea"), call("stock", item="gold"), END]
    (attempt,) = played(replies, tools=[stock], rules=rules)
    assert asked == [("stock", '{"item": "tea"}'), ("stock", '{"item": "gold"}')]
    assert [step.observation for step in attempt.steps[:2]] == [
        "7 of tea", "stock was not called: that is not allowed here.",
    ]  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def test_native_calls_are_bound_and_recorded_alike(server: Server) -> None:
    server.tools = "called"
    for limits, told in (({}, "7 of kettle"), ({"stock": 0}, "stock may be called 0 times")):
        settings: Any = {"agent": {"tool_calls": "native"}, "toolbox": {"limits": limits}}
        with Agent(f"endpoint:{server.url}#base", tools=[stock], **settings) as agent:
            one = asyncio.run(agent.solve("How many?")).trajectory
        assert [use.name for use in one.steps[0].uses] == ["stock"]
        assert one.steps[0].calls[0].result.startswith(told)
        assert Trajectory.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_native_calls_and_schemas_fit_into_the_window() -> None:
    sizes: list[int] = []

    class Calling(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            schemas = [json.dumps(convert_to_openai_tool(one)) for one in tools]
            return self.bind(n_of_schemas=sum(len(text.split()) for text in schemas))

        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            told = [str(one.content) for one in messages]
            told += [f"{call['name']} {call['args']}" for one in messages
                     if isinstance(one, AIMessage) for call in one.tool_calls]  # fmt: skip
            sizes.append(kwargs.pop("n_of_schemas") + sum(len(text.split()) for text in told))
            return super()._generate(messages, *args, **kwargs)

    calls = [
        AIMessage(
            "", tool_calls=[{"name": "stock", "args": {"item": f"{'a ' * 20}{i}"}, "id": "1"}]
        )
        for i in range(20)
    ]
    chat = Calling(messages=iter([*calls, AIMessage("Action: open door")]))
    (attempt,) = played_by(
        chat, window=600, tools=[stock, slow, slow_too, huge, rude], native=True,
        limits=Limits(max_steps=30, max_reply_tokens=50),
    )  # fmt: skip
    assert attempt.success
    assert max(sizes) <= 550, sizes
    assert sizes != sorted(sizes), "turns were dropped"


def test_an_agent_asks_whoever_it_was_given(server: Server) -> None:
    server.tools = "called"
    asked: list[str] = []

    async def ask(name: str, arguments: str) -> bool:
        asked.append(f"{name} {arguments}")
        return False

    settings: Any = {"toolbox": {"approval": {"*": "ask"}}}
    with Agent(f"endpoint:{server.url}#base", tools=[stock], ask=ask, **settings) as agent:
        answer = asyncio.run(agent.solve("How many?"))
    assert asked == ['stock {"item": "kettle"}']
    assert "not allowed" in answer.text
