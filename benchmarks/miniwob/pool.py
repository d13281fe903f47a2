"""The browsers of this process: started when they are needed, reused, and ended with it."""

import atexit
import threading

from agentevo.benchmarks.miniwob.browser import Browser, Window

_MAX_BROWSERS = 4
_N_WINDOWS = 8
"""In use in every browser before a further one is started; past the last, there is no limit."""


class Pool:
    """A few browsers that share the episodes out among them. Nobody waits for a free one."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._browsers: list[Browser] = []

    def take(self) -> Window:
        """Return a window that nobody else has."""
        with self._lock:
            self._drop_dead()
            found = min(self._browsers, key=lambda browser: browser.n_busy, default=None)
            if found is None or (
                found.n_busy >= _N_WINDOWS and len(self._browsers) < _MAX_BROWSERS
            ):
                found = Browser()
                self._browsers.append(found)
                atexit.unregister(self.close)
                atexit.register(self.close)
            return found.take_window()

    def close(self) -> None:
        """End all browsers, whatever they are doing."""
        with self._lock:
            while self._browsers:
                self._browsers.pop().close()

    def _drop_dead(self) -> None:
        for browser in [one for one in self._browsers if not one.is_alive()]:
            self._browsers.remove(browser)
            browser.close()


pool = Pool()
