"""What a sandbox is asked for and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Cut = Literal["", "time", "memory", "processes", "output"]
"""Which limit ended a program; empty: it ended by itself."""


class SandboxError(Exception):
    """A sandbox that cannot be had as it was asked for; the user can mend it."""


@dataclass(frozen=True)
class Limits:
    """What a program may take."""

    seconds: float = 10.0
    memory_mb: int = 512
    """Of all its processes together, and of the files that it writes."""
    n_processes: int = 32
    """At once, threads included."""
    n_output: int = 20_000
    """Bytes of what it prints, on both streams together."""


@dataclass(frozen=True)
class Outcome:
    """What came of a program."""

    stdout: str
    stderr: str
    status: int | None
    """Its exit status; None where it was killed."""
    cut: Cut
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, with status 0."""
        return self.status == 0 and not self.cut

    @property
    def text(self) -> str:
        """What it printed, and why it ended where that was not by itself."""
        parts = [self.stdout.rstrip(), self.stderr.rstrip()]
        if self.cut:
            parts.append(f"(ended: it took too much {self.cut})".replace("much proc", "many proc"))
        elif self.status:
            parts.append(f"(exit status {self.status})")
        return "\n".join(part for part in parts if part)


class Sandbox(Protocol):
    """Runs programs apart from everything else."""

    name: str
    lacks: str
    """What it does not keep a program from, in words; empty: nothing that is known."""
    python: str
    """The Python that programs find in it."""

    def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, str] | None = None,
        stdin: str = "",
        limits: Limits | None = None,
    ) -> Outcome:
        """Run a program in an empty folder of its own.

        Args:
            command: the program and its arguments, word by word.
            files: by relative path, what lies in the folder.
            stdin: what the program reads.
            limits: what it may take; None: the defaults.
        """
