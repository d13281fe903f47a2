"""Environments in worker processes, for engines that cannot run side by side in one process.

Each open episode has a worker of its own: engines of this kind keep their state in module
globals, so that two episodes in one process would mix; it also lets them use more than one core,
and lets one die alone. Closing an episode hands its worker on to the next. A worker is no
sandbox: it is as trusted as the process that started it.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import Environment, Observation

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_Key: TypeAlias = tuple[int, str, str]
"""The parent's process id, and the module and name of what the workers make."""

_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from agentevo.benchmarks.processes import serve
serve()
"""
_GRACE_S = 5.0
"""How long a worker may take to end by itself before it is killed."""


class Pooled:
    """The proxy of an environment in a worker process; an Environment.

    `reset`, `step` and `close` do what they do there, and raise what is raised there. When the
    worker dies, they raise ConnectionError, which says how it ended.
    """

    tools: Sequence[BaseTool] = ()
    """None: tools that are bound to an episode's state cannot cross over to its proxy."""

    def __init__(self, make: Callable[..., Environment], *args: object, **options: object) -> None:
        """Make the environment, in an idle worker where there is one, else in a new one.

        Args:
            make: A function or class that a worker can import: not of `__main__`, no lambda.
            *args: Given to `make`; must be picklable.
            **options: Likewise.

        Raises:
            TypeError: `make` cannot be imported, or what it makes has tools.
            ConnectionError: The worker died.
        """
        name = getattr(make, "__qualname__", repr(make))
        if make.__module__ == "__main__" or "<" in name:
            raise TypeError(f"a worker process cannot import {name} of {make.__module__}")
        file = getattr(sys.modules.get(make.__module__), "__file__", None)
        request = (make.__module__, file, pickle.dumps((make, args, options)))
        self._key: _Key = (os.getpid(), make.__module__, name)
        self._turn = threading.Lock()
        worker = _take(self._key)
        worker.n_episodes += 1
        try:
            self.takes_answers = bool(worker.ask("open", *request))
        except BaseException:
            _give_back(self._key, worker)
            raise
        self._worker: _Worker | None = worker

    def reset(self) -> Observation:
        """Begin, or begin again."""
        return self._observe("reset")

    def step(self, action: str) -> Observation:
        """Take one action."""
        return self._observe("step", action)

    def close(self) -> None:
        """Close the environment and hand its worker back; waits for a step in progress."""
        with self._turn:
            worker, self._worker = self._worker, None
        if worker is None:
            return
        try:
            worker.ask("close")
        except ConnectionError:
            pass  # whoever took a step has been told
        finally:
            _give_back(self._key, worker)

    def abort(self) -> None:
        """End the worker process at once, also where a step hangs in it, which then breaks."""
        worker = self._worker
        if worker is not None:
            worker.stop()

    def _observe(self, verb: str, *arguments: object) -> Observation:
        with self._turn:
            if self._worker is None:
                raise RuntimeError("the environment is closed")
            seen = self._worker.ask(verb, *arguments)
        assert isinstance(seen, Observation)
        return seen


