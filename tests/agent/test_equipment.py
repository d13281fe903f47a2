"""Limits and approvals name tools that there are; and where nobody can be asked, that is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from agentevo import Agent, evolve
from agentevo.agent.equipment import check_names, names_in_tasks
from agentevo.agent.rules import Rules
from agentevo.config import ConfigError
from agentevo.settings import ToolSettings
from agentevo.tools import ToolError, tool
from tests.agent.doors import played
from tests.worlds import Box, Boxes

WORLDS = "tests/worlds.py"


@tool
def stock(item: str) -> str:
    """Tell how many of an item there are."""
    return f"7 of {item}"


def priced(item: str) -> str:
    """Tell what an item costs."""
    return f"{item}: 3"


@tool
def ring(times: int) -> str:
    """Ring the bell."""
    return "ding"


class Ringing(Box):
    tools: list[BaseTool] = [ring]  # noqa: RUF012


class Bells(Boxes):
    """Boxes with a bell."""

    def open(self, task: Any) -> Ringing:
        return Ringing(task)


class Broken(Boxes):
    """Boxes that cannot be opened."""

    def open(self, task: Any) -> Box:
        raise OSError("no box")


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": {"stock": 1}}, {"limits": {"st*": 1, "fs__*": 2}}, {"limits": {"[x]": 1}},
        {"approval": {"stock": "deny", "*": "allow"}}, {"approval": {'stock *"tea"*': "deny"}},
        {"approval": {"* --force": "deny"}}, {},
    ],
)  # fmt: skip
def test_names_and_patterns_of_tools_are_taken(settings: Any) -> None:
    check_names(ToolSettings(**settings), ["stock", "calculator"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"limits": {"stok": 1}},
            r"toolbox\.limits: .* tool 'stok'; did you mean 'stock'",
        ),
        ({"approval": {"calculater": "deny"}}, "approval: .*did you mean 'calculator'"),
        ({"approval": {"stok *tea*": "deny"}}, r"no tool 'stok'.*\(known: calculator, stock\)"),
        ({"limits": {"stock *tea*": 1, "files": 1}}, "limits: there is no tool 'files'"),
    ],
)
def test_a_name_of_no_tool_is_refused_with_the_nearest(settings: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_names(ToolSettings(**settings), ["stock", "calculator"])


def test_tools_that_come_with_tasks_count_too() -> None:
    def of_tasks(benchmark: Any) -> Any:
        return lambda: names_in_tasks(benchmark, None)

    check_names(ToolSettings(limits={"ring": 1}), ["stock"], of_tasks(Bells()))
    with pytest.raises(ConfigError, match=r"'rong'; did you mean 'ring'\? \(known: ring, stock\)"):
        check_names(ToolSettings(limits={"rong": 1}), ["stock"], of_tasks(Bells()))
    with pytest.raises(ConfigError, match="what the tasks give cannot be told: OSError: no box"):
        check_names(ToolSettings(limits={"ring": 1}), ["stock"], of_tasks(Broken()))
    check_names(ToolSettings(limits={"stock": 1}), ["stock"], of_tasks(Broken()))


def test_a_run_with_a_limit_for_no_tool_does_not_begin() -> None:
    settings: Any = {"toolbox": {"limits": {"calculater": 1}}}
    agent = Agent(f"{WORLDS}:scripted", tools=["calculator"], **settings)
    with pytest.raises(ConfigError, match="did you mean 'calculator'"):
        evolve(agent, benchmark=f"{WORLDS}:boxes", recipe="react", name="limited")


def test_an_agent_with_an_approval_for_no_tool_does_not_answer() -> None:
    settings: Any = {"toolbox": {"approval": {"stok": "ask"}}}
    with (
        Agent(f"{WORLDS}:scripted", tools=[stock], **settings) as agent,
        pytest.raises(ConfigError, match="did you mean 'stock'"),
    ):
        asyncio.run(agent.solve("How many?"))


def test_that_nobody_can_be_asked_is_told_apart_from_a_no() -> None:
    replies = ['Action: stock {"item": "tea"}', "Action: open door"]

    async def no(name: str, arguments: str) -> bool:
        return False

    told = []
    for ask in (None, no):
        rules = Rules(approval={"stock": "ask"}, ask=ask)
        (attempt,) = played(replies, tools=[stock], rules=rules)
        told.append(attempt.steps[0].observation)
    assert told == [
        "stock was not called: a person has to allow it, and there is nobody to ask.",
        "stock was not called: that is not allowed here.",
    ]


@pytest.fixture
def agents() -> Iterator[list[Agent]]:
    some: list[Agent] = []
    yield some
    for one in some:
        one.close()


def test_a_plain_function_is_taken_as_a_tool_and_found_again(agents: list[Agent]) -> None:
    agents.append(Agent(f"{WORLDS}:scripted", tools=[priced, stock, "calculator"]))
    names = [one if isinstance(one, str) else one.name for one in agents[0].tools]
    assert names == ["priced", "stock", "calculator"]
    assert agents[0].as_settings()["agent"]["tools"][0].endswith("test_equipment.py:priced")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda item: item, "a lambda is no tool: write a function with a name"),
        (7, "7 is a int and no tool"),
        (print, "is a builtin_function_or_method and no tool"),
    ],
)
def test_what_is_no_tool_is_one_line(given: Any, words: str) -> None:
    with pytest.raises(ToolError, match=words) as caught:
        Agent("seed", tools=[given])
    assert "\n" not in str(caught.value)
