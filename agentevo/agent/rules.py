"""What an agent may do with its tools: how often, how long, and what a person is asked before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

Approval = Literal["allow", "ask", "deny"]
Counts = Mapping[str, int]
"""How often each tool was called in an episode."""
Ask = Callable[[str, str], Awaitable[bool]]
"""Asks a person whether a tool may be called; it has the name and the arguments as JSON."""


@dataclass(frozen=True)
class Rules:
    """Rules for the tools of an episode."""

    timeout_s: float = 60.0
    """For one call."""
    max_characters: int = 4_000
    """Of a result that the model reads; what is more is cut off, and that is said."""
    max_calls: int = 0
    """Of all tools together. 0: as many as there are steps."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """By pattern of a tool's name: how often it may be called; the first that fits counts."""
    approval: Mapping[str, Approval] = field(default_factory=dict)
    """By pattern of a tool's name, or of `name {arguments}`; the first that fits counts, and what
    none fits is allowed."""
    ask: Ask | None = None
    """None: nobody can be asked, and what should be is denied."""

    @property
    def wants_somebody(self) -> bool:
        """Whether somebody has to be there who can be asked."""
        return "ask" in self.approval.values()

    async def refusal(self, name: str, arguments: str, n_used: Counts) -> str:
        """Return why a tool is not called, for the model to read; empty: it is."""
        if self.max_calls and sum(n_used.values()) >= self.max_calls:
            return f"No more tools: {self.max_calls} calls are all that an episode has."
        most = next((n for one, n in self.limits.items() if fnmatchcase(name, one)), None)
        if most is not None and n_used.get(name, 0) >= most:
            return f"{name} may be called {most} times in an episode, and was."
        whole = f"{name} {arguments}"
        found = [
            told
            for one, told in self.approval.items()
            if fnmatchcase(name, one) or fnmatchcase(whole, one)
        ]
        told = found[0] if found else "allow"
        if told == "ask" and self.ask is None:
            return f"{name} was not called: a person has to allow it, and there is nobody to ask."
        if told == "ask" and self.ask is not None:
            told = "allow" if await self.ask(name, arguments) else "deny"
        return "" if told == "allow" else f"{name} was not called: that is not allowed here."
