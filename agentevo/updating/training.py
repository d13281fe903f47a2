"""One training: from weights and examples to a folder that PEFT or transformers load.

Rows of packed dialogues go through transformers' training loop, as TRL's SFTTrainer wires it for
PEFT; the loss is the objective's. A training that was killed goes on from its last checkpoint.
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import math
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentevo.backbones.adapter import CARD
from agentevo.config import ConfigError
from agentevo.files import fingerprint_of
from agentevo.settings import WeightSettings
from agentevo.updating.encoding import split
from agentevo.updating.packing import Row, collate, pack
from agentevo.updating.traces import TrainingSet

if TYPE_CHECKING:
    from agentevo.updating.objectives import Objective

WARMUP = 0.1  # share of the steps over which the learning rate rises

logger = logging.getLogger(__name__)


class TrainingError(ConfigError):
    """A training that cannot be done as it was asked for; the user can mend it."""


@dataclass(frozen=True)
class Pace:
    """How far a training is."""

    step: int
    n_steps: int
    loss: float
    tokens_per_s: float
    """Of rows, in which dialogues that begin alike are read once."""
    left_s: float
    note: str = ""
    """What else is to be said; then nothing else has changed."""

    def __str__(self) -> str:
        """Return it in words."""
        if self.note:
            return self.note
        minutes, seconds = divmod(round(self.left_s), 60)
        left = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        return f"loss {self.loss:.3f}, {self.tokens_per_s:,.0f} tokens/s, {left} left"


TrainProgress = Callable[[Pace], None]


@dataclass(frozen=True)
class Job:
    """One training."""

    weights: Path
    """Folder of the plain model."""
    start: Path | None
    """Folder of the adapter that is trained on; None: the plain weights are."""
    data: TrainingSet
    settings: WeightSettings
    out: Path
    """Folder that it makes."""
    window: int
    """Tokens of prompt and reply together."""
    seed: int
    temperature: float = 1.0
    """At which the episodes were sampled, where their probabilities matter."""
    trainer: str = ""
    """Its name, for the card."""

    @property
    def work(self) -> Path:
        """Folder of its checkpoints, until it is done."""
        return self.out.parent / f"{self.out.name}.work"

    @property
    def tensorboard(self) -> Path:
        """Folder of its TensorBoard events."""
        return self.out.parent.parent / "tensorboard" / self.out.name

    def key(self, row_length: int) -> str:
        """Return a hash of all that its checkpoints depend on."""
        parts = [
            self.data.card.hash, self.settings.model_dump_json(), str(self.start), self.seed,
            self.window, self.temperature, row_length,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def train(
    job: Job, objective: Objective, progress: TrainProgress, *, needs_before: bool = False
) -> dict[str, float]:
    """Train, and write the folder `job.out`.

    Where memory runs out, rows are packed half as long, and that is said.

    Args:
        job: what is trained from what.
        objective: what is minimised.
        progress: told of each step.
        needs_before: True: the objective looks at the log-probabilities before the training.

    Returns:
        Figures to be recorded, the final loss among them.

    Raises:
        TrainingError: memory does not suffice for one dialogue.
    """
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(job.weights, local_files_only=True)
    units, measured = split(job.data.examples, tokenizer, job.settings.validation_share)
    longest = max(len(one.ids) for unit in units for one in unit)
    row_length = max(job.window, job.settings.tokens_per_step // 4)
    while True:
        rows = pack(units, row_length), pack(measured, row_length)
        try:
            figures = _attempt(job, objective, progress, *rows, row_length, needs_before)
            break
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            shorter = max(row_length // 2, min(longest, row_length))
            if shorter == row_length:
                raise TrainingError(
                    f"memory ran out with rows of {row_length} tokens, and one dialogue has "
                    f"{longest}: train a smaller model, or fewer parameters (weights.mode=lora)"
                ) from error
        gc.collect()
        torch.cuda.empty_cache()
        row_length = shorter
        note = f"memory ran out: rows of {row_length} tokens now, half as long"
        logger.warning(note)
        progress(Pace(0, 0, 0.0, 0.0, 0.0, note))
    return figures


def _is_out_of_memory(error: RuntimeError) -> bool:
    said = str(error)
    return any(
        words in said for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def _attempt(
    job: Job,
    objective: Objective,
    progress: TrainProgress,
    items: list[list[Row]],
    measured: list[list[Row]],
    row_length: int,
    needs_before: bool,
) -> dict[str, float]:
    """Train with rows of one length."""
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer, EarlyStoppingCallback, PrinterCallback, set_seed
    from transformers.integrations import TensorBoardCallback

    from agentevo.backbones.batching import n_cores
    from agentevo.updating.looks import RunningMean, Tell
    from agentevo.updating.tuner import Tuner, starting_model

    set_seed(job.seed)
    torch.set_num_threads(n_cores())  # a backbone may have set it to one
    logging.getLogger("transformers").setLevel(logging.ERROR)
    settings = job.settings
    checkpoint = _last_checkpoint(job, row_length)
    model, lora = starting_model(job)
    n_tokens = sum(len(row.input_ids) for rows in items for row in rows)
    config = _arguments(job, len(items), n_tokens, bool(measured))
    mean = RunningMean(settings.ema, settings.reset_every)
    with _quiet():
        tuner = Tuner(
            model=model,
            args=config,
            train_dataset=Dataset.from_list(_as_lists(items)),
            eval_dataset=Dataset.from_list(_as_lists(measured)) if measured else None,
            data_collator=collate,
            processing_class=AutoTokenizer.from_pretrained(job.weights, local_files_only=True),
            peft_config=lora,
            callbacks=[
                Tell(progress, n_tokens / len(items)),
                TensorBoardCallback(_events_of(job)),
                *([mean] if settings.ema else []),
                *([EarlyStoppingCallback(settings.patience)] if measured else []),
            ],
        ).aimed(objective, job)
        tuner.remove_callback(PrinterCallback)  # it prints on stdout
        if needs_before:
            tuner.look_before(
                lambda n, n_all: progress(Pace(0, 0, 0.0, 0.0, 0.0, f"read {n} of {n_all} rows"))
            )
        began = time.monotonic()
        result = tuner.train(resume_from_checkpoint=checkpoint)
        seconds = time.monotonic() - began
    n_done = result.global_step
    if settings.ema and not settings.reset_every:
        mean.put_in(tuner.model)
    figures = {
        "loss": float(result.training_loss),
        "n_steps": float(n_done),
        "n_tokens": round(n_tokens * settings.n_epochs),
        "tokens_per_s": n_tokens * settings.n_epochs / seconds if checkpoint is None else math.nan,
    }
    figures = {name: value for name, value in figures.items() if not math.isnan(value)}
    if tuner.state.best_metric is not None:
        figures["validation_loss"] = float(tuner.state.best_metric)
    if tuner.is_world_process_zero():
        _save(job, tuner.model, figures)
    tuner.accelerator.wait_for_everyone()
    del tuner, model
    gc.collect()
    return figures


def _as_lists(items: Sequence[Sequence[Row]]) -> list[dict[str, Any]]:
    return [{"rows": [asdict(row) for row in rows]} for rows in items]


def _arguments(job: Job, n_rows: int, n_tokens: int, is_measured: bool) -> Any:
    """Return the loop's arguments."""
    import os

    import torch
    from trl import SFTConfig

    settings = job.settings
    has_cuda = torch.cuda.is_available()
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    a_step = max(1, round(settings.tokens_per_step * n_rows / n_tokens / n_processes))
    how_often: dict[str, Any] = {
        "save_steps": settings.checkpoint_every,
        "eval_steps": settings.checkpoint_every,
    }
    if is_measured:
        how_often |= {"eval_strategy": "steps", "load_best_model_at_end": True,
                      "metric_for_best_model": "eval_loss", "greater_is_better": False}  # fmt: skip
    return SFTConfig(
        output_dir=str(job.work),
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=min(a_step, max(1, n_rows // n_processes)),
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
        save_strategy="steps",
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=has_cuda,
        ddp_find_unused_parameters=False,
        seed=job.seed,
        data_seed=job.seed,
        **how_often,
    )


def _events_of(job: Job) -> Any:
    """Return the writer of a training's TensorBoard events."""
    from tensorboardX import SummaryWriter

    return SummaryWriter(str(job.tensorboard))


def _last_checkpoint(job: Job, row_length: int) -> str | None:
    """Return where a training that was cut short goes on; None: it begins."""
    from transformers.trainer_utils import get_last_checkpoint

    noted, key = job.work / "key", job.key(row_length)
    if not noted.is_file() or noted.read_text() != key:
        shutil.rmtree(job.work, ignore_errors=True)
        job.work.mkdir(parents=True, exist_ok=True)
        noted.write_text(key)
        return None
    for unfinished in job.work.glob("tmp-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    found = [
        one for one in job.work.glob("checkpoint-*") if not (one / "trainer_state.json").is_file()
    ]
    for one in found:  # it was killed while this was written
        shutil.rmtree(one, ignore_errors=True)
    last = get_last_checkpoint(str(job.work))
    return str(last) if last else None


def _save(job: Job, model: Any, figures: dict[str, float]) -> None:
    """Write the folder at once, whole, with a card of how it came to be."""
    partial = job.out.parent / f"{job.out.name}.new"
    shutil.rmtree(partial, ignore_errors=True)
    with _quiet():
        if hasattr(model, "peft_config"):
            model.save_pretrained(partial, selected_adapters=["default"])
        else:
            model.save_pretrained(partial)
    write_card(partial, job, figures)
    partial.rename(job.out)
    shutil.rmtree(job.work, ignore_errors=True)


def write_card(folder: Path, job: Job, figures: dict[str, float]) -> None:
    """Note in an adapter's folder what it was trained on, from what, and how."""
    told = {
        "base": fingerprint_of(job.weights),
        "trainer": job.trainer,
        "start": job.start.name if job.start else "",
        "data": asdict(job.data.card),
        "settings": job.settings.model_dump(mode="json"),
        "seed": job.seed,
        "figures": figures,
    }
    (folder / CARD).write_text(json.dumps(told, indent=1))


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back warnings of the training libraries, which are for their developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
