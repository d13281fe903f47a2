"""A headless Chromium and its windows.

A page is steered through the functions that every page of MiniWoB++ brings along (core.js), as
the package's own Python does it, but without screenshots and with one request a look.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias, cast

from agentevo.benchmarks.miniwob.launch import launch
from agentevo.benchmarks.miniwob.programs import pages_folder
from agentevo.benchmarks.task import Split

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

Raw: TypeAlias = "dict[str, object]"
"""What a script in the page returned."""

_MAX_IDLE_WINDOWS = 8
_SETTLE_MS = 20

# Half of all tasks are for training. Whatever a task's text, it falls in one and the same split.
_QUARTERS = {"train": (0, 1), "validation": (2,), "test": (3,)}

# The page's own clock is set to 11.5 days; more than 2**31 ms would end the episode at once.
_BEGIN = """
const [seed, first, quarters, mode, done] = arguments;
function quarter() {
  let hash = 0x811c9dc5;
  for (const letter of document.getElementById("wrap").textContent.replace(/\\s+/g, " "))
    hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193);
  return (hash >>> 12) % 4;
}
(function begin() {
  if (!window.core || !core.cover_div) return setTimeout(begin, 5);
  core.EPISODE_MAX_TIME = 1e9;
  if (window.jQuery) jQuery.fx.off = true;
  core.setDataMode(mode);
  let n = first;
  for (;; n++) {
    Math.seedrandom(seed + "/" + n);
    core.startEpisodeReal();
    if (quarters.includes(quarter())) break;
  }
  done(n);
})();
"""

# Timers that an action has set off, such as for a list of suggestions, come first.
_LOOK = """
const [settle, done] = arguments;
setTimeout(function () {
  try {
    const said = core.getUtterance();
    const dom = WOB_DONE_GLOBAL ? null : core.getDOMInfo();
    const selects = {};
    for (const [ref, element] of Object.entries(dom ? core.previousDOMInfo : {}))
      if (element instanceof HTMLSelectElement)
        selects[ref] = [element.value, Array.from(element.options, o => o.text)];
    done({utterance: said.utterance || said, dom: dom, selects: selects,
          done: WOB_DONE_GLOBAL, reward: WOB_RAW_REWARD_GLOBAL});
  } catch (error) { done({error: String(error)}); }
}, settle);
"""


class Browser:
    """A chromium and the chromedriver that steers it; its windows take turns, command by command.

    Not a browser per episode: a further one takes about 165 MB and a second or more to start, a
    further window 45 MB and a fraction of a second.
    """

    def __init__(self) -> None:
        """Start both, 1 to 2 s on an idle machine.

        Raises:
            BenchmarkError: They are not installed, or do not start.
        """
        self._program = launch()
        self._driver = self._program.driver
        self._lock = threading.Lock()
        self._shown = self._driver.current_window_handle
        self._idle = [self._shown]
        self.n_busy = 0
        """Windows in use."""

    def take_window(self) -> Window:
        """Return a window that nobody else has."""
        from selenium.common.exceptions import WebDriverException

        with self._lock:
            while self._idle:
                handle = self._idle.pop()
                with suppress(WebDriverException):  # it crashed: another one, then
                    self._show(handle)
                    break
            else:
                self._driver.switch_to.new_window("window")
                self._shown = self._driver.current_window_handle
            self._focus()
            self.n_busy += 1
            return Window(self, self._shown)

    def give_back(self, handle: str) -> None:
        """Keep a window for the next episode, or close it where enough are waiting."""
        from selenium.common.exceptions import WebDriverException
        from urllib3.exceptions import HTTPError

        with self._lock:
            self.n_busy -= 1
            if len(self._idle) < _MAX_IDLE_WINDOWS:
                self._idle.append(handle)
                return
            with suppress(WebDriverException, HTTPError):  # it is gone already
                self._show(handle)
                self._driver.close()
            self._shown = ""

    @contextmanager
    def showing(self, handle: str) -> Iterator[WebDriver]:
        """Have the commands within go to that window, and to no other's."""
        with self._lock:
            self._show(handle)
            yield self._driver

    def is_alive(self) -> bool:
        """Whether it still answers."""
        from selenium.common.exceptions import WebDriverException
        from urllib3.exceptions import HTTPError

        with self._lock:
            try:
                return bool(self._driver.window_handles)
            except (WebDriverException, HTTPError):
                return False

    def close(self) -> None:
        """End the browser and all that belongs to it; harmless when called twice."""
        self._program.end()

    def _show(self, handle: str) -> None:
        if handle != self._shown:
            self._shown = ""
            self._driver.switch_to.window(handle)
            self._shown = handle

    def _focus(self) -> None:
        """Let the window believe that it has the focus, whichever window is in front."""
        self._driver.execute(
            "executeCdpCommand",
            {"cmd": "Emulation.setFocusEmulationEnabled", "params": {"enabled": True}},
        )


class Window:
    """Shows one page after another; used by one thread at a time."""

    def __init__(self, browser: Browser, handle: str) -> None:
        """See `Browser.take_window`."""
        self._browser = browser
        self._handle = handle

    def begin(self, page: str, *, seed: int, split: Split) -> None:
        """Load a page anew and begin a task, without a time limit.

        Args:
            page: Its name, e.g. `click-button`.
            seed: Of the random numbers that make the task. More are drawn until the task's text
                is one of the split's, by a hash; and the wording is one for tests or not.
            split: Of the task.
        """
        quarters, mode = _QUARTERS[split], "test" if split == "test" else "train"
        address = (pages_folder() / "miniwob" / f"{page}.html").as_uri()
        with self._browser.showing(self._handle) as driver:
            driver.get(address)
            n_refused = driver.execute_async_script(_BEGIN, seed, 0, quarters, mode)
            if n_refused:  # nothing of those may stay in the page
                driver.get(address)
                driver.execute_async_script(_BEGIN, seed, n_refused, quarters, mode)

    def look(self) -> Raw:
        """Return the utterance, the elements, and whether and how the task ended."""
        with self._browser.showing(self._handle) as driver:
            seen = cast(Raw, driver.execute_async_script(_LOOK, _SETTLE_MS))
        if "error" in seen:
            raise RuntimeError(f"the page cannot be read: {seen['error']}")
        return seen

    def click(self, ref: int) -> None:
        """Click the element and focus it."""
        with self._browser.showing(self._handle) as driver:
            driver.execute_script("core.elementClick(arguments[0]);", ref)

    def press(self, *keys: str, held: str = "") -> None:
        """Press keys one after the other while `held` is down; they go to what has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        with self._browser.showing(self._handle) as driver:
            chain = ActionChains(driver, duration=0)
            if held:
                chain.key_down(held)
            for key in keys:
                chain.key_down(key).key_up(key)
            if held:
                chain.key_up(held)
            chain.perform()

    def give_back(self) -> None:
        """Leave the window to another episode."""
        self._browser.give_back(self._handle)
