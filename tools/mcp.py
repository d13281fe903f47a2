"""Tools of MCP servers, over stdio and streamable HTTP, from a file in the usual `mcpServers` form.

All servers of a file live on one event loop in a thread of their own, so that their sessions
outlast the loops of whoever calls them. Their tools are named `server__tool`.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from anyio import BrokenResourceError, ClosedResourceError
from langchain_core.tools import BaseTool, StructuredTool, ToolException

from agentevo.tools import tether
from agentevo.tools.context import Context
from agentevo.tools.errors import ToolError
from agentevo.tools.servers_file import ServerSettings, settings_in

if TYPE_CHECKING:
    from mcp import ClientSession

T = TypeVar("T")

START_S = 60.0  # a server may have to be fetched first, as by npx
IDLE_S = 5.0  # after which a server is asked whether it still lives
PING_S = 5.0
END_S = 8.0  # a server has 2 s to end by itself, and 2 s more once it is asked to


class Servers:
    """Servers that run, with their tools; close them after use.

    Args:
        settings: by name.
        timeout_s: for one call.

    Raises:
        ToolError: one of them does not start, or speaks no MCP; none is left running.
    """

    def __init__(self, settings: Mapping[str, ServerSettings], timeout_s: float) -> None:
        """Start them all, side by side."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mcp", daemon=True)
        self._thread.start()
        self._servers = [
            _Server(name, one, one.timeout or timeout_s)
            for name, one in settings.items()
            if not one.disabled
        ]
        try:
            self._do(self._start_all()).result()
            self.tools: tuple[BaseTool, ...] = tuple(
                self._tool(server, one) for server in self._servers for one in server.given()
            )
        except BaseException:
            self.close()
            raise

    async def _start_all(self) -> None:
        done = await asyncio.gather(*(one.start() for one in self._servers), return_exceptions=True)
        for one in done:
            if isinstance(one, BaseException):
                raise one

    def _do(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _tool(self, server: _Server, one: BaseTool) -> BaseTool:
        """Return a server's tool as one that may be called from any loop or thread."""

        async def call(**arguments: Any) -> str:
            return await asyncio.wrap_future(self._do(server.call(one.name, arguments)))

        def call_now(**arguments: Any) -> str:
            return self._do(server.call(one.name, arguments)).result()

        name = re.sub(r"[^\w-]", "_", f"{server.name}__{one.name}")[:64]
        about = one.description or f"{one.name} of {server.name}"
        return StructuredTool(
            name=name, description=about, args_schema=one.args_schema, func=call_now, coroutine=call
        )

    def close(self) -> None:
        """End the servers that were started here, and the sessions of the others."""
        if not self._thread.is_alive():
            return
        with suppress(Exception):
            self._do(self._stop_all()).result(END_S + 1)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _stop_all(self) -> None:
        await asyncio.gather(*(one.stop() for one in self._servers), return_exceptions=True)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for one in rest:  # such as calls that nobody waits for any more
            one.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


class _Server:
    """One server: its session lives in a task of its own, which begins and ends it."""

    def __init__(self, name: str, settings: ServerSettings, timeout_s: float) -> None:
        self.name, self._settings, self._timeout_s = name, settings, timeout_s
        self._tools: dict[str, BaseTool] = {}
        self._session: ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._starting = asyncio.Lock()
        self._used = 0.0

    def given(self) -> list[BaseTool]:
        """Return the tools that the settings name.

        Raises:
            ToolError: there is no such tool.
        """
        wanted = self._settings.tools
        for name in wanted or ():
            if name not in self._tools:
                known = ", ".join(self._tools)
                raise ToolError(f"mcp: {self.name} has no tool {name!r} (there are: {known})")
        return [one for name, one in self._tools.items() if wanted is None or name in wanted]

    async def start(self) -> None:
        """Begin a session, and ask what tools there are.

        Raises:
            ToolError: it does not start.
        """
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ending.clear()
        with tempfile.TemporaryFile("w+") as said:
            self._task = asyncio.create_task(self._live(ready, said))
            try:
                await asyncio.wait_for(asyncio.shield(ready), START_S)
            except Exception as error:
                ready.cancel()  # nobody waits for it now
                await self.stop()
                said.seek(0)
                last = " ".join(said.read()[-500:].split())
                what = self._settings.url or " ".join(
                    [self._settings.command, *self._settings.args]
                )
                why = _reason(error)
                if isinstance(error, TimeoutError):
                    why = f"no answer within {START_S:g} s"
                raise ToolError(
                    f"mcp: server {self.name} ({what}) does not start: {why}"
                    + (f"; it says: {last}" if last else "")
                ) from None

    async def _live(self, ready: asyncio.Future[None], said: IO[str]) -> None:
        from langchain_mcp_adapters.tools import load_mcp_tools

        try:
            async with self._connected(said) as session:
                await session.initialize()
                tools = await load_mcp_tools(session, handle_tool_errors=False)
                self._tools = {one.name: one for one in tools}
                self._session, self._used = session, time.monotonic()
                ready.set_result(None)
                await self._ending.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(
                    error if isinstance(error, Exception) else RuntimeError("ended")
                )
            elif not isinstance(error, Exception):
                raise
        finally:
            self._session = None

    @asynccontextmanager
    async def _connected(self, said: IO[str]) -> AsyncIterator[ClientSession]:
        """Yield a session that is not yet begun."""
        from langchain_mcp_adapters.sessions import create_session
        from mcp import ClientSession, StdioServerParameters
        from mcp.client.stdio import get_default_environment, stdio_client

        one = self._settings
        if one.url:
            kind = "sse" if one.type == "sse" else "streamable_http"
            told: Any = {"transport": kind, "url": one.url, "headers": one.headers or None}
            async with create_session(told) as session:
                yield session
            return
        command, *rest = self._command(environment := get_default_environment() | one.env)
        started = StdioServerParameters(
            command=command, args=rest, cwd=one.cwd or None, env=environment
        )
        async with AsyncExitStack() as stack:
            # its own copy: the session outlasts the file that we read its first words from
            log = stack.enter_context(os.fdopen(os.dup(said.fileno()), "w"))
            streams = await stack.enter_async_context(stdio_client(started, errlog=log))
            yield await stack.enter_async_context(ClientSession(*streams))

    def _command(self, environment: Mapping[str, str]) -> list[str]:
        """Return what starts the server, and ends it when this process is gone.

        Raises:
            ToolError: there is no such program or folder.
        """
        one = self._settings
        if not (folder := Path(one.cwd)).is_dir():
            raise ToolError(f"there is no folder {folder}")
        program = str(folder / one.command) if os.sep in one.command else one.command
        if shutil.which(program, path=environment.get("PATH")) is None:
            raise ToolError(f"there is no program {program}")
        if sys.platform == "win32":  # its job objects end it
            return [program, *one.args]
        held = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid())]
        return [*held, program, *one.args]

    async def call(self, name: str, arguments: dict[str, Any], *, again: bool = False) -> str:
        """Call a tool; a server that is gone is started anew first.

        Args:
            name: of the tool, as the server has it.
            arguments: as its schema wants them.
            again: True: a server that is gone once more is not started another time.

        Raises:
            ToolException: what the tool says went wrong, or that the server did.
        """
        async with self._starting:
            if not await self._lives():
                await self.stop()
                try:
                    await self.start()
                except ToolError as error:
                    raise ToolException(str(error)) from None
        try:
            said = await asyncio.wait_for(self._tools[name].ainvoke(arguments), self._timeout_s)
        except (ClosedResourceError, BrokenResourceError):  # it was gone before it was asked
            self._session = None
            if again:
                raise ToolException(f"the server {self.name} is gone") from None
            return await self.call(name, arguments, again=True)
        except ToolException:
            raise
        except KeyError:
            raise ToolException(f"{self.name} has no tool {name} any more") from None
        except TimeoutError:
            raise ToolException(f"no answer within {self._timeout_s:g} s") from None
        except Exception as error:
            self._session = None
            raise ToolException(f"the server {self.name} broke: {_reason(error)}") from error
        self._used = time.monotonic()
        return _text(said)

    async def _lives(self) -> bool:
        if self._session is None or self._task is None or self._task.done():
            return False
        if time.monotonic() - self._used < IDLE_S:
            return True
        try:
            await asyncio.wait_for(self._session.send_ping(), PING_S)
        except Exception:
            return False
        return True

    async def stop(self) -> None:
        """End the session, and with it a server that was started here."""
        self._ending.set()
        task, self._task = self._task, None
        if task is not None:
            if self._session is None:  # it is not at the point where it waits for the end
                task.cancel()
            with suppress(BaseException):
                await asyncio.wait_for(task, END_S)


