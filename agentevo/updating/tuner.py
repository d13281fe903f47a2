"""The training loop's step: a row's log-probabilities, the objective, and the anchor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM
from trl import SFTTrainer

from agentevo.updating.objectives import Objective, Tokens, divergence
from agentevo.updating.packing import IGNORED

if TYPE_CHECKING:
    from agentevo.updating.training import Job


@dataclass(frozen=True)
class Seen:
    """A row's reply tokens as the model sees them."""

    tokens: Tokens
    logits: torch.Tensor
    """Of shape (n, n_vocab)."""
    places: torch.Tensor
    """In the row, of the token before each; of shape (n,)."""
    imitated: torch.Tensor
    """Which are imitated, whatever the objective; of shape (n,)."""


class Tuner(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with an objective of ours, over rows of packed dialogues, an item at a time."""

    def aimed(self, objective: Objective, job: Job) -> Self:
        """Set what is minimised; return the trainer itself."""
        self._objective, self._settings = objective, job.settings
        self._temperature = job.temperature
        self.model_accepts_loss_kwargs = True  # how many items a step has is told to us
        self.loss_is_scaled_for_ga = True  # and heeded
        self._plain = None
        if job.settings.anchor and not isinstance(self.model, PeftModel):
            plain = AutoModelForCausalLM.from_pretrained(
                job.weights, dtype=torch.float32, local_files_only=True
            )
            self._plain = plain.to(self.model.device).eval().requires_grad_(False)
        return self

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return an item's share of the loss of a step."""
        rows = inputs["rows"]
        seen = [self._look(model, row, again=len(rows) > 1) for row in rows]
        tokens = Tokens.joined([one.tokens for one in seen])
        imitated = torch.cat([one.imitated for one in seen])
        if num_items_in_batch is None:
            n_rows, over_tokens = 1, 1 / max(1, len(tokens.logp))
        else:  # the items of all devices; the loss is averaged over these afterwards
            n_rows = self.current_gradient_accumulation_steps
            over_tokens = self.accelerator.num_processes / num_items_in_batch
        loss = tokens.logp.sum() * 0.0  # without tokens of a kind, there is a gradient, too
        aimed = ~imitated
        if bool(aimed.any()):
            total, n_own = self._objective(tokens.only(aimed), self._settings)
            loss = loss + (total / n_rows if n_own is None else total * over_tokens)
        if bool(imitated.any()):
            total = -(tokens.weights * tokens.logp)[imitated].sum()
            loss = loss + total * over_tokens
        if self._settings.anchor:
            for one, row in zip(seen, rows, strict=True):
                with torch.no_grad(), self._reference(model) as plain:
                    reference = _logits(plain, row, one.places)
                far = divergence(reference, one.logits)
                loss = loss + self._settings.anchor * far * over_tokens
        return (loss, None) if return_outputs else loss

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None
    ) -> tuple[torch.Tensor, None, None]:
        """Return the loss of a row that is measured on only."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = self.compute_loss(model, inputs)
        return loss.detach(), None, None

    def look_before(self, tell: Callable[[int, int], None]) -> None:
        """Note the log-probability of each label before the first step, in all rows.

        Args:
            tell: hears how many items of how many are done.
        """
        self.model.eval()
        for name in ("train_dataset", "eval_dataset"):
            items = getattr(self, name)
            if items is None:
                continue
            noted: list[dict[str, Any]] = []
            for i, item in enumerate(items):
                inputs = self._prepare_inputs(self.data_collator([item]))
                for row, batch in zip(item["rows"], inputs["rows"], strict=True):
                    with torch.no_grad(), self.compute_loss_context_manager():
                        seen = self._look(self.model, batch)
                    row["before"] = [0.0] * len(row["input_ids"])
                    told = zip(seen.places.tolist(), seen.tokens.logp.tolist(), strict=True)
                    for place, logp in told:
                        row["before"][place + 1] = logp
                noted.append(item)
                tell(i + 1, len(items))
            setattr(self, name, Dataset.from_list(noted))
        self.model.train()

    def _look(self, model: Any, inputs: dict[str, torch.Tensor], *, again: bool = False) -> Seen:
        """Return what the model makes of a row's reply tokens.

        Args:
            model: that is trained.
            inputs: the row.
            again: True: its inside is not kept but worked out again for the gradient, so that an
                item of many rows needs no more memory than one of a single row.
        """
        labels = inputs["labels"][0]
        places = (labels[1:] != IGNORED).nonzero()[:, 0]
        if again and torch.is_grad_enabled():
            logits = checkpoint(_logits, model, inputs, places, use_reentrant=False)
        else:
            logits = _logits(model, inputs, places)
        ids = labels[places + 1]
        scaled = logits.float() / self._temperature
        logp = scaled.gather(1, ids[:, None])[:, 0] - scaled.logsumexp(-1)
        own = {name: inputs[name][0][places + 1] for name in ("weights", "sides", "imitated")}
        before = inputs["before"][0][places + 1] if "before" in inputs else logp.detach()
        tokens = Tokens(logp, before, own["weights"].float(), own["sides"].float())
        return Seen(tokens, logits, places, own["imitated"].bool())

    @contextmanager
    def _reference(self, model: Any) -> Iterator[Any]:
        """Give the plain model."""
        if self._plain is not None:
            yield self._plain
            return
        inner = self.accelerator.unwrap_model(model)
        with inner.disable_adapter():
            yield inner


def _logits(model: Any, inputs: dict[str, torch.Tensor], places: torch.Tensor) -> torch.Tensor:
    """Return the logits at some places of a row, of shape (n, n_vocab)."""
    read = {name: inputs[name] for name in ("input_ids", "attention_mask", "position_ids")}
    logits: torch.Tensor = model(**read, use_cache=False, logits_to_keep=places).logits[0]
    return logits


def starting_model(job: Job) -> tuple[Any, LoraConfig | None]:
    """Return the model that a training starts from, and the LoRA to be put on it; None: none.

    Raises:
        TrainingError: it is to start from an adapter of the other kind.
    """
    from agentevo.updating.training import TrainingError

    mode, start = job.settings.mode, job.start
    is_lora = start is not None and (start / "adapter_config.json").is_file()
    if start is not None and is_lora != (mode == "lora"):
        raise TrainingError(
            f"{start.name} has {'LoRA' if is_lora else 'full'} weights, and weights.mode={mode} "
            "cannot go on from there"
        )
    source = start if start is not None and not is_lora else job.weights
    frozen = mode == "lora" and torch.cuda.is_available()  # what is trained stays in full precision
    model = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.bfloat16 if frozen else torch.float32, local_files_only=True
    )
    if mode == "full":
        return model, None
    if start is not None:
        return PeftModel.from_pretrained(model, start, is_trainable=True), None
    rank = job.settings.rank
    lora = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    return model, lora
