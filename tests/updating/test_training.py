"""A training: its objectives by hand, and what happens where it is cut short or memory runs out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from agentevo.backbones.adapter import CARD
from agentevo.config import ConfigError
from agentevo.settings import WeightSettings
from agentevo.updating import objectives
from agentevo.updating.data import imitated
from agentevo.updating.encoding import encoded, measured_groups
from agentevo.updating.in_weights import trainers, tune
from agentevo.updating.likelihood import loss_of
from agentevo.updating.merging import difference
from agentevo.updating.traces import Call, Example
from agentevo.updating.training import Job, Pace, TrainingError
from tests.updating.conftest import Jobs, call, example, set_of

CHILD = Path(__file__).with_name("training_child.py")


def logps(job: Job, one: Call, *, trained: bool) -> torch.Tensor:
    """Return the log-probabilities of a reply's tokens, by itself."""
    tokenizer = AutoTokenizer.from_pretrained(job.weights)
    weights = job.out if trained else job.weights
    model: Any = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()
    ids, n_prompt = encoded(tokenizer, one)
    with torch.no_grad():
        scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return torch.stack([scores[at - 1, ids[at]] for at in range(n_prompt, len(ids))])


def gain(job: Job, one: Call) -> float:
    """Return by how much a reply's log-probability has risen."""
    return float((logps(job, one, trained=True) - logps(job, one, trained=False)).sum())


def ignore(pace: Pace) -> None:
    """Hear nothing."""


def final(job: Job) -> dict[str, torch.Tensor]:
    model: Any = AutoModelForCausalLM.from_pretrained(job.out, dtype=torch.float32)
    return {name: one.detach() for name, one in model.named_parameters()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], within: float = 1e-6) -> bool:
    return all(torch.allclose(a[name], b[name], atol=within) for name in a)


PAIRS = [
    example(1, "Action: push", pair=0, side=1),
    example(1, "Action: pull it", pair=0, side=-1),
    example(2, "Action: wait", pair=1, side=1),
    example(2, "Action: go away now", pair=1, side=-1),
]


def test_the_first_loss_of_a_preference_is_that_of_no_preference(jobs: Jobs) -> None:
    said: list[Pace] = []
    job = jobs(set_of(*PAIRS), n_epochs=1, lr=1e-9)
    tune("dpo", job, said.append)
    assert str(said[0]) == "read 1 of 2 rows"
    assert said[2].loss == pytest.approx(0.6931, abs=2e-3)


def test_a_preference_is_learned_over_all_calls_of_both_episodes(jobs: Jobs) -> None:
    more = [call("And then?", "Action: stop")]
    pairs = [replace(one, calls=(*one.calls, *more)) if one.side > 0 else one for one in PAIRS]
    job = jobs(set_of(*pairs), n_epochs=8, lr=1e-3)
    tune("dpo", job, ignore)

    def margin(one: Example) -> float:
        return sum(gain(job, c) for c in one.calls) * one.side

    for number in (0, 1):
        assert sum(margin(one) for one in pairs if one.pair == number) > 0.5


def test_a_pair_in_many_rows_is_learned_as_in_one(jobs: Jobs) -> None:
    more = tuple(call(f"And then {i}?", f"Action: stop {i}") for i in range(8))
    pairs = [replace(one, calls=(*one.calls, *more[:: one.side])) for one in PAIRS]
    short = jobs(set_of(*pairs), "short", n_epochs=3, lr=1e-3)
    long = replace(jobs(set_of(*pairs), "long", n_epochs=3, lr=1e-3), window=1000)
    for job in (short, long):
        tune("dpo", job, ignore)
    for one in pairs:
        apart, together = (sum(gain(job, told) for told in one.calls[:1]) for job in (short, long))
        assert apart == pytest.approx(together, abs=0.1)
        assert abs(apart) > 0.1


