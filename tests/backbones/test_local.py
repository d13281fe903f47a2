"""The local backbone: many dialogues on one model, as exact as one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agentevo.backbones import BackboneError, load
from agentevo.backbones.batching import in_a_circle
from agentevo.backbones.drafts import Drafts
from agentevo.backbones.local import Local


@pytest.fixture(scope="module")
def local(tiny_model: Path) -> Iterator[Local]:
    backbone = Local("tiny", tiny_model, n_slots=3, max_window=400)
    yield backbone
    backbone.close()


def dialogue(i: int) -> list[BaseMessage]:
    return [SystemMessage("You act."), HumanMessage(f"Task {i}: " + "go east " * (5 * i + 1))]


async def two_turns(backbone: Local, i: int, temperature: float = 0.0) -> list[AIMessage]:
    chat = backbone.chat(episode=f"e{i}", temperature=temperature, max_tokens=12)
    messages = dialogue(i)
    first = await chat.ainvoke(messages)
    messages += [first, HumanMessage("and then? " * (i + 1))]
    return [first, await chat.ainvoke(messages)]


def gather(backbone: Local, n: int, temperature: float = 0.0) -> list[list[AIMessage]]:
    async def all_of_them() -> list[list[AIMessage]]:
        return await asyncio.gather(*(two_turns(backbone, i, temperature) for i in range(n)))

    return asyncio.run(all_of_them())


def test_replies_are_those_of_the_model_alone_however_many_are_asked_at_once(
    local: Local, tiny_model: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    for i, replies in enumerate(gather(local, 7)):
        messages = dialogue(i)
        for reply in replies:
            ids = local.encode(messages)
            out = model.generate(
                torch.tensor([ids]), max_new_tokens=12, do_sample=False,
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            )[0, len(ids) :]  # fmt: skip
            kept = [t for t in out.tolist() if t != local.tokenizer.eos_token_id]
            assert reply.content == local.tokenizer.decode(kept)
            messages += [reply, HumanMessage("and then? " * (i + 1))]


def test_a_growing_dialogue_is_not_read_again_from_its_beginning(local: Local) -> None:
    first, second = gather(local, 1)[0]
    assert first.usage_metadata is not None
    assert second.usage_metadata is not None
    cached = second.usage_metadata["input_token_details"]["cache_read"]
    assert cached >= first.usage_metadata["input_tokens"] - 1


def test_sampling_is_fixed_by_the_episode_and_not_by_its_company(local: Local) -> None:
    alone = gather(local, 1, temperature=1.0)[0]
    in_company = gather(local, 6, temperature=1.0)[0]
    assert [one.content for one in alone] == [one.content for one in in_company]
    assert len({one[0].content for one in gather(local, 6, temperature=1.0)}) > 1


def test_a_request_that_is_given_up_leaves_the_others_their_replies(local: Local) -> None:
    async def ask() -> tuple[object, AIMessage]:
        hasty = local.chat(episode="hasty", temperature=0.0, max_tokens=300)
        patient = local.chat(episode="patient", temperature=0.0, max_tokens=20)
        first = asyncio.create_task(hasty.ainvoke(dialogue(1)))
        second = asyncio.create_task(patient.ainvoke(dialogue(2)))
        await asyncio.sleep(0.02)
        first.cancel()
        given_up = (await asyncio.gather(first, return_exceptions=True))[0]
        return given_up, await second

    given_up, reply = asyncio.run(ask())
    assert isinstance(given_up, asyncio.CancelledError)
    assert reply.usage_metadata is not None
    assert [m.content for m in gather(local, 2)[0]]


def test_an_error_of_the_model_reaches_every_request_and_the_next_one(tiny_model: Path) -> None:
    broken = Local("tiny", tiny_model, n_slots=2)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("out of memory")

    broken.model.base_model.forward = fail
    for message in ("out of memory", "broke earlier"):
        with pytest.raises((RuntimeError, BackboneError), match=message):
            broken.chat(episode="e", temperature=0.0, max_tokens=5).invoke(dialogue(1))


def test_a_prompt_that_does_not_fit_is_refused_in_one_line(local: Local) -> None:
    chat = local.chat(episode="long", temperature=0.0, max_tokens=5)
    with pytest.raises(BackboneError, match="does not fit"):
        chat.invoke([HumanMessage("word " * 2000)])


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="is no model"):
        load(f"local:{tmp_path}")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BackboneError, match="no model that can be loaded"):
        load(f"local:{tmp_path}")


def test_an_unknown_backbone_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(BackboneError, match="did you mean 'seed'"):
        load("sed")


def test_altered_weights_of_the_seed_are_noticed(tmp_path: Path) -> None:
    from agentevo.backbones.seed.weights_file import checked_folder
    from agentevo.files import sha256_of

    with pytest.raises(BackboneError, match="missing"):
        checked_folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "SHA256").write_text(sha256_of(tmp_path / "model.safetensors"))
    assert checked_folder(tmp_path) == tmp_path
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(BackboneError, match="were altered"):
        checked_folder(tmp_path)


def test_what_runs_in_a_circle_is_told_from_what_does_not() -> None:
    beginning = list(range(100))
    assert in_a_circle([*beginning, *[7] * 96])
    assert in_a_circle([*beginning, *[7, 8, 9] * 32])
    assert in_a_circle([*beginning, *[*range(32)] * 3])
    assert not in_a_circle([7] * 95)
    assert not in_a_circle([*beginning, *[7] * 95])
    assert not in_a_circle([*[7] * 120, 8])
    assert not in_a_circle(beginning)


def test_what_a_reply_repeats_costs_fewer_calls_of_the_model(tiny_model: Path) -> None:
    backbone = Local("tiny", tiny_model, n_slots=1)
    chat = backbone.chat(episode="e", temperature=0.0, max_tokens=40)
    n_calls = 0
    whole = backbone.model.base_model.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        return whole(*args, **kwargs)

    backbone.model.base_model.forward = counted
    reply = chat.invoke(dialogue(2))
    n_calls = 0
    again = chat.invoke([*dialogue(2), reply, *dialogue(2)[1:]])  # mostly the same once more
    backbone.close()
    assert again.usage_metadata is not None
    assert 0 < n_calls < again.usage_metadata["output_tokens"]


def test_guesses_follow_the_longest_stretch_that_stood_there_before() -> None:
    drafts = Drafts([1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3])
    assert drafts.guess(2) == [4, 9]
    drafts.append(8)
    assert drafts.guess(2) == []
    drafts.append(2)
    drafts.append(3)
    assert drafts.guess(9) == [8, 2, 3]


def test_a_model_is_found_by_its_name_in_the_local_cache(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--someone--tiny"
    shutil.copytree(tiny_model, kept / "snapshots" / ("0" * 40))
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("0" * 40)
    found = load("local:someone/tiny")
    assert isinstance(found, Local)
    assert found.name == "local:someone/tiny"
    found.close()
    with pytest.raises(BackboneError, match="nor a name in the local cache"):
        load("local:someone/else")


def test_a_reply_that_is_known_is_looked_up_and_counts_as_if_it_were_made(
    tiny_model: Path, tmp_path: Path
) -> None:
    first = Local("tiny", tiny_model, n_slots=3, max_window=400)
    first.share_replies(tmp_path / "replies.db")
    made = [*gather(first, 2), *gather(first, 2, temperature=1.0)]
    first.close()
    second = Local("tiny", tiny_model, n_slots=3, max_window=400)
    second.share_replies(tmp_path / "replies.db")
    second.batchers.close()  # it can say nothing by itself
    found = [*gather(second, 2), *gather(second, 2, temperature=1.0)]
    assert [[(one.content, one.usage_metadata) for one in some] for some in found] == [
        [(one.content, one.usage_metadata) for one in some] for some in made
    ]
    second.close()


def test_other_weights_and_other_seeds_are_not_answered_from_what_is_known(
    tiny_model: Path, tmp_path: Path
) -> None:
    import torch

    def said(backbone: Local, episode: str, temperature: float) -> str:
        chat = backbone.chat(episode=episode, temperature=temperature, max_tokens=12)
        return str(chat.invoke(dialogue(1)).content)

    first = Local("tiny", tiny_model, n_slots=3, max_window=400)
    first.share_replies(tmp_path / "replies.db")
    plain, sampled = said(first, "a", 0.0), said(first, "a", 1.0)
    assert said(first, "b", 0.0) == plain
    assert said(first, "b", 1.0) != sampled
    with torch.no_grad():
        for one in first.model.parameters():
            one.mul_(-1)
    first.model.save_pretrained(tmp_path / "other")
    other = first.with_adapter("other", tmp_path / "other")
    assert said(other, "a", 0.0) != plain
    first.close()
    other.close()
