"""What a training minimises, as functions of the log-probabilities of a row's reply tokens.

Each returns a sum and how many items it is over, so that rows of any length weigh rightly in a
step. Nothing here knows a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from agentevo.settings import WeightSettings


@dataclass(frozen=True)
class Tokens:
    """Reply tokens that stand together; all tensors have the shape (n,)."""

    logp: torch.Tensor
    """Log-probabilities now; the gradient goes through them."""
    before: torch.Tensor
    """Those before the training: of the reference, and of what played the episode."""
    weights: torch.Tensor
    sides: torch.Tensor

    def only(self, which: torch.Tensor) -> Tokens:
        """Return some of them."""
        if bool(which.all()):
            return self
        return Tokens(*(one[which] for one in vars(self).values()))

    @classmethod
    def joined(cls, some: Sequence[Tokens]) -> Tokens:
        """Return the tokens of several rows as one."""
        if len(some) == 1:
            return some[0]
        names = ("logp", "before", "weights", "sides")
        return cls(*(torch.cat([getattr(one, name) for one in some]) for name in names))


Objective = Callable[[Tokens, WeightSettings], tuple[torch.Tensor, int | None]]
"""Returns the loss as a sum, and over how many items; None: over one, whatever the tokens."""


def likelihood(tokens: Tokens, settings: WeightSettings) -> tuple[torch.Tensor, int | None]:
    """Return the negative log-likelihood of the replies: supervised fine-tuning."""
    return -(tokens.weights * tokens.logp).sum(), len(tokens.logp)


def preference(tokens: Tokens, settings: WeightSettings) -> tuple[torch.Tensor, int | None]:
    """Return the loss of a pair of episodes, one better than the other.

    DPO, Rafailov et al. 2023 (arXiv 2305.18290), over all replies of the two episodes, as in ETO,
    Song et al. 2024 (arXiv 2403.02502). A pair counts by the weight that its tokens have.
    """
    margin = (tokens.sides * (tokens.logp - tokens.before)).sum()
    return -tokens.weights.mean() * F.logsigmoid(settings.beta * margin), None


def policy(tokens: Tokens, settings: WeightSettings) -> tuple[torch.Tensor, int | None]:
    """Return the clipped policy-gradient loss; `weights` are advantages within a group.

    GRPO, Shao et al. 2024 (arXiv 2402.03300), each token with the same weight as any other of the
    step, as in DAPO, Yu et al. 2025 (arXiv 2503.14476).
    """
    ratio = (tokens.logp - tokens.before).exp()
    clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
    gain = torch.minimum(ratio * tokens.weights, clipped * tokens.weights)
    return -gain.sum(), len(tokens.logp)


def divergence(reference: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Return the sum over tokens of the Kullback-Leibler divergence from a reference.

    What the reference would have said is kept as far as the objective allows: Li and Hoiem 2016,
    Learning without Forgetting (arXiv 1606.09282).

    Args:
        reference: logits of shape (n, n_vocab).
        logits: of the model, of the same shape.
    """
    target = reference.float().log_softmax(-1)
    return F.kl_div(logits.float().log_softmax(-1), target, log_target=True, reduction="sum")
