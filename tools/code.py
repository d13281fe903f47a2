"""Code that the model writes, run in a sandbox; nothing of one run is there in the next."""

from __future__ import annotations

import warnings

from langchain_core.tools import BaseTool

from agentevo.sandbox import Limits, Outcome, Sandbox, SandboxError, find
from agentevo.tools.context import Context
from agentevo.tools.decorator import tool
from agentevo.tools.errors import ToolError


def _sandbox(context: Context) -> Sandbox:
    """Return the sandbox, and warn of what it does not cover.

    Raises:
        ToolError: there is none.
    """
    try:
        sandbox = find(context.sandbox)
    except SandboxError as error:
        raise ToolError(f"code cannot be run: {error}") from None
    if sandbox.lacks:
        warnings.warn(
            f"code runs in a mere {sandbox.name}: {sandbox.lacks}; install bubblewrap",
            stacklevel=2,
        )
    return sandbox


def python(context: Context) -> BaseTool:
    """Return a tool that runs Python."""
    sandbox = _sandbox(context)

    @tool
    def python(code: str) -> str:
        """Run Python code and return what it prints. Each call begins anew; there is no network.

        Args:
            code: A whole program; what it should tell, it prints.
        """
        files = {"main.py": code}
        done = sandbox.run([sandbox.python, "main.py"], files=files, limits=context.limits)
        return _told(done, context.limits)

    return python


def shell(context: Context) -> BaseTool:
    """Return a tool that runs shell commands."""
    sandbox = _sandbox(context)

    @tool
    def shell(command: str) -> str:
        """Run a shell command and return what it prints. Each call begins in an empty folder.

        Args:
            command: One or more lines for sh; there is no network.
        """
        done = sandbox.run(["sh", "-c", command], limits=context.limits)
        return _told(done, context.limits)

    return shell


def _told(done: Outcome, limits: Limits) -> str:
    """Return what a program printed; that it was ended for its output comes first, as is seen."""
    if done.cut != "output":
        return done.text or "(it printed nothing)"
    shown = "\n".join(part for part in (done.stdout.rstrip(), done.stderr.rstrip()) if part)
    return (
        f"(ended: it printed more than {limits.n_output:,} bytes; these are the first of them)\n"
        + shown
    )
