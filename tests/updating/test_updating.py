"""Updating in weights and in context."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentevo.backbones.local import Local
from agentevo.dialogue import prompts
from agentevo.experience import Recall, Step, Trajectory
from agentevo.refinement.sieve import Sieve
from agentevo.settings import WeightSettings
from agentevo.updating.data import Material, imitated, preferred, reinforced, with_replay
from agentevo.updating.in_context import uses_of
from agentevo.updating.in_weights import tune
from agentevo.updating.traces import TrainingSet, calls_of
from agentevo.updating.training import Job, Pace


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


def dialogues(one: Trajectory, **options: Any) -> list[list[dict[str, str]]]:
    return [call.dialogue for call in calls_of(one, count=count, **options)]


def material(*episodes: Trajectory, generation: int = 1, **settings: Any) -> Material:
    return Material(
        episodes, generation, WeightSettings(**settings), window=500, count=count, seed=0
    )


def test_lessons_are_taken_out_of_the_prompt_or_kept_as_it_was() -> None:
    _, kept = dialogues(episode(1), with_lessons=True, window=500)
    _, stripped = dialogues(episode(1), with_lessons=False, window=500)
    assert "When x: push" in kept[1]["content"]
    assert "When x" not in stripped[1]["content"]
    assert kept[2:] == stripped[2:]
    assert [m["role"] for m in kept[1:]] == ["user", "assistant", "user", "assistant"]


def test_every_call_of_a_long_episode_is_a_dialogue_that_fits_the_window() -> None:
    found = dialogues(episode(1, n_steps=40), with_lessons=False, window=100)
    assert [one[-1]["content"] for one in found] == [
        f"Thought: go\nAction: push {j}" for j in range(40)
    ]
    assert all(sum(count(m["content"]) for m in one) <= 100 for one in found)


def test_only_the_last_thought_before_a_reply_is_read() -> None:
    *_, last = dialogues(episode(1, n_steps=4), with_lessons=False, window=500)
    assert [m["content"] for m in last if m["role"] == "assistant"] == [
        "Action: push 0",
        "Action: push 1",
        "Thought: go\nAction: push 2",
        "Thought: go\nAction: push 3",
    ]


def test_no_more_turns_are_trained_on_than_allowed() -> None:
    made = imitated(material(*[episode(i) for i in range(9)], max_traces=10, max_turns=7))
    assert (made.card.n_turns, made.card.n_traces) == (6, 3)  # whole traces of two turns


def test_a_trace_is_read_under_the_system_prompt_that_it_was_played_under() -> None:
    played = episode(1, system="Act. Tools: lamp.")
    first, _ = dialogues(played, with_lessons=False, window=500)
    assert first[0] == {"role": "system", "content": "Act. Tools: lamp."}


def test_training_sets_balance_levels_and_replay_earlier_successes() -> None:
    episodes = [episode(i, difficulty=1) for i in range(20)]
    episodes += [episode(i, difficulty=2) for i in range(20, 23)]
    episodes += [episode(i, generation=0) for i in range(30, 50)]
    asked = material(*episodes, max_traces=10, replay_share=0.4)
    card = imitated(asked).card
    assert (card.n_traces, card.n_replayed) == (10, 4)
    assert card.hash == imitated(asked).card.hash
    assert card.by_generation == {"0": 4, "1": 6}
    assert card.by_level["2"] >= 3
    assert sum(card.by_level.values()) == card.n_turns // 2 == 10


def test_a_task_that_is_won_often_gives_no_second_trace_before_all_have_given_one() -> None:
    often = [episode(i, task_id="easy") for i in range(8)]
    seldom = [episode(9, task_id="hard"), episode(10, task_id="hard", success=False)]
    made = imitated(
        replace(material(*[replace(one, difficulty=1) for one in (*often, *seldom)], max_traces=2),
                filters=("success",))
    )  # fmt: skip
    assert [one.group for one in made.examples].count("hard") == 1
    first = imitated(
        replace(material(*[replace(one, difficulty=1) for one in (*often, *seldom)], max_traces=1),
                filters=("success",))
    )  # fmt: skip
    assert [one.group for one in first.examples] == ["hard"]


def test_a_pair_is_a_success_and_a_failure_at_one_task_or_the_best_and_the_worst() -> None:
    lost = episode(2, task_id="t1", success=False, score=0.2)
    half = episode(3, task_id="t3", success=False, score=0.5)
    less = episode(4, task_id="t3", success=False, score=0.1)
    some = [episode(1), lost, half, less, episode(5)]
    by_outcome = preferred(material(*some))
    assert [(one.trace, one.side) for one in by_outcome.examples] == [("e1", 1), ("e2", -1)]
    by_score = preferred(material(*some, pairs="score"))
    assert {(one.trace, one.side) for one in by_score.examples} == {
        ("e1", 1), ("e2", -1), ("e3", 1), ("e4", -1),
    }  # fmt: skip
    assert by_score.card.n_pairs == 2


def test_of_two_manners_the_good_one_is_better_whatever_came_of_it_and_neither_is_told() -> None:
    def told(number: int, manner: str, arm: str, **more: Any) -> Trajectory:
        system = prompts.in_manner(prompts.ACT_SYSTEM, manner)
        return replace(episode(number, task_id="t", **more), system=system, arm=arm)

    good = told(1, prompts.GOOD_MANNER, "", success=False, score=0.0)
    bad = told(2, prompts.BAD_MANNER, "#1", success=True)
    alone = episode(3)
    made = preferred(material(bad, good, alone, pairs="manner"))
    assert [(one.trace, one.side) for one in made.examples] == [("e1", 1), ("e2", -1)]
    systems = {call.dialogue[0]["content"] for one in made.examples for call in one.calls}
    assert systems == {prompts.ACT_SYSTEM}


def test_what_the_model_would_say_itself_is_the_worse_of_a_pair_where_it_differs() -> None:
    def answer(dialogues: Any) -> list[str]:
        return ["Thought: go\nAction: push 0" for _ in dialogues]

    made = preferred(replace(material(episode(1, n_steps=3), pairs="own"), answer=answer))
    said = [(one.side, one.calls[0].dialogue[-1]["content"][-6:]) for one in made.examples]
    assert said == [(1, "push 1"), (-1, "push 0"), (1, "push 2"), (-1, "push 0")]
    assert made.card.n_pairs == 2


def test_advantages_are_within_a_task_and_tasks_that_tell_nothing_are_left_out() -> None:
    some = [
        episode(1, task_id="a", score=1.0), episode(2, task_id="a", score=0.0),
        episode(3, task_id="b", score=0.5), episode(4, task_id="b", score=0.5),
    ]  # fmt: skip
    made = reinforced(material(*some))
    assert {one.trace: one.weight for one in made.examples} == {"e1": 1.0, "e2": -1.0}
    assert made.card.filtered == {"alike": 2}
    assert "When x: push" in made.examples[0].calls[0].dialogue[1]["content"]  # as it was played


def test_pairs_are_joined_by_earlier_successes_to_imitate() -> None:
    lost = episode(2, task_id="t1", success=False, score=0.0)
    old = [episode(i, generation=0) for i in range(5, 9)]
    asked = material(episode(1), lost, *old, replay_share=0.5)
    made = with_replay(preferred(asked), asked)
    assert [one.is_imitated for one in made.examples] == [False, False, True, True]
    assert made.card.n_replayed == 2


def test_traces_of_held_out_tasks_and_old_ones_are_left_out() -> None:
    told = Sieve(frozenset({"t1"}), frozenset({"Box 2."}))
    some = [episode(1), episode(2), episode(3), episode(4, generation=0)]
    for build in (imitated, preferred, reinforced):
        again = [replace(one, id=f"{one.id}b", score=0.0, success=False) for one in some]
        made = build(replace(material(*some, *again, max_age=0), held_out=told))
        assert {one.group for one in made.examples} <= {"t3"}


def test_a_training_set_is_the_same_from_the_disk() -> None:
    data = imitated(material(*[episode(i) for i in range(4)]))
    assert TrainingSet.from_json(json.loads(json.dumps(data.to_json()))) == data


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
    settings: dict[str, Any] = {
        "trainer": "sft", "mode": mode, "lr": 2e-2 if mode == "lora" else 5e-3, "n_epochs": 12,
        "tokens_per_step": 512,
    }  # fmt: skip
    asked = material(*[episode(i) for i in range(12)], **settings)
    data = imitated(asked)
    steps: list[Pace] = []
    job = Job(tiny_model, None, data, asked.settings, tmp_path / "r" / "a1", 500, seed=0)
    figures = tune("sft", job, steps.append)
    tuned = base.with_adapter("a1", job.out)

    def surprise(backbone: Local) -> float:
        """Return the mean loss of the reply that the traces show."""
        import torch

        tokenizer, total = backbone.tokenizer, 0.0
        backbone.model.set_attn_implementation("sdpa")  # ours reads the cache of a batcher
        rows = [call.dialogue for one in data.examples for call in one.calls]
        for row in rows:
            ids = tokenizer.apply_chat_template(row, tokenize=True, return_dict=True)["input_ids"]
            n = len(tokenizer.apply_chat_template(row[:-1], return_dict=True)["input_ids"])
            labels = torch.tensor([[-100] * n + ids[n:]])
            with torch.no_grad():
                total += float(backbone.model(torch.tensor([ids]), labels=labels).loss)
        return total / len(rows)

    before = surprise(base)
    # an adapter on a random base, whose embeddings stay random, can learn but little
    assert surprise(tuned) < (0.8 if mode == "full" else 0.98) * before
    assert surprise(base.with_adapter("", None)) == pytest.approx(before, abs=1e-6)
    assert figures["n_steps"] == steps[-1].step == steps[-1].n_steps
    assert all(one.tokens_per_s > 0 for one in steps)
    assert list(job.tensorboard.glob("events.*"))
    assert not job.work.exists()
