"""Models that are served elsewhere: a real server on the loopback, in good days and in bad ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.backbones import Backbone, BackboneError, load
from agentevo.backbones.endpoint import _streamed
from agentevo.settings import EndpointSettings
from tests.backbones.openai_server import Server
from tests.worlds import Boxes, ScriptedChat

QUICK = EndpointSettings(timeout_s=0.5, retry_s=3.0)
HELLO = [HumanMessage("hello")]

Use = Callable[..., Backbone]


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def use() -> Iterator[Use]:
    """Loads backbones that are closed in the end."""
    opened = []

    def loaded(name: str, settings: EndpointSettings = QUICK) -> Backbone:
        opened.append(load(name, settings=settings))
        return opened[-1]

    yield loaded
    for one in opened:
        one.close()


def ask(backbone: Backbone, n: int = 1, episode: str = "e") -> list[AIMessage]:
    async def all_of() -> list[AIMessage]:
        chats = [
            backbone.chat(episode=f"{episode}{i}", temperature=0.5, max_tokens=20) for i in range(n)
        ]
        return await asyncio.gather(*(chat.ainvoke(HELLO) for chat in chats))

    return asyncio.run(all_of())


@pytest.mark.parametrize("kind", ["endpoint", "vllm"])
def test_a_server_plays_and_its_own_count_of_tokens_is_kept(
    use: Use, server: Server, kind: str
) -> None:
    backbone = use(f"{kind}:{server.url}#base")
    assert isinstance(backbone, Backbone)

    async def played() -> list[str]:
        player = Player(backbone, temperature=0.5)
        tasks = Boxes().tasks("train", 3)
        found = [one async for one in play_all(player, Boxes(), tasks, Occasion(1, "gate"))]
        assert {step.n_reply_tokens for (one,) in found for step in one.steps} == {7}
        assert all(step.n_prompt_tokens > 10 for (one,) in found for step in one.steps)
        return [one.ending for (one,) in found]

    assert asyncio.run(played()) == ["success"] * 6
    assert {one["model"] for one in server.asked} == {"base"}
    assert {one["temperature"] for one in server.asked} == {0.5}
    assert len({one["seed"] for one in server.asked}) == 6, "each episode has a seed of its own"


@pytest.mark.parametrize(
    "faults", [[429], [500, 503], ["garbage"], ["cut"], ["hang"], [429, "garbage", 502]]
)
def test_what_passes_is_asked_again(use: Use, server: Server, faults: list[object]) -> None:
    server.faults = faults.copy()
    (reply,) = ask(use(f"endpoint:{server.url}#base"))
    assert "push button" in str(reply.content)
    assert len(server.asked) == len(faults) + 1


def test_what_does_not_pass_is_told_at_once(use: Use, server: Server) -> None:
    server.faults = [400, 401]
    for code in ("400", "401"):
        with pytest.raises(Exception, match=code):
            ask(use(f"endpoint:{server.url}#base"))
    assert len(server.asked) == 2


def test_a_server_that_stays_broken_is_given_up(
    use: Use, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults = [500] * 100
    with pytest.raises(Exception, match="500"):
        ask(use(f"endpoint:{server.url}#base", EndpointSettings(retry_s=0.5)))
    assert 1 < len(server.asked) < 20
    assert "asked again" in caplog.text


def test_a_server_that_dies_is_waited_for(use: Use, server: Server) -> None:
    backbone = use(f"endpoint:{server.url}#base")
    server.stop()
    with pytest.raises(Exception, match=r"(?i)connect"):
        ask(backbone)


def test_no_more_than_so_many_are_asked_at_once(use: Use, server: Server) -> None:
    server.pause_s = 0.05
    settings = EndpointSettings(n_at_once=3)
    assert len(ask(use(f"endpoint:{server.url}#base", settings), 12)) == 12
    assert server.most_at_once == 3


def test_any_chat_model_of_langchain_is_a_backbone(use: Use, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from langchain_core.language_models import GenericFakeChatModel\n"
        "from langchain_core.messages import AIMessage\n"
        "model = GenericFakeChatModel(messages=iter([AIMessage('Action: look')] * 9))\n"
        "def made(rest, n_slots):\n    return model\n"
    )
    for name in ("model", "made"):
        backbone = use(f"{file}:{name}")
        assert ask(backbone)[0].content == "Action: look"
        with pytest.raises(BackboneError, match="takes no adapters"):
            backbone.with_adapter("a", tmp_path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("endpoint:localhost#m", "write endpoint:URL#MODEL"),
        ("endpoint:http://127.0.0.1:9/v1", "write endpoint:URL#MODEL"),
        ("vllm:http://127.0.0.1:9/v1#m", "no vLLM server answers at http://127.0.0.1:9/v1"),
        ("vllm:", "write vllm:URL#MODEL"),
        ("vllm:mine", "vLLM ended while it loaded mine: .*No module named"),
        ("nobody:model", "there is no backbone 'nobody:model'"),
        ("sed", r"did you mean 'seed'\? .*; or PROVIDER:MODEL, .*; or file\.py:NAME\)"),
        ("anthropic:model", "anthropic"),
    ],
)
def test_a_backbone_that_cannot_be_is_told_in_one_line(name: str, says: str) -> None:
    with pytest.raises(BackboneError, match=says) as caught:
        load(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("<html>hello</html>", "gave no reply that can be read: .*lead to OpenAI's API"),
        ("{}", "gave no reply that can be read"),
        ('{"choices": []}', "gave no reply that can be read"),
        ("data: hello\n\n", "gave no reply that can be read"),
        ("data: [DONE]\n\n", "gave no reply that can be read"),
        ("hang", "gave no reply within 0.3 s"),
    ],
)
def test_a_server_that_speaks_no_api_is_one_line(
    use: Use, server: Server, body: str, says: str, stream: bool
) -> None:
    server.faults = ["hang" if body == "hang" else {"body": body}] * 99
    settings = EndpointSettings(retry_s=0.0, timeout_s=0.3 if body == "hang" else 9.0)
    chat = use(f"endpoint:{server.url}#base", settings).chat(
        episode="e", temperature=0.0, max_tokens=9
    )

    async def heard() -> None:
        async for _ in chat.astream(HELLO):
            pass

    with pytest.raises(BackboneError, match=says) as caught:
        asyncio.run(heard()) if stream else chat.invoke(HELLO)
    assert str(caught.value).startswith(f"endpoint:{server.url}#base ")
    assert "generation chunks" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adapter_by_itself_is_told_how_to_become_a_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(BackboneError, match=r"is a LoRA adapter and no whole model: .*--merged"):
        load(f"local:{tmp_path}")


CLASSES = """
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel


