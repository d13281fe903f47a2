"""One question, answered by an agent: alone, with tools, and with what a run has learned."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentevo import Agent, evolve
from agentevo.config import ConfigError
from agentevo.experience import Step, Trajectory
from agentevo.run import Run
from agentevo.tools import tool
from agentevo.updating.traces import calls_of
from tests.backbones.openai_server import Server

WORLDS = Path(__file__).parent / "worlds.py"


@tool
def stock(item: str) -> int:
    """Return how many of an item are in stock."""
    if item == "gold":
        raise ValueError("no such thing")
    return 7


@tool
def price(item: str) -> str:
    """Return what an item costs."""
    return f"{item}: 20"


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def test_a_model_that_calls_tools_in_its_own_form_is_given_them_so(server: Server) -> None:
    server.tools = "called"
    heard: list[Step] = []
    with Agent(f"endpoint:{server.url}#base", tools=[stock, price]) as agent:
        answer = asyncio.run(agent.solve("How many kettles, for how much?", watch=heard.append))
    assert str(answer) == answer.text == "7 and kettle: 20"
    first, last = answer.trajectory.steps
    assert heard == [first, last]
    assert [(one.name, one.arguments, one.result) for one in first.calls] == [
        ("stock", '{"item": "kettle"}', "7"),
        ("price", '{"item": "kettle"}', "kettle: 20"),
    ]
    assert (first.tool, last.tool) == ("stock price", "")
    sent = server.asked[-1]["messages"]
    assert [one["role"] for one in sent] == ["system", "user", "assistant", "tool", "tool"]
    assert sent[2]["tool_calls"][0]["id"] == sent[3]["tool_call_id"] == "c0"
    assert "Tools, called as" not in sent[0]["content"]


def test_what_the_model_says_is_heard_as_it_comes(server: Server) -> None:
    heard, steps = list[str](), list[Step]()
    with Agent(f"endpoint:{server.url}#base") as agent:
        answer = asyncio.run(agent.solve("What now?", hear=heard.append, watch=steps.append))
        again = asyncio.run(agent.solve("What now?"))
    assert heard == ["Thought:", " I", " am", " base.\nAction:", " push", " button"]
    assert "".join(heard) == steps[0].reply == again.trajectory.steps[0].reply
    assert (answer.trajectory.n_reply_tokens, again.trajectory.n_reply_tokens) == (7, 7)
    assert [bool(one.get("stream")) for one in server.asked] == [True, False]


def test_tools_are_called_in_a_stream_too(server: Server) -> None:
    server.tools = "called"
    heard = list[str]()
    with Agent(f"endpoint:{server.url}#base", tools=[stock, price]) as agent:
        answer = asyncio.run(agent.solve("How many kettles?", hear=heard.append))
    assert answer.text == "7 and kettle: 20"
    assert [one.name for one in answer.trajectory.steps[0].calls] == ["stock", "price"]
    assert "".join(heard) == answer.trajectory.steps[1].reply


def test_a_stream_that_breaks_off_is_asked_for_again_and_told_once(server: Server) -> None:
    server.faults = ["break"]
    heard = list[str]()
    with Agent(f"endpoint:{server.url}#base") as agent:
        answer = asyncio.run(agent.solve("What now?", hear=heard.append))
    assert answer.text == "push button"
    assert "".join(heard) == answer.trajectory.steps[0].reply
    assert [bool(one.get("stream")) for one in server.asked] == [True, False]


@pytest.mark.parametrize("how", ["ignored", "refused"])
def test_a_model_that_does_not_call_tools_is_told_of_them_in_words(
    server: Server, how: str
) -> None:
    server.tools = how
    with Agent(f"endpoint:{server.url}#base", tools=[stock]) as agent:
        answers = [asyncio.run(agent.solve("What now?")) for _ in range(2)]
    assert [one.text for one in answers] == ["push button"] * 2
    assert "tools" in server.asked[0]  # asked once
    assert all("tools" not in one for one in server.asked[1:])
    assert "- stock(item: string): Return how many" in server.asked[-1]["messages"][0]["content"]


def test_how_tools_are_called_can_be_said(server: Server) -> None:
    server.tools = "called"
    with Agent(f"endpoint:{server.url}#base", tools=[stock], agent={"tool_calls": "text"}) as one:
        assert asyncio.run(one.solve("What now?")).text == "push button"
    assert all("tools" not in one for one in server.asked)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [('{"item": "gold"}', "stock failed: ValueError: no such thing"), ('{"item', "are not JSON")],
)
def test_a_call_that_fails_goes_back_to_the_model(
    server: Server, arguments: str, words: str
) -> None:
    server.tools, server.arguments = "called", arguments
    with Agent(f"endpoint:{server.url}#base", tools=[stock], agent={"tool_calls": "native"}) as one:
        answer = asyncio.run(one.solve("How many?"))
    assert words in answer.text


def test_calls_come_back_from_the_ledger_and_are_trained_on_as_they_were(server: Server) -> None:
    server.tools = "called"
    with Agent(f"endpoint:{server.url}#base", tools=[stock]) as agent:
        one = asyncio.run(agent.solve("How many?")).trajectory
    again = Trajectory.from_json(json.loads(json.dumps(one.to_json())))
    assert again == one
    first, last = calls_of(again, with_lessons=True, window=4000, count=len)
    assert first.dialogue[-1]["tool_calls"][0]["function"] == {
        "name": "stock", "arguments": {"item": "kettle"},
    }  # fmt: skip
    assert [one["role"] for one in last.dialogue] == [
        "system", "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert last.tools[0]["function"]["name"] == "stock"


def test_an_agent_without_tools_just_answers(server: Server) -> None:
    with Agent(f"endpoint:{server.url}#base") as agent:
        answer = asyncio.run(agent.solve("Lever or button?"))
    assert answer.text == "push button"
    assert (answer.trajectory.ending, answer.trajectory.success) == ("answered", False)


def test_a_server_that_is_not_there_is_an_ending_and_no_crash(server: Server) -> None:
    server.stop()
    with Agent(f"endpoint:{server.url}#base", endpoint={"retry_s": 0.2}) as agent:
        answer = asyncio.run(agent.solve("Hello?"))
    assert (answer.text, answer.trajectory.ending) == ("", "error")
    assert "Connection error" in answer.trajectory.error


@pytest.fixture(scope="module")
def shop() -> str:
    """Return the name of a run that has learned which handle opens a box."""
    run = evolve(
        benchmark=f"{WORLDS}:boxes", backbone=f"{WORLDS}:scripted", recipe="memory-only",
        name="solving", n_generations=1,
    )  # fmt: skip
    assert run.incumbent().memory_version
    run.close()
    return run.id


def test_an_agent_has_the_lessons_of_its_run_and_learns_none_unasked(shop: str) -> None:
    with Agent(memory=shop) as agent:
        known = asyncio.run(agent.solve("Get the thing out of the box with a lever and a button."))
    with Agent(f"{WORLDS}:scripted") as alone:
        blank = asyncio.run(alone.solve("Get the thing out of the box with a lever and a button."))
    assert (known.text, blank.text) == ("push button", "pull lever")
    assert known.trajectory.lessons
    assert not known.learned


def test_another_backbone_takes_a_runs_lessons_without_its_adapter(
    shop: str, server: Server
) -> None:
    with Agent(f"endpoint:{server.url}#base", memory=shop) as agent:
        asyncio.run(agent.solve("Get the thing out of the box with a lever and a button."))
    assert "use the button" in server.asked[-1]["messages"][1]["content"]


def test_what_is_learned_from_a_task_is_pending_and_changes_nothing(shop: str) -> None:
    from tests.worlds import boxes

    world = boxes()
    task = world.tasks("train", 90)[-1]
    with Run.open(shop) as before:
        in_force = before.incumbent()
    with Agent(memory=shop) as agent:
        answer = asyncio.run(agent.play(world, task, learn=True))
    assert answer.trajectory.success
    with Run.open(shop) as after:
        assert after.incumbent() == in_force
        assert after.ledger.episode(shop, answer.trajectory.id).purpose == "solve"
    # the same was learned in the run: it has one more source, and nothing else is new
    assert [one.outcome for one in answer.learned] == ["merged"]


def test_an_agent_evolves_with_its_tools_and_one_in_no_file_is_refused() -> None:
    settings = Agent(f"{WORLDS}:scripted", tools=[stock], agent={"max_steps": 4}).as_settings()
    assert settings["agent"] == {"tools": [f"{Path(__file__).resolve()}:stock"], "max_steps": 4}
    run = evolve(
        Agent(f"{WORLDS}:scripted", tools=[stock]), benchmark=f"{WORLDS}:boxes", recipe="react",
        name="with-tools", evaluation={"n_test_per_level": 1},
    )  # fmt: skip
    (one, *_) = run.ledger.episodes(run.id)
    assert "stock(item: string)" in one.system
    run.close()

    @tool
    def nowhere(item: str) -> str:
        """Return nothing."""
        return ""

    with pytest.raises(ConfigError, match="is in no file"):
        Agent("seed", tools=[nowhere]).as_settings()


def test_nothing_is_learned_from_a_held_out_task(shop: str) -> None:
    from tests.worlds import boxes

    task = boxes().tasks("test", 1)[0]
    with Agent(memory=shop) as agent, pytest.raises(ConfigError, match="of the test split"):
        asyncio.run(agent.play(boxes(), task, learn=True))


def test_learning_wants_a_run_and_settings_want_a_backbone(shop: str) -> None:
    with pytest.raises(ConfigError, match="needs a run"):
        asyncio.run(Agent("seed").solve("x", learn=True))
    with pytest.raises(ConfigError, match="name a backbone"):
        asyncio.run(Agent(memory=shop, agent={"max_steps": 3}).solve("x"))
