"""Runs a process and watches what it takes; whoever takes too much is killed with all its kind."""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from agentevo.sandbox.outcome import Cut, Limits, Outcome

LOOK_EVERY_S = 0.05
PER_PROCESS = 4  # address space that one process may have, in multiples of the memory of all
NOBODY = 65534


def watched(
    command: Sequence[str],
    *,
    stdin: str,
    limits: Limits,
    n_own: int,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    fds: Sequence[int] = (),
    is_ours: bool = False,
) -> Outcome:
    """Run a command to its end, or until it takes too much.

    Where this process is root's, the command is nobody's, unless it is ours.

    Args:
        command: word by word.
        stdin: what it reads.
        limits: what it may take.
        n_own: processes that the sandbox itself needs.
        cwd: where it begins.
        environment: all its variables.
        fds: open files that it inherits.
        is_ours: True: it is a program that we trust, and it needs to be who we are.
    """

    def bind() -> None:
        size = limits.memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (PER_PROCESS * size,) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        seconds = int(limits.seconds * limits.n_processes) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    is_dropped = os.geteuid() == 0 and not is_ours
    process = subprocess.Popen(
        list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=cwd, env=dict(environment or {}), pass_fds=tuple(fds), start_new_session=True,
        user=NOBODY if is_dropped else None, group=NOBODY if is_dropped else None,
        extra_groups=[] if is_dropped else None, preexec_fn=bind,
    )  # fmt: skip
    began = time.monotonic()
    try:
        out, cut = _read(process, stdin.encode(), limits, n_own, began)
    finally:
        _kill(process)
    status = process.wait()
    seconds = time.monotonic() - began
    stdout, stderr = (bytes(one).decode(errors="replace") for one in out)
    return Outcome(stdout, stderr, None if cut or status < 0 else status, cut, seconds)


def _read(
    process: subprocess.Popen[bytes], stdin: bytes, limits: Limits, n_own: int, began: float
) -> tuple[tuple[bytearray, bytearray], Cut]:
    """Feed and read a process until it ends; return both streams, and which limit it broke."""
    out = bytearray(), bytearray()
    assert process.stdin
    assert process.stdout
    assert process.stderr
    streams: list[IO[bytes]] = [process.stdin, process.stdout, process.stderr]
    for stream in streams:
        os.set_blocking(stream.fileno(), False)
    with selectors.DefaultSelector() as selector, process.stdin, process.stdout, process.stderr:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        for i, stream in enumerate(streams[1:]):
            selector.register(stream, selectors.EVENT_READ, i)
        looked = 0.0
        while selector.get_map():
            has_ended = process.poll() is not None  # before the look: it may write until then
            ready = selector.select(LOOK_EVERY_S)
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    stdin = _feed(process.stdin, stdin)
                    if not stdin:
                        selector.unregister(process.stdin)
                        with suppress(BrokenPipeError):
                            process.stdin.close()
                elif piece := os.read(key.fd, 65536):
                    out[key.data].extend(piece)
                else:
                    selector.unregister(key.fileobj)
            if sum(map(len, out)) > limits.n_output:
                _trim(out, limits.n_output)
                return out, "output"
            now = time.monotonic()
            if now - began > limits.seconds:
                return out, "time"
            if now - looked > LOOK_EVERY_S:
                looked = now
                if cut := _taken(process.pid, limits, n_own):
                    return out, cut
            if has_ended and not any(key.fileobj is not process.stdin for key, _ in ready):
                break  # something else holds the streams open
    return out, ""


def _feed(stream: IO[bytes], data: bytes) -> bytes:
    """Write as much as is taken; return what is left."""
    try:
        return data[os.write(stream.fileno(), data[:65536]) :] if data else b""
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return b""


def _trim(out: tuple[bytearray, bytearray], n: int) -> None:
    """Leave the first `n` bytes of both streams together, stderr before stdout."""
    del out[1][n:]
    del out[0][max(0, n - len(out[1])) :]


def _taken(pid: int, limits: Limits, n_own: int) -> Cut:
    """Return which limit is broken by what a process and its children take."""
    n, size = 0, 0
    with suppress(psutil.Error):
        for one in [(root := psutil.Process(pid)), *root.children(recursive=True)]:
            with suppress(psutil.Error):
                n += one.num_threads()
                size += one.memory_info().rss
                if n - n_own > limits.n_processes:
                    return "processes"
                if size > limits.memory_mb * 2**20:
                    return "memory"
    return ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it began."""
    children: list[psutil.Process] = []
    with suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for one in children:  # those that left the group
        with suppress(psutil.Error):
            one.kill()
