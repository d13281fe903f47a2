"""What the settings say of tools, as the tools and the episodes want it."""

from __future__ import annotations

from agentevo.agent.rules import Ask, Rules
from agentevo.config import ToolSettings
from agentevo.sandbox import Limits
from agentevo.tools import Context, Embed


def context_of(settings: ToolSettings, embed: Embed | None = None) -> Context:
    """Return the surroundings of built-in tools.

    Args:
        settings: of a run or an agent.
        embed: by which documents are searched; None: by words alone.
    """
    limits = Limits(seconds=settings.code_timeout_s, memory_mb=settings.code_memory_mb)
    return Context(settings.sandbox, limits, embed, settings.timeout_s)


def rules_of(settings: ToolSettings, ask: Ask | None = None) -> Rules:
    """Return the rules of an episode; `ask` asks whoever is there."""
    return Rules(
        timeout_s=settings.timeout_s,
        max_characters=settings.max_characters,
        max_calls=settings.max_calls,
        limits=settings.limits,
        approval=settings.approval,
        ask=ask,
    )
