"""The thread that settles, a moment after it was asked to, what an insertion did not wait for."""

import logging
import threading
from collections.abc import Callable

PAUSE_S = 0.25  # so that a burst of lessons makes one batch

logger = logging.getLogger(__name__)


class Settler:
    """Calls a function in the background. Its thread begins with the first call of `soon`."""

    def __init__(self, settle: Callable[[], None]) -> None:
        """Begin with nothing to do."""
        self._settle = settle
        self._asked, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def soon(self) -> None:
        """Settle before long."""
        self._asked.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="agentevo-settle", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread, once it has done what it is about."""
        self._stopped.set()
        self._asked.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._asked.wait()
            if self._stopped.wait(PAUSE_S):
                return
            self._asked.clear()
            try:
                self._settle()
            except Exception:  # the log has it all: the next call, or opening, tries again
                logger.warning("the index could not be brought after the log", exc_info=True)