def test_the_preference_loss_is_the_papers(jobs: Jobs) -> None:
    """Rafailov et al. 2023, equation 7, from log-probabilities that were found dialogue by one."""
    job = jobs(set_of(*PAIRS), beta=0.3, n_epochs=3, lr=2e-3)
    tune("dpo", job, ignore)
    tokens = []
    for one in PAIRS[:2]:
        now, before = (logps(job, one.calls[0], trained=after) for after in (True, False))
        tokens.append((now, before, torch.full_like(now, one.side)))
    now, before, sides = (torch.cat(parts) for parts in zip(*tokens, strict=True))
    made = objectives.Tokens(now, before, torch.ones_like(now), sides)
    loss, _ = objectives.preference(made, job.settings)
    chosen, rejected = ((t[0] - t[1]).sum() for t in tokens)
    assert float(loss) == pytest.approx(
        -float(torch.nn.functional.logsigmoid(0.3 * (chosen - rejected)))
    )


def test_a_policy_gains_what_had_an_advantage_and_loses_what_had_none(jobs: Jobs) -> None:
    good = [example(i, "Action: push", weight=1.0) for i in range(6)]
    bad = [example(i, "Action: pull", weight=-1.0) for i in range(6)]
    job = jobs(set_of(*good, *bad), n_epochs=4)
    tune("grpo", job, ignore)
    for one in (*good[:2], *bad[:2]):
        assert gain(job, one.calls[0]) * one.weight > 0


def test_a_policy_is_not_pushed_beyond_the_clip() -> None:
    logp = torch.tensor([0.0, 0.5, -0.5, 0.5], requires_grad=True)
    tokens = objectives.Tokens(
        logp, torch.zeros(4), torch.tensor([1.0, 1.0, -1.0, -1.0]), torch.zeros(4)
    )
    loss, n = objectives.policy(tokens, WeightSettings(clip=0.2))
    loss.backward()  # type: ignore[no-untyped-call]
    assert n == 4
    assert logp.grad is not None
    assert logp.grad.tolist() == pytest.approx([-1.0, 0.0, 0.0, float(torch.tensor(0.5).exp())])


def test_recorded_tokens_are_learned_and_not_what_their_text_is_tokenized_to(jobs: Jobs) -> None:
    odd = replace(call("Box.", "Action: push"), reply_ids=(70, 71, 72, 1))
    one = replace(example(1), calls=(odd,))
    tokenizer = AutoTokenizer.from_pretrained(jobs.weights)
    ids, n_prompt = encoded(tokenizer, odd)
    assert ids[n_prompt:] == [70, 71, 72, 1]
    job = jobs(set_of(one), n_epochs=6)
    tune("sft", job, ignore)
    assert gain(job, odd) > 1


def test_a_training_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    jobs: Jobs, tmp_path: Path
) -> None:
    data = set_of(*[example(i) for i in range(160)])
    options: dict[str, Any] = {"checkpoint_every": 3, "n_epochs": 3, "ema": 0.9, "reset_every": 5}
    whole, cut = jobs(data, "whole", **options), jobs(data, "cut", **options)
    tune("sft", whole, ignore)
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps(
            {"weights": str(cut.weights), "data": data.to_json(), "out": str(cut.out),
             "settings": cut.settings.model_dump()}
        )
    )  # fmt: skip
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(plan)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= 8:
                child.kill()
                break
    assert not cut.out.exists()
    steps: list[int] = []
    tune("sft", cut, lambda pace: steps.append(pace.step))
    assert steps[0] in (7, 4)  # after the checkpoint of step 6, or that before it
    assert same(final(whole), final(cut), within=1e-5)


def test_a_checkpoint_of_other_data_is_not_gone_on_from(jobs: Jobs) -> None:
    class Stop(Exception):
        pass

    def stop(pace: Pace) -> None:
        if pace.step == 3:
            raise Stop

    first = jobs(set_of(*[example(i) for i in range(80)]), checkpoint_every=1)
    with pytest.raises(Stop):
        tune("sft", first, stop)
    assert list(first.work.glob("checkpoint-*"))
    other = jobs(set_of(*[example(i) for i in range(80, 160)]), checkpoint_every=1)
    steps: list[int] = []
    tune("sft", other, lambda pace: steps.append(pace.step))
    assert steps[0] == 1


def test_a_training_stops_early_where_the_validation_loss_rises(jobs: Jobs) -> None:
    # what is measured contradicts what is learned
    data = set_of(*[example(i, f"Action: {'abcdefgh'[i % 8]} {i}") for i in range(20)])
    job = jobs(
        data, validation_share=0.4, patience=2, checkpoint_every=1, n_epochs=40, lr=2e-2,
        tokens_per_step=4000,
    )  # fmt: skip
    figures = tune("sft", job, ignore)
    assert figures["n_steps"] < 40
    assert figures["validation_loss"] > 0


