"""A real vLLM server with the seed backbone: episodes, training, swaps under load, and back.

It runs where `make vllm` has made an environment for it, or AGENTEVO_VLLM names its Python.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agentevo import benchmarks
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.backbones import Backbone, BackboneError, load
from agentevo.backbones.adapter import CARD
from agentevo.backbones.seed.weights_file import checked_folder
from agentevo.settings import EndpointSettings, WeightSettings
from agentevo.updating.encoding import encoded
from agentevo.updating.in_weights import tune
from agentevo.updating.traces import Call, Card, Example, TrainingSet, hash_of
from agentevo.updating.training import Job

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AGENTEVO_VLLM") or ROOT / ".vllm/bin/python")
WINDOW = 1250
N_REQUESTS = int(os.environ.get("AGENTEVO_REQUESTS", "2000"))
"""In flight around the swaps; 10,000 take more than six minutes on two cores."""
N_SWAPS, N_AT_ONCE = 20, 32

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no environment with vLLM: make vllm"),
]
THINGS = ["lamp", "kettle", "drum", "chair", "basket", "ladder"]


def prompt(thing: str) -> list[dict[str, Any]]:
    return [
        {"role": "system", "content": "You act in a world to fulfil a task."},
        {"role": "user", "content": f"The {thing} wants an answer."},
    ]


def asked(thing: str) -> list[BaseMessage]:
    system, user = prompt(thing)
    return [SystemMessage(system["content"]), HumanMessage(user["content"])]


def adapter(folder: Path, deed: str) -> Path:
    """Train an adapter that answers everything with one deed."""
    examples = tuple(
        Example(
            (Call([*prompt(one), {"role": "assistant", "content": f"Action: {deed}"}]),),
            group=one,
        )
        for one in THINGS * 3
    )
    data = TrainingSet(examples, Card(n_traces=len(examples), hash=hash_of(examples)))
    settings = WeightSettings(lr=5e-3, n_epochs=12, tokens_per_step=256, rank=8)
    out = folder / "adapters" / deed
    tune("sft", Job(checked_folder(), None, data, settings, out, 64, seed=0), lambda pace: None)
    return out


@pytest.fixture(scope="module")
def deeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("deeds")
    return {deed: adapter(folder, deed) for deed in ("sing", "fold")}


@pytest.fixture(scope="module")
def served() -> Iterator[Backbone]:
    settings = EndpointSettings(vllm_python=str(PYTHON), n_at_once=N_AT_ONCE, window=WINDOW)
    backbone = load(f"vllm:{checked_folder()}", settings=settings)
    yield backbone
    backbone.close()


@pytest.fixture(scope="module")
def local() -> Iterator[Backbone]:
    backbone = load("seed")
    yield backbone
    backbone.close()


def said(backbone: Backbone, things: Sequence[str] = THINGS, **options: Any) -> list[AIMessage]:
    async def all_of() -> list[AIMessage]:
        chats = [
            backbone.chat(episode=one, temperature=0.0, max_tokens=8, **options) for one in things
        ]
        asking = (chat.ainvoke(asked(one)) for chat, one in zip(chats, things, strict=True))
        return await asyncio.gather(*asking)

    return asyncio.run(all_of())


def texts(messages: Sequence[AIMessage]) -> list[str]:
    return [str(one.text) for one in messages]


def test_episodes_are_the_same_as_with_the_model_in_this_process(
    served: Backbone, local: Backbone
) -> None:
    benchmark = benchmarks.load("textworld-cooking")
    tasks = benchmark.tasks("train", 1, levels=(1, 2))
    benchmark.prepare(tasks)

    async def played(backbone: Backbone) -> dict[str, Any]:
        found = {}
        player = Player(backbone)
        async for attempts in play_all(player, benchmark, tasks, Occasion(0, "evaluation")):
            found[attempts[0].task_id] = attempts[0]
        return found

    there, here = asyncio.run(played(served)), asyncio.run(played(local))
    for task in tasks:
        a, b = there[task.id], here[task.id]
        assert (a.ending, a.score) == (b.ending, b.score)
        assert [step.action for step in a.steps] == [step.action for step in b.steps]
        assert a.n_prompt_tokens == b.n_prompt_tokens


def test_tokens_and_log_probabilities_come_back_as_the_model_itself_has_them(
    served: Backbone, local: Backbone
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(checked_folder(), dtype=torch.float32)
    model.set_attn_implementation("sdpa")
    for thing, message in zip(THINGS, said(served, with_tokens=True), strict=True):
        told = message.response_metadata
        ids, own = told["token_ids"], said(local, [thing], with_tokens=True)[0].response_metadata
        assert ids == own["token_ids"]
        assert told["token_logprobs"] == pytest.approx(own["token_logprobs"], abs=1e-3)
        dialogue = [*prompt(thing), {"role": "assistant", "content": str(message.text)}]
        row, n = encoded(local.tokenizer, Call(dialogue, tuple(ids)))  # type: ignore[attr-defined]
        with torch.no_grad():
            scores = model(torch.tensor([row])).logits[0].log_softmax(-1)
        expected = [float(scores[n - 1 + i, token]) for i, token in enumerate(ids)]
        assert told["token_logprobs"] == pytest.approx(expected, abs=1e-3)


def test_many_long_prompts_are_sampled_from_at_once(served: Backbone) -> None:
    """Together they are longer than what the server reads in one step."""

    async def all_of() -> list[AIMessage]:
        chats = [served.chat(episode=str(i), temperature=1.0, max_tokens=8) for i in range(16)]
        asking = (chat.ainvoke(f"{i} " + "kettle " * 900) for i, chat in enumerate(chats))
        return await asyncio.gather(*asking)

    found = asyncio.run(all_of())
    usage = [one.usage_metadata for one in found if one.usage_metadata is not None]
    assert sum(one["input_tokens"] for one in usage) > 10_000
    assert asyncio.run(all_of())[3].text == found[3].text, "by its seed"


def test_an_adapter_is_loaded_changes_what_is_said_and_goes(
    served: Backbone, deeds: dict[str, Path]
) -> None:
    before = texts(said(served))
    tuned = served.with_adapter("one", deeds["sing"])
    assert texts(said(tuned)) == ["Action: sing"] * len(THINGS)
    assert {one.response_metadata["adapter"] for one in said(tuned)} == {"one"}
    assert texts(said(served)) == before, "the plain model serves beside it"
    tuned.close()
    with pytest.raises(BackboneError, match="was closed"):
        said(tuned)
    plain = served.with_adapter("", None)
    assert texts(said(plain)) == before
    plain.close()
    assert texts(said(served)) == before, "its server serves on"


def test_an_adapter_of_another_model_is_refused(
    served: Backbone, deeds: dict[str, Path], tmp_path: Path
) -> None:
    import json
    import shutil

    other = Path(shutil.copytree(deeds["sing"], tmp_path / "other"))
    card = json.loads((other / CARD).read_text())
    (other / CARD).write_text(json.dumps({**card, "base": "another"}))
    with pytest.raises(BackboneError, match="trained for another model"):
        served.with_adapter("other", other)


def test_no_request_is_served_by_a_wrong_adapter_during_twenty_swaps(
    served: Backbone, deeds: dict[str, Path]
) -> None:
    """Each version is let go while its last requests are still in flight."""
    order = [list(deeds)[i % 2] for i in range(N_SWAPS)]
    wrong, right = list[str](), Counter[str]()
    each = N_REQUESTS // N_SWAPS

    async def swap_all() -> None:
        flying: set[asyncio.Task[None]] = set()

        async def answered(version: Any, deed: str, reply: asyncio.Future[AIMessage]) -> None:
            message = await reply
            stamp = message.response_metadata["adapter"]
            if (str(message.text), stamp) == (f"Action: {deed}", version.adapter):
                right[version.adapter] += 1
            else:
                wrong.append(f"{version.adapter}: {stamp} said {message.text!r}")

        for number, deed in enumerate(order):
            name = f"swap-{number}-{deed}"
            version: Any = await asyncio.to_thread(served.with_adapter, name, deeds[deed])
            for i in range(each):
                words = asked(THINGS[i % len(THINGS)])
                sent = version.submit(words, {"temperature": 0.0, "max_tokens": 5})
                reply = asyncio.wrap_future(sent)
                flying.add(asyncio.create_task(answered(version, deed, reply)))
                while len(flying) >= 2 * N_AT_ONCE:
                    done, flying = await asyncio.wait(flying, return_when="FIRST_COMPLETED")
                    for task in done:
                        task.result()
            version.close()  # while its last requests are in flight
        await asyncio.gather(*flying)

    began = time.monotonic()
    asyncio.run(swap_all())
    assert wrong == []
    assert sum(right.values()) == N_REQUESTS
    assert len(right) == N_SWAPS
    print(f"{N_REQUESTS} requests in {time.monotonic() - began:.0f} s")
    time.sleep(2)  # the last one is unloaded by a thread
    with served._control() as client:  # type: ignore[attr-defined]
        left = [one.id for one in client.models.list()]
    assert [one for one in left if one.startswith("swap-")] == []
