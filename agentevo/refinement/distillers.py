"""The distillers by name."""

from __future__ import annotations

from agentevo.refinement.distill import Distilled, distill
from agentevo.refinement.reading import Distiller, Reading
from agentevo.refinement.workflows import workflows
from agentevo.strategies import find


async def lessons(reading: Reading) -> Distilled:
    """Return lessons that the model reads from transcripts."""
    return await distill(
        reading.episodes, reading.backbone, reading.settings,
        timeout_s=reading.timeout_s, known=reading.known,
    )  # fmt: skip


STRATEGIES: dict[str, Distiller] = {"lessons": lessons, "workflows": workflows}


def distiller(name: str) -> Distiller:
    """Return a strategy by name.

    Raises:
        ConfigError: there is no such strategy.
    """
    return find("refinement.distiller", name, STRATEGIES)