class Mine(BaseChatModel):
    words: str

    @property
    def _llm_type(self):
        return "mine"

    def _generate(self, messages, stop=None, run_manager=None, **more):
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.words))])


class Made(Mine):
    def __init__(self, rest, n_slots):
        super().__init__(words="Action: look")


class Settings(BaseModel):
    words: str = ""


mine = Mine(words="Action: look")
"""


def test_a_class_in_the_place_of_a_model_is_one_line(use: Use, tmp_path: Path) -> None:
    (tmp_path / "classes.py").write_text(CLASSES)
    for name in ("Mine", "Settings"):
        with pytest.raises(BackboneError, match=f"not the class {name}: write `mine = {name}"):
            load(f"{tmp_path}/classes.py:{name}")
    for name in ("mine", "Made"):
        assert ask(use(f"{tmp_path}/classes.py:{name}"))[0].content == "Action: look"


def test_a_key_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BackboneError, match="OPENAI_API_KEY"):
        load("openai:gpt-5")


def test_adapters_come_and_go_while_it_serves(use: Use, server: Server, tmp_path: Path) -> None:
    plain = use(f"vllm:{server.url}")
    assert (plain.name, plain.window, plain.weights) == (f"vllm:{server.url}#base", 4096, None)
    first = plain.with_adapter("run-g1", tmp_path / "one")
    (reply,) = ask(first)
    assert reply.response_metadata["adapter"] == "run-g1"
    assert "I am run-g1" in str(reply.content)
    assert "I am base" in str(ask(plain)[0].content)
    first.close()
    assert server.events == ["load run-g1", "unload run-g1"]
    with pytest.raises(BackboneError, match="run-g1 was closed"):
        ask(first)
    with pytest.raises(BackboneError, match="does not load adapter run-g2"):
        plain.with_adapter("run-g2", tmp_path / "missing")


def test_an_adapter_is_not_unloaded_under_a_request(
    use: Use, server: Server, tmp_path: Path
) -> None:
    adapted = use(f"vllm:{server.url}").with_adapter("run-g1", tmp_path)
    server.pause_s = 0.3

    async def swap() -> AIMessage:
        chat = adapted.chat(episode="e", temperature=0.0, max_tokens=9)
        asked = asyncio.create_task(chat.ainvoke(HELLO))
        await asyncio.sleep(0.15)
        adapted.close()
        assert server.events == ["load run-g1"]
        return await asked

    assert "I am run-g1" in str(asyncio.run(swap()).content)
    for _ in range(100):
        if len(server.events) == 2:
            break
        time.sleep(0.05)
    assert server.events == ["load run-g1", "unload run-g1"]


def test_a_reply_of_another_adapter_is_an_error_of_the_episode(
    use: Use, server: Server, tmp_path: Path
) -> None:
    adapted = use(f"vllm:{server.url}").with_adapter("run-g1", tmp_path)
    server.faults = ["wrong adapter"]
    with pytest.raises(BackboneError, match="'base' served a request to 'run-g1'"):
        ask(adapted)
    adapted.close()
    assert len(server.asked) == 1


def test_a_model_that_does_not_stream_is_heard_whole() -> None:
    chat = ScriptedChat(episode="e", temperature=0.0)
    heard: list[str] = []
    asked = [HumanMessage("Act."), HumanMessage("A box.")]
    told = asyncio.run(_streamed(chat, asked, heard.append))
    assert heard == [str(told.text)] == ["Thought: the lever\nAction: pull lever"]
