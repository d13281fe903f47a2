"""Starts a headless Chromium with the chromedriver that steers it, and ends both.

Nothing beyond this machine is asked: selenium is told where both are, and looks for no other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.miniwob.programs import programs

if TYPE_CHECKING:
    from selenium.webdriver.remote.remote_connection import RemoteConnection
    from selenium.webdriver.remote.webdriver import WebDriver

_GUARD = Path(__file__).with_name("guard.py")
_TIMEOUT_S = 120
"""For one answer of chromedriver, which itself gives up on a page's script after 30 s."""
_END_S = 20
"""For the guard to kill and to sweep. One that was stopped does so when it is continued."""

_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--lang=en-US",
    "--window-size=500,320",
    # Many windows at once: few processes, and none is slowed down for being in the background.
    "--renderer-process-limit=2",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    # No names, no proxies, no services.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-features=SpareRendererForSitePerProcess,OptimizationHints,MediaRouter",
)


@dataclass(frozen=True)
class Program:
    """The two, running under guard.py."""

    guard: subprocess.Popen[str]
    connection: RemoteConnection
    driver: WebDriver

    def end(self) -> None:
        """End both and what they started, and remove what they wrote."""
        self.connection.close()
        _end(self.guard)


def launch() -> Program:
    """Start both, 1 to 2 s on an idle machine.

    Raises:
        BenchmarkError: They are not installed, or do not start.
    """
    chromium, chromedriver = programs()
    # In a session of its own, so that Ctrl-C reaches only the parent, which then ends it.
    guard = subprocess.Popen(
        [sys.executable, "-P", str(_GUARD), chromedriver],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    try:
        connection = _connect(guard)
        return Program(guard, connection, _start(connection, chromium))
    except BaseException:
        _end(guard)
        raise


def _end(guard: subprocess.Popen[str]) -> None:
    for pipe in (guard.stdin, guard.stdout):
        assert pipe is not None
        pipe.close()
    with suppress(subprocess.TimeoutExpired):
        guard.wait(_END_S)


def _connect(guard: subprocess.Popen[str]) -> RemoteConnection:
    """Return a connection to the guarded chromedriver, through no proxy."""
    from selenium.webdriver.common.proxy import Proxy
    from selenium.webdriver.remote.client_config import ClientConfig
    from selenium.webdriver.remote.remote_connection import RemoteConnection

    assert guard.stdout is not None
    said = guard.stdout.readline().strip()
    if not said.isdigit():
        raise BenchmarkError(f"chromedriver does not start: {said or 'it said nothing'}")
    direct = Proxy({"proxyType": "DIRECT"})
    config = ClientConfig(f"http://127.0.0.1:{said}", proxy=direct, timeout=_TIMEOUT_S)
    connection = RemoteConnection(client_config=config)
    connection.add_command("executeCdpCommand", "POST", "/session/$sessionId/goog/cdp/execute")
    return connection


def _start(connection: RemoteConnection, chromium: str) -> WebDriver:
    """Have chromedriver start chromium; nothing is looked for or downloaded."""
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in _FLAGS:
        options.add_argument(flag)
    if os.geteuid() == 0:  # chromium refuses otherwise
        options.add_argument("--no-sandbox")
    try:
        return webdriver.Remote(connection, options=options)
    except WebDriverException as error:
        why = (error.msg or "it gives no reason").strip().splitlines()[0]
        raise BenchmarkError(f"{chromium} does not start: {why}") from error
