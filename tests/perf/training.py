"""Tokens a second in training: ours beside TRL's plain trainer and a loop by hand.

The data are the calls of episodes in the seed's training worlds, each call a dialogue with what
was read before it, as the agent's own traces are. All three train the same LoRA on them for one
epoch; TRL and the loop have batches of dialogues of like length. Tokens are those of the dialogues,
whoever reads shared ones once. Each has its turn several times, one after the other.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from conditions import write
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from agentevo.backbones.batching import n_cores
from agentevo.backbones.seed.samples import episode_samples
from agentevo.backbones.seed.weights_file import checked_folder
from agentevo.settings import WeightSettings
from agentevo.updating.encoding import encoded
from agentevo.updating.in_weights import tune
from agentevo.updating.packing import IGNORED
from agentevo.updating.traces import Call, Card, Example, TrainingSet, hash_of
from agentevo.updating.training import Job

RANK, LR, N_BATCH, TOKENS_A_STEP = 16, 1e-3, 4, 8192


def traces(n: int, tokenizer: Any) -> list[list[Call]]:
    """Return episodes as calls."""
    rng, found = random.Random(0), list[list[Call]]()

    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 2

    while sum(map(len, found)) < n:
        calls = []
        for sample in episode_samples(rng, 1250, count):
            for branch in sample.branches:
                messages = [*sample.trunk[: branch.after], *branch.messages]
                calls.append(Call([{"role": m.role, "content": m.text} for m in messages]))
        found.append(calls)
    return found


def lora() -> LoraConfig:
    """Return the adapter that all three train."""
    return LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def plain_model() -> Any:
    """Return the seed's model, to be trained."""
    return AutoModelForCausalLM.from_pretrained(checked_folder(), dtype=torch.float32)


def ours(episodes: Sequence[Sequence[Call]], rows: Sequence[tuple[list[int], int]]) -> float:
    """Train by the project's engine; return the seconds."""
    examples = tuple(
        Example(tuple(calls), group=str(i), trace=str(i)) for i, calls in enumerate(episodes)
    )
    data = TrainingSet(examples, Card(hash=hash_of(examples)))
    settings = WeightSettings(
        rank=RANK, lr=LR, n_epochs=1, tokens_per_step=max(256, TOKENS_A_STEP // 4),
        checkpoint_every=10_000,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        job = Job(checked_folder(), None, data, settings, Path(folder) / "a" / "b", 1250, 0)
        began = time.monotonic()
        tune("sft", job, lambda pace: None)
        return time.monotonic() - began


def by_trl(episodes: Sequence[Sequence[Call]], rows: Sequence[tuple[list[int], int]]) -> float:
    """Train by TRL's trainer as it comes; return the seconds."""
    data = Dataset.from_list(
        [
            {"input_ids": ids, "labels": [IGNORED] * n + ids[n:]}
            for ids, n in sorted(rows, key=lambda row: len(row[0]))
        ]
    )
    tokenizer = AutoTokenizer.from_pretrained(checked_folder())
    mean = sum(len(ids) for ids, _ in rows) / len(rows)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.monotonic()
        trainer = SFTTrainer(
            model=plain_model(),
            args=SFTConfig(
                output_dir=folder, per_device_train_batch_size=N_BATCH, num_train_epochs=1,
                gradient_accumulation_steps=max(1, round(TOKENS_A_STEP / mean / N_BATCH)),
                learning_rate=LR, bf16=True, use_cpu=True, gradient_checkpointing=False,
                save_strategy="no", report_to=[], disable_tqdm=True, max_length=None,
                train_sampling_strategy="group_by_length", dataloader_pin_memory=False,
                dataset_kwargs={"skip_prepare_dataset": True}, logging_steps=1000,
            ),
            train_dataset=data, processing_class=tokenizer, peft_config=lora(),
        )  # fmt: skip
        trainer.train()
        return time.monotonic() - began


def by_hand(episodes: Sequence[Sequence[Call]], rows: Sequence[tuple[list[int], int]]) -> float:
    """Train by a loop over padded batches; return the seconds."""
    began = time.monotonic()
    model: Any = get_peft_model(plain_model(), lora())
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=LR)
    ordered = sorted(rows, key=lambda row: len(row[0]))
    batches = [ordered[i : i + N_BATCH] for i in range(0, len(ordered), N_BATCH)]
    random.Random(0).shuffle(batches)
    n_seen = 0
    for batch in batches:
        length = max(len(ids) for ids, _ in batch)
        ids = torch.zeros((len(batch), length), dtype=torch.long)
        labels, mask = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
        for i, (row, n) in enumerate(batch):
            ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), 1
            labels[i, n : len(row)] = torch.tensor(row[n:])
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
        loss.backward()
        n_seen += int(mask.sum())
        if n_seen >= TOKENS_A_STEP:
            optimizer.step()
            optimizer.zero_grad()
            n_seen = 0
    return time.monotonic() - began


def main(argv: Sequence[str] | None = None) -> None:
    """Let each train in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(argv)
    torch.set_num_threads(n_cores())
    tokenizer = AutoTokenizer.from_pretrained(checked_folder())
    episodes = traces(args.calls, tokenizer)
    rows = [encoded(tokenizer, call) for calls in episodes for call in calls]
    n_tokens = sum(len(ids) for ids, _ in rows)
    ways: dict[str, Callable[..., float]] = {
        "agentevo": ours, "TRL's SFTTrainer": by_trl, "a PEFT loop by hand": by_hand,
    }  # fmt: skip
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.repeats):
        for name, way in ways.items():
            seconds[name].append(way(episodes, rows))
    rates = {name: n_tokens / median(some) for name, some in seconds.items()}
    best = max(rate for name, rate in rates.items() if name != "agentevo")
    table = Table("trainer", "tokens/s", "seconds", "beside the faster of the others")
    for name, rate in rates.items():
        spread = ", ".join(f"{one:.1f}" for one in seconds[name])
        table.add_row(name, f"{rate:,.0f}", spread, f"{rate / best:.2f}")
    Console().print(table)
    write("training", {"n_calls": len(rows), "n_tokens": n_tokens, "tokens_per_s": rates,
                       "seconds": seconds, "ratio": rates["agentevo"] / best})  # fmt: skip


if __name__ == "__main__":
    main()