HUNGRY = "hungry"


@pytest.fixture
def little_memory() -> Any:
    """Let attention over more than 100 tokens run out of memory, as a small device does."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def attend(module: Any, query: torch.Tensor, *rest: Any, **options: Any) -> Any:
        if query.shape[2] > 100:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return sdpa_attention_forward(module, query, *rest, **options)

    AttentionInterface.register(HUNGRY, attend)
    AttentionMaskInterface.register(HUNGRY, sdpa_mask)
    return None


def test_rows_are_halved_where_memory_runs_out_and_that_is_said(
    little_memory: None, jobs: Jobs, tiny_model: Path, tmp_path: Path
) -> None:
    hungry = tmp_path / "model"
    hungry.mkdir()
    for path in tiny_model.iterdir():
        (hungry / path.name).write_bytes(path.read_bytes())
    config = json.loads((hungry / "config.json").read_text())
    (hungry / "config.json").write_text(json.dumps({**config, "attn_implementation": HUNGRY}))
    data = set_of(*[example(i) for i in range(24)])
    job = replace(jobs(data), weights=hungry, window=300)
    said: list[str] = []
    tune("sft", job, lambda pace: said.append(pace.note))
    assert "memory ran out: rows of 150 tokens now, half as long" in said
    assert "memory ran out: rows of 75 tokens now, half as long" in said
    assert job.out.is_dir()

    long = example(99, "Action: " + "push " * 120)
    with pytest.raises(TrainingError, match="one dialogue has"):
        tune("sft", replace(jobs(set_of(long), "b"), weights=hungry), ignore)


def test_two_processes_train_as_one_does(jobs: Jobs) -> None:
    data = set_of(*[example(i) for i in range(16)])
    # rows of one dialogue each, four of which are a step: two for each process
    options: dict[str, Any] = {"tokens_per_step": 256, "n_epochs": 2}
    alone = jobs(data, "alone", **options)
    launch = ("accelerate", "launch", "--cpu", "--num_processes", "2", "--num_machines", "1",
              "--mixed_precision", "bf16", "--dynamo_backend", "no")  # fmt: skip
    both = jobs(data, "both", launch=launch, **options)
    said: list[Pace] = []
    tune("sft", alone, ignore)
    tune("sft", both, said.append)
    assert [one.step for one in said] == list(range(1, said[-1].n_steps + 1))
    card = json.loads((both.out / CARD).read_text())
    assert card["data"]["hash"] == data.card.hash
    for one in data.examples[:2]:
        gains = [gain(job, one.calls[0]) for job in (alone, both)]
        assert min(gains) > 1


def test_a_command_that_cannot_train_is_told_with_its_last_words(jobs: Jobs) -> None:
    data = set_of(example(1))
    with pytest.raises(TrainingError, match="no-such-launcher"):
        tune("sft", jobs(data, launch=("no-such-launcher",)), ignore)
    code = "import sys; sys.exit('the model says no')"
    with pytest.raises(TrainingError, match="failed: the model says no"):
        tune("sft", jobs(data, launch=(sys.executable, "-c", code)), ignore)


def final_change(job: Job) -> float:
    plain: Any = AutoModelForCausalLM.from_pretrained(job.weights, dtype=torch.float32)
    tuned = final(job)
    return sum(
        float((one - tuned[name]).detach().norm() ** 2) for name, one in plain.named_parameters()
    )


@pytest.mark.parametrize("trainer", ["sft", "dpo", "grpo"])
@pytest.mark.parametrize(
    "keeps",
    [
        {"anchor": 3.0},
        {"ema": 0.97},
        {"ema": 0.9, "reset_every": 4},
        {"keep_share": 0.3},
    ],
    ids=lambda one: "+".join(one),
)
def test_whatever_keeps_the_weights_near_goes_with_every_trainer(
    trainer: str, keeps: dict[str, Any], jobs: Jobs
) -> None:
    many = [example(i) for i in range(60)]
    pairs = [replace(one, pair=one.pair + 2 * i) for i in range(8) for one in PAIRS]
    data = set_of(*pairs) if trainer == "dpo" else set_of(*many)
    free, kept = jobs(data, "free", n_epochs=6), jobs(data, "kept", n_epochs=6, **keeps)
    for job in (free, kept):
        tune(trainer, job, ignore)
    far, near = final_change(free), final_change(kept)
    assert 0 < near < far


@pytest.mark.parametrize("mode", ["full", "lora"])
def test_an_averaged_training_is_the_mean_of_trainings_of_which_each_has_a_seed(
    mode: str, jobs: Jobs
) -> None:
    data = set_of(*[example(i) for i in range(40)])
    both = jobs(data, "both", n_averaged=2, mode=mode, rank=2)
    alone = [replace(jobs(data, f"seed{i}", mode=mode, rank=2), seed=i) for i in (0, 1)]
    for job in (both, *alone):
        tune("sft", job, ignore)
    made, first, second = (difference(job.out, job.weights) for job in (both, *alone))
    for name, change in made.changes.items():
        mean = (first.changes[name] + second.changes[name]) / 2
        assert torch.allclose(change, mean, atol=1e-5)
        assert not torch.allclose(change, first.changes[name], atol=1e-5)


def test_what_is_imitated_is_learned_beside_any_objective(jobs: Jobs) -> None:
    old = [example(i, "Action: remember", is_imitated=True) for i in range(50, 54)]
    for trainer, new in (("dpo", PAIRS), ("grpo", [example(i, weight=-1.0) for i in range(4)])):
        job = jobs(set_of(*new, *old), trainer, n_epochs=6)
        tune(trainer, job, ignore)
        one = old[0].calls[0]
        assert gain(job, one) > 1


def test_an_adapter_goes_on_from_another_and_not_from_one_of_the_other_kind(jobs: Jobs) -> None:
    data = set_of(*[example(i) for i in range(8)])
    first = jobs(data, "first", mode="lora", rank=4)
    tune("sft", first, ignore)
    second = replace(jobs(data, "second", mode="lora", rank=4, lr=1e-9), start=first.out)
    tune("sft", second, ignore)
    from safetensors.torch import load_file

    a, b = (load_file(one.out / "adapter_model.safetensors") for one in (first, second))
    assert same(a, b, within=1e-5)
    full = replace(jobs(data, "full", mode="full"), start=first.out)
    with pytest.raises(TrainingError, match="LoRA weights"):
        tune("sft", full, ignore)


def test_a_trainer_of_ones_own_says_what_is_learned_from_and_what_is_minimised(
    jobs: Jobs, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from agentevo.updating.data import imitated\n"
        "from agentevo.updating.in_weights import Trainer\n"
        "def unlikely(tokens, settings):\n"
        "    return tokens.logp.sum(), len(tokens.logp)\n"
        "unlearn = Trainer(imitated, unlikely, needs_before=False)\n"
    )
    data = set_of(*[example(i) for i in range(12)])
    (way,) = trainers(f"{file}:unlearn")
    assert way.build is imitated
    job = jobs(data, n_epochs=4)
    tune(f"{file}:unlearn", job, ignore)
    assert gain(job, data.examples[0].calls[0]) < 0
    with pytest.raises(ConfigError, match="did you mean 'sft'"):
        trainers("sftt")


def test_a_greedy_soup_of_trainings_is_no_worse_than_any_of_them_on_what_none_learned(
    jobs: Jobs,
) -> None:
    data = set_of(*(example(i) for i in range(12)))
    keeps: dict[str, Any] = {"validation_share": 0.25, "mode": "lora", "rank": 2}
    soup = jobs(data, "soup", n_averaged=2, soup="greedy", **keeps)
    tune("sft", soup, ignore)
    alone = [replace(jobs(data, f"alone{seed}", **keeps), seed=seed) for seed in (0, 1)]
    for one in alone:
        tune("sft", one, ignore)
    measured = measured_groups(data.examples, 0.25)
    held_out = set_of(*(one for one in data.examples if one.group in measured))
    assert len(measured) == 3
    losses = [loss_of(jobs.weights, one.out, held_out, window=64) for one in (soup, *alone)]
    assert losses[0] <= min(losses[1:]) + 1e-5
