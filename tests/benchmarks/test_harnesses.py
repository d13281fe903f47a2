"""Tasks of inspect_ai and environments of verifiers, which ask the agent as their model."""

from __future__ import annotations

import importlib.util
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from agentevo.agent.rollout import Occasion, Player, play
from agentevo.benchmarks import Benchmark, BenchmarkError, Task, check, load
from agentevo.benchmarks.harnesses.episode import Hosted, Message, Offer, Reply, Turn
from agentevo.benchmarks.questions.bank import Grade

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the harnesses' own

HERE = Path(__file__).parent


def faults(benchmark: Benchmark) -> list[str]:
    return [f"{one.check}: {one.message}" for one in check(benchmark, 2) if not one.ok]


class Adder(BaseChatModel):
    """Calls `add` with the numbers of the question, then says what came of it."""

    @property
    def _llm_type(self) -> str:
        return "adder"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        last = messages[-1]
        if last.type == "tool":
            said = AIMessage(str(last.content))
        else:
            words = str(last.text).replace("?", " ").split()
            x, y = (int(words[words.index("+") + step]) for step in (-1, 1))
            call = {"name": "add", "args": {"x": x, "y": y}, "id": "one", "type": "tool_call"}
            said = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=said)])


class Backbone:
    """The adder, as a player wants it."""

    name, adapter, window = "adder", "", 100_000
    trainable = False

    def chat(self, **_: Any) -> BaseChatModel:
        return Adder()

    def count_tokens(self, text: str) -> int:
        return len(text) // 4


async def played(benchmark: Benchmark, task: Task) -> Any:
    player = Player(Backbone(), tool_calls="native")  # type: ignore[arg-type]
    return (await play(player, benchmark, task, Occasion(0, "evaluation")))[-1]


# --- the episode -----------------------------------------------------------------------------


def hosted(run: Any, **more: Any) -> Hosted:
    return Hosted(run, "Say yes.", **{"max_steps": 3} | more)


async def patient(ask: Any) -> Grade:
    """Ask until the answer is yes, and offer a tool."""
    offer = Offer("peek", "Look.", {"type": "object", "properties": {}})
    messages = [Message("system", "Be kind."), Message("user", "Say yes.")]
    while True:
        said: Reply = await ask(Turn(tuple(messages), (offer,)))
        messages.append(Message("assistant", said.text))
        if said.tool:
            messages.append(Message("tool", "a yes is wanted"))
        elif said.text == "yes":
            return Grade(1.0, "Thanks.")
        else:
            messages.append(Message("user", f"Not {said.text}."))


def test_each_reply_is_a_step_and_the_end_is_the_harness_s() -> None:
    episode = hosted(patient)
    assert episode.reset().text == "Be kind.\n\n(the task)"
    assert [tool.name for tool in episode.tools] == ["peek"]
    assert episode.tools[0].invoke({}) == "a yes is wanted"
    no = episode.step("no")
    assert (no.text, no.done) == ("Not no.", False)
    yes = episode.step("yes")
    assert (yes.text, yes.terminated, yes.score, yes.success) == ("Thanks.", True, 1.0, True)
    with pytest.raises(RuntimeError, match="over"):
        episode.step("yes")
    assert episode.tools[0].invoke({}) == "The task is over."
    assert episode.reset().text == "Be kind.\n\n(the task)"
    episode.close()
    episode.close()


def test_the_limit_of_steps_truncates() -> None:
    episode = hosted(patient, max_steps=2)
    episode.reset()
    assert not episode.step("no").done
    last = episode.step("no")
    assert (last.truncated, last.terminated) == (True, False)
    episode.close()


def test_a_harness_that_fails_is_one_clear_line() -> None:
    async def broken(ask: Any) -> Grade:
        await ask(Turn((Message("user", "Say yes."),), ()))
        raise KeyError("lost")

    episode = hosted(broken)
    assert episode.reset().text == "Answer it."
    with pytest.raises(BenchmarkError, match="the harness failed: KeyError: 'lost'"):
        episode.step("yes")


def test_a_new_dialogue_is_shown_from_its_beginning() -> None:
    async def two(ask: Any) -> Grade:
        await ask(Turn((Message("user", "Say yes."),), ()))
        await ask(Turn((Message("user", "Another matter."), Message("user", "Well?")), ()))
        return Grade(0.0, "no")

    episode = hosted(two)
    episode.reset()
    assert episode.step("yes").text == "Another matter.\n\nWell?"
    episode.close()


def test_a_tool_that_takes_the_answer_is_called_with_the_reply() -> None:
    async def submits(ask: Any) -> Grade:
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
        said = await ask(
            Turn((Message("user", "Say yes. Then call submit."),), (Offer("submit", "", schema),))
        )
        return Grade(float(said.tool == "submit" and said.arguments == {"answer": "yes"}), "")

    episode = hosted(submits)
    assert "reply that calls no tool is your answer" in episode.reset().text
    assert episode.tools == ()
    assert episode.step("yes").success


# --- inspect_ai ------------------------------------------------------------------------------


