"""What watches a training step by step: its pace, and the running mean of its weights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

if TYPE_CHECKING:
    from agentevo.updating.training import TrainProgress


class Tell(TrainerCallback):  # type: ignore[misc]
    """Tells how far a training is, and how fast.

    Args:
        progress: is told.
        n_tokens: of a row, on average.
    """

    def __init__(self, progress: TrainProgress, n_tokens: float) -> None:
        """Begin."""
        self._progress, self._n_tokens = progress, n_tokens
        self._began, self._first = 0.0, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note the time, and where it goes on."""
        self._began, self._first = time.monotonic(), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Tell of a step."""
        from agentevo.updating.training import Pace

        if not state.is_world_process_zero or not logs or "loss" not in logs:
            return
        n_done = state.global_step - self._first
        seconds = time.monotonic() - self._began
        n_rows = args.gradient_accumulation_steps * args.world_size
        self._progress(
            Pace(
                state.global_step,
                state.max_steps,
                float(logs["loss"]),
                n_done * n_rows * self._n_tokens / seconds,
                (state.max_steps - state.global_step) * seconds / max(1, n_done),
            )
        )


class RunningMean(TrainerCallback):  # type: ignore[misc]
    """An exponential moving average of the trained weights, and elastic reset.

    Every `reset_every` steps the weights become their running mean, and the mean begins anew at
    the start: Noukhovitch et al. 2023, Language Model Alignment with Elastic Reset (arXiv
    2312.07551). Its state is kept with each checkpoint.

    Args:
        decay: of the mean, a step.
        reset_every: steps; 0: never.
    """

    FILE = "running_mean.pt"

    def __init__(self, decay: float, reset_every: int) -> None:
        """Be ready; the weights are seen when the training begins."""
        self._decay, self._reset_every = decay, reset_every
        self._start: dict[str, torch.Tensor] = {}
        self._mean: dict[str, torch.Tensor] = {}

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        """Take the weights as they are, or the mean as it was."""
        kept = Path(args.output_dir) / f"checkpoint-{state.global_step}" / self.FILE
        if state.global_step and kept.is_file():
            held = torch.load(kept, weights_only=True)
            self._start, self._mean = held["start"], held["mean"]
            return
        self._start = {name: one.detach().clone() for name, one in _trained(model)}
        self._mean = {name: one.clone() for name, one in self._start.items()}

    @torch.no_grad()
    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Follow the weights; now and then, go back."""
        for name, one in _trained(model):
            self._mean[name].lerp_(one.detach(), 1 - self._decay)
        if self._reset_every and state.global_step % self._reset_every == 0:
            self.put_in(model)
            self._mean = {name: one.clone() for name, one in self._start.items()}

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the mean with a checkpoint."""
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            torch.save({"start": self._start, "mean": self._mean}, folder / self.FILE)

    @torch.no_grad()
    def put_in(self, model: Any) -> None:
        """Make the weights their running mean."""
        for name, one in _trained(model):
            one.copy_(self._mean[name])


def _trained(model: Any) -> list[tuple[str, Any]]:
    inner = getattr(model, "module", model)
    return [(name, one) for name, one in inner.named_parameters() if one.requires_grad]
