"""One step of an environment, in a thread that is not waited for for ever.

No thread can be ended from outside. One whose step hangs is left behind: it takes no part in
anything any more, does not keep the program from ending, and closes the environment if the step
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
from queue import SimpleQueue

from agentevo.benchmarks import Environment, Observation


class StepTimeoutError(Exception):
    """A step did not end in time; its thread has the environment, and closes it."""


async def stepped(environment: Environment, action: str, timeout_s: float) -> Observation:
    """Take a step of an environment.

    Args:
        environment: of the episode.
        action: what is done.
        timeout_s: seconds that the step may take; 0: as long as it likes.

    Raises:
        StepTimeoutError: it took longer. The environment must not be touched any more.
    """
    step = _Step(environment, action)
    _hand().do(step.take)
    try:
        await asyncio.wait([step.seen], timeout=timeout_s or None)
        if step.leave():
            raise StepTimeoutError(
                f"the environment did not answer {action[:80]!r} within {timeout_s:g} s "
                "(agent.step_timeout_s)"
            )
        return await step.seen
    finally:
        step.seen.cancel()  # where whoever waits was stopped


class _Step:
    """One step under way."""

    def __init__(self, environment: Environment, action: str) -> None:
        self._loop = asyncio.get_running_loop()
        self.seen: asyncio.Future[Observation] = self._loop.create_future()
        self._environment, self._action = environment, action
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._is_done = self._is_left = False

    def take(self) -> None:
        """Take the step; called in its thread."""
        found: Observation | BaseException
        try:
            found = self._context.run(self._environment.step, self._action)
        except StopIteration as error:  # which no future can pass on
            found = RuntimeError(f"StopIteration: {error}")
        except BaseException as error:  # an engine may call exit
            found = error
        with self._lock:
            self._is_done = True
        if self._is_left:
            with suppress(Exception):  # nobody is there to hear of it
                self._environment.close()
            return
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._tell, found)

    def leave(self) -> bool:
        """Leave the step behind unless it is done; return whether it is left."""
        with self._lock:
            self._is_left = not self._is_done
        if self._is_left and (abort := getattr(self._environment, "abort", None)) is not None:
            abort()
        return self._is_left

    def _tell(self, found: Observation | BaseException) -> None:
        if self.seen.done():
            return
        if isinstance(found, BaseException):
            self.seen.set_exception(found)
        else:
            self.seen.set_result(found)


class _Hand:
    """A thread that takes one step after another.

    Not an executor's: Python waits at its end for these, and so for a step that hangs.
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