def _reason(error: BaseException) -> str:
    """Return what went wrong, out of whatever groups it was raised in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(str(error).split()) or type(error).__name__


def _text(said: object) -> str:
    """Return a result as text; what is no text is named."""
    if isinstance(said, str):
        return said
    blocks: Sequence[object] = said if isinstance(said, Sequence) else [said]
    parts = []
    for one in blocks:
        if isinstance(one, Mapping):
            text = one.get("text")
            parts.append(text if isinstance(text, str) else f"({one.get('type', 'something')})")
        else:
            parts.append(str(one))
    return "\n".join(parts)


def open_servers(rest: str, context: Context) -> Servers:
    """Start the servers of a file, or one of them.

    Args:
        rest: `FILE` or `FILE#SERVER`.
        context: the time-out of a call.

    Raises:
        ToolError: the package is missing, the file says nothing, or a server does not start.
    """
    try:
        import langchain_mcp_adapters  # noqa: F401
    except ImportError:
        raise ToolError("mcp wants a package: pip install 'agentevo[mcp]'") from None
    path, _, name = rest.partition("#")
    if not path:
        raise ToolError("mcp: write mcp:FILE, a JSON file with mcpServers")
    found = settings_in(Path(path).expanduser())
    if name and name not in found:
        raise ToolError(f"mcp: {path} has no server {name!r} (there are: {', '.join(found)})")
    return Servers({name: found[name]} if name else found, context.timeout_s)
