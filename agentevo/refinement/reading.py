"""What a distiller is, and what it reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentevo.backbones.backbone import Backbone
from agentevo.experience import Trajectory
from agentevo.settings import RefinementSettings

if TYPE_CHECKING:
    from agentevo.refinement.distill import Distilled, Draft


@dataclass(frozen=True)
class Reading:
    """The episodes of a generation, to be distilled."""

    episodes: Sequence[Trajectory]
    backbone: Backbone
    settings: RefinementSettings
    timeout_s: float
    """For one call."""
    known: Sequence[Draft] = ()
    """What earlier generations showed."""


Distiller = Callable[[Reading], Awaitable["Distilled"]]
"""Makes drafts of lessons: a strategy of refinement."""