class _Worker:
    """A process that runs `serve`.

    Not multiprocessing, which would import the caller's main module again. Its hash seed is
    fixed, so that engines which write sets out say the same in every worker. It has a session of
    its own, so that Ctrl-C reaches the parent alone; when that ends, in whatever way, its stdin
    closes, and it ends too.
    """

    def __init__(self) -> None:
        path = [entry or str(Path.cwd()) for entry in sys.path]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, json.dumps(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
        self._fate: str | None = None
        """How it ended; None while it answers."""
        self.n_episodes = 0

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, verb: str, *arguments: object) -> object:
        """Have the worker do one thing; return what comes of it, or raise what went wrong there.

        Raises:
            ConnectionError: The worker is dead.
        """
        if self._fate is None:
            try:
                answered, result = self._exchange(pickle.dumps((verb, arguments)))
            except (EOFError, OSError, pickle.UnpicklingError):
                self._fate = self._last_words()
                self.kill()
            except BaseException:  # Ctrl-C: the answer to come must not meet the next question
                self._fate = "was stopped before it answered"
                self.kill()
                raise
        if self._fate is not None:
            raise ConnectionError(f"the worker process of this episode {self._fate}")
        if not answered:
            assert isinstance(result, Exception)
            raise result
        return result

    def _exchange(self, request: bytes) -> tuple[bool, object]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(request)
        stdin.flush()
        # What the engine started may hold the pipe open when the worker is dead: no blind read.
        while not wait([stdout.fileno()], timeout=1.0):
            if not self.alive and not wait([stdout.fileno()], timeout=0):
                raise EOFError
        answer: tuple[bool, object] = pickle.load(stdout)
        return answer

    def _last_words(self) -> str:
        """Return how the process ended, which answers no more, and what it said last."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        status = self._process.poll()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        ended = f"ended with status {status}"
        if status is None:
            ended = "closed its pipe"
        elif status < 0:
            ended = f"was ended by {signal.Signals(-status).name}"
        return f"{ended}; it last said: {lines[-1] if lines else 'nothing'}"

    def stop(self) -> None:
        """End the process and all that it started; whoever waits for an answer tidies up."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        self.stop()
        self.end()

    def end(self) -> None:
        """Let the process end by itself, within `_GRACE_S`; harmless when called twice."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


# Only single, atomic operations on dict and list: no lock that a fork could leave taken. A forked
# child has keys of its own, and leaves its parent's workers alone.
_idle: dict[_Key, list[_Worker]] = {}
_MOST_IDLE = os.cpu_count() or 1
"""How many workers wait for the next episode, per kind; more are ended."""
_MOST_EPISODES = 20
"""After so many episodes a worker is replaced, since engines leak memory."""


def _take(key: _Key) -> _Worker:
    waiting = _idle.setdefault(key, [])
    while True:
        try:
            worker = waiting.pop()
        except IndexError:
            return _Worker()
        if worker.alive:
            return worker
        worker.end()


def _give_back(key: _Key, worker: _Worker) -> None:
    waiting = _idle.setdefault(key, [])
    if worker.alive and len(waiting) < _MOST_IDLE and worker.n_episodes < _MOST_EPISODES:
        waiting.append(worker)
    else:
        worker.end()


@atexit.register
def end_idle() -> None:
    """End the workers that wait for an episode; those of open episodes go on."""
    for key in [key for key in _idle if key[0] == os.getpid()]:
        for worker in _idle.pop(key):
            worker.end()


def serve() -> None:
    """Answer a parent's requests until it closes stdin; what a worker process runs."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)  # neither what an engine reads
    os.dup2(2, 1)  # nor what it prints must mix with the dialogue
    host = _Host()
    while True:
        try:
            verb, arguments = pickle.load(requests)
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, getattr(host, verb)(*arguments)))
        except Exception as error:  # the episode's own, to be raised in the parent
            answer = pickle.dumps((False, _portable(error)))
        answers.write(answer)
        answers.flush()


class _Host:
    """Holds the one environment of a worker."""

    def __init__(self) -> None:
        self._environment: Environment | None = None

    def open(self, module: str, file: str | None, pickled: bytes) -> bool:
        """Make an environment and return whether it takes answers."""
        _import(module, file)
        make, args, options = pickle.loads(pickled)
        environment: Environment = make(*args, **options)
        if environment.tools:
            environment.close()
            raise TypeError(f"{make.__qualname__} has tools, which cannot leave their process")
        self._environment = environment
        return bool(getattr(environment, "takes_answers", False))

    def reset(self) -> Observation:
        return self._open.reset()

    def step(self, action: str) -> Observation:
        return self._open.step(action)

    def close(self) -> None:
        environment, self._environment = self._open, None
        environment.close()

    @property
    def _open(self) -> Environment:
        assert self._environment is not None
        return self._environment


def _import(module: str, file: str | None) -> None:
    """Import a module by its name or, where it has none to be found by, from its file."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if file is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        spec = spec_from_file_location(module, file)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[module] = found = module_from_spec(spec)
        spec.loader.exec_module(found)


def _portable(error: Exception) -> Exception:
    """Return an error that the parent can raise without importing the engine, its place noted."""
    told = "".join(traceback.format_exception(error))
    if type(error).__module__ not in ("builtins", BenchmarkError.__module__):
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"in a worker process:\n{told}")
    return error
