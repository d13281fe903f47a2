"""Updating in weights: fine-tuning on traces, as a strategy behind one small protocol.

A trainer writes a folder that PEFT or transformers load, and nothing else.
"""

from __future__ import annotations

import gc
import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from agentevo.config import WeightSettings
from agentevo.strategies import find
from agentevo.updating.traces import Dialogue, TrainingSet

TrainProgress = Callable[[int, int, float], None]
"""Called with (step, steps in all, loss)."""


WARMUP = 0.1  # share of the steps over which the learning rate rises


class Trainer(Protocol):
    """Trains an adapter."""

    def __call__(
        self,
        weights: Path,
        data: TrainingSet,
        settings: WeightSettings,
        out: Path,
        *,
        window: int,
        seed: int,
        progress: TrainProgress,
    ) -> dict[str, float]:
        """Train from the plain weights into the folder `out`.

        Returns:
            Figures to be recorded, the final loss among them.
        """
        ...


def sft(
    weights: Path,
    data: TrainingSet,
    settings: WeightSettings,
    out: Path,
    *,
    window: int,
    seed: int,
    progress: TrainProgress,
) -> dict[str, float]:
    """Supervised fine-tuning on the replies, by TRL; LoRA by PEFT, or all weights.

    Adapters are always trained from the plain weights: what earlier generations learned comes
    back by the replayed traces, and no chain of adapters has to be kept.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        PrinterCallback,
        TrainerCallback,
        set_seed,
    )
    from trl import SFTConfig, SFTTrainer

    from agentevo.backbones.batching import n_cores
    from agentevo.updating.packing import collate, pack

    set_seed(seed)
    torch.set_num_threads(n_cores())  # a backbone may have set it to one
    logging.getLogger("transformers").setLevel(logging.ERROR)

    class Tell(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                progress(state.global_step, state.max_steps, float(logs["loss"]))

    tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        weights, dtype=torch.float32, local_files_only=True
    )
    row_length = max(window, settings.tokens_per_step // 4)
    rows = pack([_encoded(tokenizer, one) for one in data.dialogues], row_length)
    n_tokens = sum(len(row.input_ids) for row in rows)
    n_rows = max(1, round(settings.tokens_per_step * len(rows) / n_tokens))
    has_cuda = torch.cuda.is_available()
    config = SFTConfig(
        output_dir=str(out.parent / f"{out.name}.work"),
        per_device_train_batch_size=1,
        gradient_accumulation_steps=min(n_rows, len(rows)),
        num_train_epochs=settings.n_epochs,
        learning_rate=settings.lr,
        lr_scheduler_type="cosine",
        warmup_steps=WARMUP,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        bf16=has_cuda or bool(torch.backends.mkldnn.is_available()),  # type: ignore[no-untyped-call]
        use_cpu=not has_cuda,
        gradient_checkpointing=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=has_cuda,
        seed=seed,
        data_seed=seed,
    )
    lora = LoraConfig(
        r=settings.rank, lora_alpha=2 * settings.rank, target_modules="all-linear",
        task_type="CAUSAL_LM",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = SFTTrainer(
            model=model,
            args=config,
            train_dataset=Dataset.from_list([asdict(row) for row in rows]),
            data_collator=collate,
            processing_class=tokenizer,
            peft_config=lora if settings.mode == "lora" else None,
            callbacks=[Tell()],
        )
        trainer.remove_callback(PrinterCallback)  # it prints on stdout
        result = trainer.train()
    partial = out.parent / f"{out.name}.new"
    trainer.model.save_pretrained(partial)
    (partial / "data.json").write_text(
        json.dumps({"hash": data.data_hash, "n_traces": data.n_traces})
    )
    partial.rename(out)
    figures = {
        "loss": float(result.training_loss),
        "n_steps": float(result.global_step),
        "n_tokens": n_tokens * settings.n_epochs,
    }
    del trainer, model
    gc.collect()
    return figures


def _encoded(tokenizer: Any, dialogue: Dialogue) -> tuple[list[int], int]:
    """Return a dialogue's token ids, and how many of them come before the last reply."""
    ids, prompt = (
        tokenizer.apply_chat_template(
            part, tokenize=True, return_dict=True, add_generation_prompt=is_prompt
        )["input_ids"]
        for part, is_prompt in ((dialogue, False), (dialogue[:-1], True))
    )
    return ids, len(prompt)


STRATEGIES: dict[str, Trainer] = {"sft": sft}


def trainer(name: str) -> Trainer:
    """Return a trainer by name."""
    return find("weights.trainer", name, STRATEGIES)
