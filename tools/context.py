"""What built-in tools need of their surroundings; who opens them hands it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agentevo.sandbox import Limits

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Turns texts into vectors of length 1, an array of shape (n, d)."""


@dataclass(frozen=True)
class Context:
    """Surroundings of tools."""

    sandbox: str = "auto"
    """In which code is run; see `agentevo.sandbox.find`."""
    limits: Limits = field(default_factory=Limits)
    """What code may take."""
    embed: Embed | None = None
    """None: documents are searched by their words alone."""
    timeout_s: float = 60.0
    """For one call of a server's tool, or one page."""
