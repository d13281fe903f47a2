"""Updating in weights and in context."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentevo.backbones.local import Local
from agentevo.config import WeightSettings
from agentevo.experience import Recall, Step, Trajectory
from agentevo.updating.in_context import uses_of
from agentevo.updating.in_weights import sft
from agentevo.updating.traces import dialogues, training_set


def episode(i: int, n_steps: int = 2, **changes: Any) -> Trajectory:
    one = Trajectory(
        id=f"e{i}", task_id=f"t{i}", benchmark="b", split="train", difficulty=1 + i % 2,
        instruction="Open it.", first_observation=f"Box {i}.", purpose="acquisition",
        generation=1, attempt=0, arm="",
        steps=tuple(
            Step("go", "push", f"Seen {j}.", reply=f"Thought: go\nAction: push {j}")
            for j in range(n_steps)
        ),
        ending="success", score=1.0, best_score=1.0, success=True, seed=0,
        lessons=("When x: push",),
    )  # fmt: skip
    return replace(one, **changes)


def count(text: str) -> int:
    return len(text.split())


def test_lessons_are_taken_out_of_the_prompt_or_kept_as_it_was() -> None:
    _, kept = dialogues(episode(1), with_lessons=True, window=500, count=count)
    _, stripped = dialogues(episode(1), with_lessons=False, window=500, count=count)
    assert "When x: push" in kept[1]["content"]
    assert "When x" not in stripped[1]["content"]
    assert kept[2:] == stripped[2:]
    assert [m["role"] for m in kept[1:]] == ["user", "assistant", "user", "assistant"]


def test_every_call_of_a_long_episode_is_a_dialogue_that_fits_the_window() -> None:
    found = dialogues(episode(1, n_steps=40), with_lessons=False, window=100, count=count)
    assert [one[-1]["content"] for one in found] == [
        f"Thought: go\nAction: push {j}" for j in range(40)
    ]
    assert all(sum(count(m["content"]) for m in one) <= 100 for one in found)


def test_only_the_last_thought_before_a_reply_is_read() -> None:
    *_, last = dialogues(episode(1, n_steps=4), with_lessons=False, window=500, count=count)
    assert [m["content"] for m in last if m["role"] == "assistant"] == [
        "Action: push 0",
        "Action: push 1",
        "Thought: go\nAction: push 2",
        "Thought: go\nAction: push 3",
    ]


def test_no_more_turns_are_trained_on_than_allowed() -> None:
    settings = WeightSettings(max_traces=10, max_turns=7)
    traces = [episode(i) for i in range(9)]
    made = training_set(traces, [], settings, window=500, count=count, seed=0)
    assert len(made.dialogues) == 6  # whole traces of two turns
    assert made.n_traces == 3


def test_a_trace_is_read_under_the_system_prompt_that_it_was_played_under() -> None:
    played = episode(1, system="Act. Tools: lamp.")
    first, _ = dialogues(played, with_lessons=False, window=500, count=count)
    assert first[0] == {"role": "system", "content": "Act. Tools: lamp."}


def test_training_sets_balance_levels_and_replay_earlier_successes() -> None:
    fresh = [episode(i, difficulty=1) for i in range(20)]
    fresh += [episode(i, difficulty=2) for i in range(20, 23)]
    earlier = [episode(i, generation=0) for i in range(30, 50)]
    settings = WeightSettings(max_traces=10, replay_share=0.4)
    made = training_set(fresh, earlier, settings, window=500, count=count, seed=0)
    assert (made.n_traces, made.n_replayed) == (10, 4)
    again = training_set(fresh, earlier, settings, window=500, count=count, seed=0)
    assert made.data_hash == again.data_hash
    second = [one[1]["content"] for one in made.dialogues if "Box 2" in one[1]["content"]]
    assert len(second) >= 3


def test_every_draw_of_the_withholding_counts_for_credit_and_evaluation_does_not() -> None:
    recall = Recall({"a": 1.0, "b": 1.0}, ("a",), ("b",), 0.8)
    uses = uses_of([
        episode(1, recall=recall, score=0.5),
        episode(2, recall=replace(recall, propensity=1.0)),
        episode(3, recall=recall, purpose="gate"),
    ])  # fmt: skip
    assert [(one.lesson_id, one.injected, one.propensity, one.outcome) for one in uses] == [
        ("a", True, 0.8, 0.5),
        ("b", False, 0.8, 0.5),
    ]


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_an_adapter_learns_what_it_is_shown_and_the_plain_model_comes_back(
    mode: str, tiny_model: Path, tmp_path: Path
) -> None:
    base = Local("tiny", tiny_model, n_slots=2)
    data = training_set(
        [episode(i) for i in range(12)], [], WeightSettings(), window=500,
        count=base.count_tokens, seed=0,
    )  # fmt: skip
    settings = WeightSettings(
        trainer="sft", mode=mode, lr=2e-2 if mode == "lora" else 5e-3, n_epochs=12,
        tokens_per_step=512,
    )  # fmt: skip
    steps: list[int] = []
    figures = sft(
        tiny_model, data, settings, tmp_path / "a1", window=500, seed=0,
        progress=lambda step, n, loss: steps.append(step),
    )  # fmt: skip
    tuned = base.with_adapter("a1", tmp_path / "a1")

    def surprise(backbone: Local) -> float:
        """Return the mean loss of the reply that the traces show."""
        import torch

        tokenizer, total = backbone.tokenizer, 0.0
        backbone.model.set_attn_implementation("sdpa")  # ours reads the cache of a batcher
        for row in data.dialogues:
            ids = tokenizer.apply_chat_template(row, tokenize=True, return_dict=True)["input_ids"]
            n = len(tokenizer.apply_chat_template(row[:-1], return_dict=True)["input_ids"])
            labels = torch.tensor([[-100] * n + ids[n:]])
            with torch.no_grad():
                total += float(backbone.model(torch.tensor([ids]), labels=labels).loss)
        return total / len(data.dialogues)

    before = surprise(base)
    # an adapter on a random base, whose embeddings stay random, can learn but little
    assert surprise(tuned) < (0.8 if mode == "full" else 0.98) * before
    assert surprise(base.with_adapter("", None)) == pytest.approx(before, abs=1e-6)
    assert figures["n_steps"] == steps[-1]
