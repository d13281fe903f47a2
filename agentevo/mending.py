"""The errors that a user can mend: the command line and servers tell them in one line.

Named, not imported: whoever raised one has imported it already, and `--help` must stay light.
"""

from __future__ import annotations

import errno

USER_ERRORS = (
    "agentevo.backbones.backbone:BackboneError",
    "agentevo.benchmarks.errors:BenchmarkError",
    "agentevo.config:ConfigError",
    "agentevo.evaluation.gate:GateError",
    "agentevo.folders:RunError",
    "agentevo.ledger.errors:LedgerError",
    "agentevo.memory.errors:MemoryUseError",
    "agentevo.sandbox.outcome:SandboxError",
    "agentevo.tools.errors:ToolError",
)

FULL = ("No space left on device", "database or disk is full")
"""What libraries say of a full disk in errors of their own."""


def line_of(error: BaseException) -> str | None:
    """Return what to tell the user of an error in one line; None: it is a bug."""
    is_full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if is_full or any(said in str(error) for said in FULL):
        return "the disk is full: free some space and resume; all that was recorded is kept"
    classes = {f"{one.__module__}:{one.__name__}" for one in type(error).__mro__}
    if classes.isdisjoint(USER_ERRORS):
        return None
    return " ".join(str(error).split())