@pytest.fixture
def inspected() -> Path:
    if importlib.util.find_spec("inspect_ai") is None:
        pytest.skip("inspect_ai is not installed")
    return HERE / "inspect_tasks.py"


@pytest.mark.parametrize("name", ["plain", "tools", "basic", "agent", "critique", "letters"])
def test_inspect_tasks_keep_the_promises(inspected: Path, name: str) -> None:
    benchmark = load(f"inspect:{inspected}:{name}")
    assert benchmark.name == f"inspect-{name}"
    assert faults(benchmark) == []
    gold = benchmark.gold(benchmark.tasks("test", 1)[0])
    if name != "critique":  # which asks twice
        assert gold is not None


def test_an_inspect_prompt_is_what_the_solver_made_of_it(inspected: Path) -> None:
    benchmark = load(f"inspect:{inspected}:plain")
    episode = benchmark.open(benchmark.tasks("train", 1)[0])
    assert episode.reset().text == "Be brief.\n\n(the task) A number."
    episode.close()


@pytest.mark.parametrize("name", ["tools", "basic", "agent"])
async def test_an_agent_calls_the_tools_of_inspect(inspected: Path, name: str) -> None:
    benchmark = load(f"inspect:{inspected}:{name}")
    for task in benchmark.tasks("train", 2):
        done = await played(benchmark, task)
        assert (done.ending, done.score) == ("success", 1.0)
        assert [use.name for step in done.steps for use in step.uses] == ["add"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("boxed", "wants a sandbox"),
        ("number", "gives a int, not an inspect Task"),
        ("absent", "has no 'absent'"),
    ],
)
def test_what_inspect_cannot_do_here_is_said(inspected: Path, name: str, why: str) -> None:
    with pytest.raises(BenchmarkError, match=why):
        load(f"inspect:{inspected}:{name}")
    with pytest.raises(BenchmarkError, match="write inspect:"):
        load("inspect")


def test_a_judge_of_inspect_is_refused_when_it_is_asked(inspected: Path) -> None:
    benchmark = load(f"inspect:{inspected}:judged")
    episode = benchmark.open(benchmark.tasks("train", 1)[0])
    episode.reset()
    with pytest.raises(BenchmarkError, match="scorer asks a model"):
        episode.step("8")


# --- verifiers -------------------------------------------------------------------------------


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Path:
    if importlib.util.find_spec("verifiers") is None:
        pytest.skip("verifiers is not installed")
    monkeypatch.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    return HERE / "verifiers_environments.py"


@pytest.mark.parametrize("name", ["single", "tools", "turns"])
def test_verifiers_environments_keep_the_promises(verified: Path, name: str) -> None:
    benchmark = load(f"verifiers:{verified}:{name}")
    assert benchmark.name == f"verifiers-{name}"
    assert faults(benchmark) == []
    assert benchmark.gold(benchmark.tasks("test", 1)[0]) is not None


def test_rewards_are_parts_of_the_sum_of_the_weights(verified: Path) -> None:
    benchmark = load(f"verifiers:{verified}:single")
    task = benchmark.tasks("train", 1)[0]
    episode = benchmark.open(task)
    assert episode.reset().text == "Be brief.\n\n(the task)"
    wrong = episode.step("no idea")
    assert wrong.score == pytest.approx(0.2)
    assert not wrong.success
    test = benchmark.tasks("test", 50)
    assert len(test) == 20, "its data for evaluation"
    assert all("1" in one.instruction for one in test)


async def test_an_agent_calls_the_tools_of_verifiers(verified: Path) -> None:
    benchmark = load(f"verifiers:{verified}:tools")
    done = await played(benchmark, benchmark.tasks("train", 1)[0])
    assert (done.ending, done.score) == ("success", 1.0)
    assert [use.name for step in done.steps for use in step.uses] == ["add"]


def test_several_turns_go_on_until_the_environment_ends(verified: Path) -> None:
    benchmark = load(f"verifiers:{verified}:turns")
    task = benchmark.tasks("train", 1)[0]
    right = benchmark.gold(task)
    assert right is not None
    episode = benchmark.open(task)
    episode.reset()
    assert episode.step("0").text == "No, once more."
    assert episode.step(right[0]).success


def test_ctrl_c_stays_ours(verified: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    load(f"verifiers:{verified}:single")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("grouped", "in groups only"),
        ("number", "gives a int, not an Environment"),
        ("absent", "has no 'absent'"),
    ],
)
def test_what_verifiers_cannot_do_here_is_said(verified: Path, name: str, why: str) -> None:
    with pytest.raises(BenchmarkError, match=why):
        load(f"verifiers:{verified}:{name}")
    with pytest.raises(BenchmarkError, match="write verifiers:"):
        load("verifiers")
    with pytest.raises(BenchmarkError, match="'no_such:load_environment' cannot be imported"):
        load("verifiers:no-such")


def test_verifiers_want_the_main_thread(verified: Path) -> None:
    said: list[str] = []

    def elsewhere() -> None:
        try:
            load(f"verifiers:{verified}:single")
        except BenchmarkError as error:
            said.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "main thread only" in said[0]
