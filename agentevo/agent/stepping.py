"""What an environment does, in a thread that is not waited for for ever.

No thread can be ended from outside. One in which an environment hangs is left behind: it takes no
part in anything any more, does not keep the program from ending, and closes the environment if it
comes back after all. An environment that can be ended from outside has a method `abort` (as those
in worker processes have), which is called then.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from agentevo.benchmarks import Environment, Observation

T = TypeVar("T")


class StepTimeoutError(Exception):
    """An environment did not answer in time; its thread has it, and closes it."""


async def opened(open_: Callable[[], Environment], timeout_s: float) -> Environment:
    """Open an environment; one that comes too late is closed.

    Args:
        open_: opens it.
        timeout_s: seconds that it may take; 0: as long as it likes.

    Raises:
        StepTimeoutError: it took longer.
    """
    told = f"the environment was not open within {timeout_s:g} s (agent.open_timeout_s)"
    return await _waited(_Work(open_), timeout_s, told)


async def begun(environment: Environment, timeout_s: float) -> Observation:
    """Reset an environment, and return what is seen first; arguments and errors as of `stepped`."""
    told = f"the environment did not begin within {timeout_s:g} s (agent.open_timeout_s)"
    return await _waited(_Work(environment.reset, environment), timeout_s, told)


async def stepped(environment: Environment, action: str, timeout_s: float) -> Observation:
    """Take a step of an environment.

    Args:
        environment: of the episode.
        action: what is done.
        timeout_s: seconds that the step may take; 0: as long as it likes.

    Raises:
        StepTimeoutError: it took longer. The environment must not be touched any more.
    """
    told = (
        f"the environment did not answer {action[:80]!r} within {timeout_s:g} s "
        "(agent.step_timeout_s)"
    )
    work = _Work(partial(environment.step, action), environment)
    return await _waited(work, timeout_s, told)


async def _waited(work: _Work[T], timeout_s: float, told: str) -> T:
    """Have work done in a thread, and return what comes of it; see `stepped`."""
    _hand().do(work.take)
    try:
        await asyncio.wait([work.seen], timeout=timeout_s or None)
        if work.leave():
            raise StepTimeoutError(told)
        return await work.seen
    finally:
        work.seen.cancel()  # where whoever waits was stopped


class _Work(Generic[T]):
    """Something under way."""

    def __init__(self, do: Callable[[], T], environment: Environment | None = None) -> None:
        """Take what is to be done, and the environment that it is done with; None: it makes it."""
        self._loop = asyncio.get_running_loop()
        self.seen: asyncio.Future[T] = self._loop.create_future()
        self._do, self._environment = do, environment
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._is_done = self._is_left = False

    def take(self) -> None:
        """Do it; called in its thread."""
        found: Any
        error: BaseException | None = None
        try:
            found = self._context.run(self._do)
        except StopIteration as caught:  # which no future can pass on
            found, error = None, RuntimeError(f"StopIteration: {caught}")
        except BaseException as caught:  # an engine may call exit
            found, error = None, caught
        with self._lock:
            self._is_done = True
        if self._is_left:
            with suppress(Exception):  # nobody is there to hear of it
                (self._environment or found).close()
            return
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._tell, found, error)

    def leave(self) -> bool:
        """Leave it behind unless it is done; return whether it is left."""
        with self._lock:
            self._is_left = not self._is_done
        if self._is_left and (abort := getattr(self._environment, "abort", None)) is not None:
            abort()
        return self._is_left

    def _tell(self, found: T, error: BaseException | None) -> None:
        if self.seen.done():
            return
        if error is not None:
            self.seen.set_exception(error)
        else:
            self.seen.set_result(found)


class _Hand:
    """A thread that does one thing after another.

    Not an executor's: Python waits at its end for these, and so for what hangs.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, name="steps", daemon=True).start()

    def do(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            _idle.append(self)


_idle: list[_Hand] = []  # only single, atomic operations
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads are not there after a fork


def _hand() -> _Hand:
    try:
        return _idle.pop()
    except IndexError:
        return _Hand()
