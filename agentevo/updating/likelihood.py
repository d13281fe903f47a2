"""How likely a model finds what was said: the log-probability of replies, without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agentevo.updating.encoding import units_of
from agentevo.updating.packing import IGNORED, as_batch, pack
from agentevo.updating.traces import Example, TrainingSet


def log_likelihoods(
    weights: Path, folder: Path | None, examples: Sequence[Example], *, window: int
) -> list[tuple[float, int]]:
    """Return the sum of the log-probabilities of each example's reply tokens, and their number.

    Args:
        weights: of the plain model.
        folder: of an adapter; None: plain.
        examples: what was said, where.
        window: tokens of a dialogue.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    is_lora = folder is not None and (folder / "adapter_config.json").is_file()
    source = weights if folder is None or is_lora else folder
    model: Any = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.float32, local_files_only=True
    )
    if is_lora:
        model = PeftModel.from_pretrained(model, folder)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True)
    # the weight of a token says of which example it is
    numbered = [replace(one, weight=float(i), side=0, pair=-1) for i, one in enumerate(examples)]
    sums, counts = [0.0] * len(examples), [0] * len(examples)
    for (row,) in pack(units_of(numbered, tokenizer), window):
        batch = {name: one.to(model.device) for name, one in as_batch(asdict(row)).items()}
        places = (batch["labels"][0, 1:] != IGNORED).nonzero()[:, 0]
        read = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids")}
        with torch.inference_mode():
            logits = model(**read, use_cache=False, logits_to_keep=places).logits[0].float()
        labels = batch["labels"][0][places + 1]
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        whose = batch["weights"][0][places + 1]
        for i, loss in zip(whose.tolist(), losses.tolist(), strict=True):
            sums[int(i)] -= loss
            counts[int(i)] += 1
    return list(zip(sums, counts, strict=True))


def loss_of(weights: Path, folder: Path | None, data: TrainingSet, *, window: int) -> float:
    """Return the mean loss of a model's replies, a token.

    Args:
        weights: of the plain model.
        folder: of an adapter; None: plain.
        data: what it should say.
        window: tokens of a dialogue.
    """
    found = log_likelihoods(weights, folder, data.examples, window=window)
    return -sum(total for total, _ in found) / max(1, sum(n for _, n in found))
