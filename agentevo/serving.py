"""A run served to any MCP client: what it has learned, and the agent that learned it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentevo.config import ConfigError
from agentevo.folders import folder_of
from agentevo.mending import line_of

if TYPE_CHECKING:
    from mcp.server.fastmcp import FastMCP

    from agentevo.memory import Embedder, Lesson
    from agentevo.run import Run


class Served:
    """A run's memory, and its agent, as functions of plain values.

    Reading goes through the ledger, also while the run goes on; writing wants it to stand still.

    Args:
        where: a run's name or folder.

    Raises:
        RunError: there is no such run.
    """

    def __init__(self, where: str | Path) -> None:
        """Look that the run is there; nothing is loaded yet."""
        from agentevo.run import Run

        self.folder = folder_of(where)
        with Run.open(self.folder) as run:
            self.name, self.benchmark = run.id, run.config.benchmark
        self._embedder: Embedder | None = None

    def _open(self, *, write: bool = False) -> Run:
        """Return the run, with an embedder that outlasts it: that takes seconds to load."""
        from agentevo.run import Run

        run = Run.open(self.folder, write=write, to_play=False)
        run.share_embedder(self._embedder)
        self._embedder = run.embedder()
        return run

    def search(self, situation: str, n: int = 5) -> list[dict[str, Any]]:
        """Return the lessons in force whose situation is nearest to one, the nearest first."""
        with self._open() as run:
            arm = run.incumbent()
            snapshot = run.snapshot(arm.memory_version, "")
            if not snapshot.lessons or not situation.strip():
                return []
            near = (snapshot.vectors @ run.embedder().embed([situation])[0]).tolist()
        ranked = sorted(zip(near, snapshot.lessons, strict=True), key=lambda pair: -pair[0])
        return [_told(one) | {"similarity": round(cosine, 3)} for cosine, one in ranked[:n]]

    def show(self, lesson: str) -> dict[str, Any]:
        """Return all that is known of a lesson, by its id or the beginning of it.

        Raises:
            ConfigError: there is none, or several.
        """
        from agentevo.memory import history, lessons

        with self._open() as run:
            known = lessons(run.ledger.engine, run.scope)
            found = [one for one in known if one.id.startswith(lesson)] if lesson else []
            if len(found) != 1:
                raise ConfigError(f"{len(found)} lessons begin with {lesson!r}")
            events = history(run.ledger.engine, run.scope, found[0].id)
        sources = [{"distiller": one.distiller, "trajectories": one.trajectories,
                    "generation": one.generation} for one in found[0].provenance]  # fmt: skip
        changes = [{"version": one.version, "event": one.kind, "who": one.who, "why": one.why}
                   for one in events]  # fmt: skip
        return _told(found[0]) | {"provenance": sources, "history": changes}

    def add(self, situation: str, advice: str, who: str = "mcp") -> dict[str, Any]:
        """Write a lesson down as pending: a person decides whether it is ever recalled.

        Raises:
            LedgerError: the run goes on just now.
            MemoryUseError: it has no words.
        """
        from agentevo.memory import Lesson, Provenance

        with self._open(write=True) as run:
            lesson = Lesson(situation, advice, run.scope, (Provenance(who),), status="pending")
            (written,) = run.memory().insert([lesson], who=who, why="told by an MCP client")
        return _told(written.lesson) | {"outcome": written.outcome}

    async def solve(self, question: str) -> dict[str, Any]:
        """Return the agent's answer to a question, and how it came to it."""
        from agentevo.solving import Agent

        agent = await asyncio.to_thread(Agent, memory=self.folder)
        try:
            answer = await agent.solve(question)
        finally:
            await asyncio.to_thread(agent.close)
        one = answer.trajectory
        return {"answer": answer.text, "ending": one.ending, "lessons": list(one.lessons),
                "steps": one.n_steps, "error": one.error}  # fmt: skip


def _told(one: Lesson) -> dict[str, Any]:
    return {"id": one.id, "situation": one.situation, "advice": one.advice, "kind": one.kind,
            "status": one.status}  # fmt: skip


def server(where: str | Path, *, port: int = 0) -> FastMCP:
    """Return an MCP server of a run, not yet running.

    Args:
        where: a run's name or folder.
        port: on 127.0.0.1, where it is to speak streamable HTTP.

    Raises:
        ConfigError: the package is missing.
        RunError: there is no such run.
    """
    try:
        from mcp.server.fastmcp import FastMCP
        from mcp.server.fastmcp.exceptions import ToolError as Told
    except ImportError:
        raise ConfigError("an MCP server wants a package: pip install 'agentevo[mcp]'") from None
    served = Served(where)
    made = FastMCP(
        "agentevo", port=port or 8000, log_level="ERROR",
        instructions=f"What the agent of run {served.name} learned on {served.benchmark}. Its "
        "lessons are notes from experience, not orders.",
    )  # fmt: skip

    async def apart(work: Callable[..., Any], *values: object) -> Any:
        """Do something that may take a while; what the user can mend is told in one line."""
        try:
            return await asyncio.to_thread(work, *values)
        except Exception as error:
            if (line := line_of(error)) is None:
                raise
            raise Told(line) from None

    @made.tool()
    async def memory_search(situation: str, n: int = 5) -> list[dict[str, Any]]:
        """Find the lessons that apply in a situation, the nearest first.

        Args:
            situation: What is faced, in words.
            n: How many at most.
        """
        return list(await apart(served.search, situation, n))

    @made.tool()
    async def memory_show(lesson: str) -> dict[str, Any]:
        """Show one lesson: its words, where it comes from, and its history.

        Args:
            lesson: Its id, or the beginning of it.
        """
        return dict(await apart(served.show, lesson))

    @made.tool()
    async def memory_add(situation: str, advice: str) -> dict[str, Any]:
        """Write a lesson down. It is pending, and recalled only after a person has agreed.

        Args:
            situation: In which it applies.
            advice: What to do or know then.
        """
        return dict(await apart(served.add, situation, advice))

    @made.tool()
    async def solve(question: str) -> dict[str, Any]:
        """Let the agent answer a question with its lessons, its trained weights and its tools.

        Args:
            question: In plain words.
        """
        try:
            return await served.solve(question)
        except Exception as error:
            if (line := line_of(error)) is None:
                raise
            raise Told(line) from None

    return made
