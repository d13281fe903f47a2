"""A program of its own between us and a server: it ends the server when we are gone.

Started as `python tether.py PID PROGRAM ARGUMENT …` at the head of a session of its own. Nobody is
asked to clean up: it also holds where we are killed, and for what the server itself has started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

LOOK_EVERY_S = 0.3
GRACE_S = 2.0
"""Between the request to end and the end."""


def held(pid: int, command: list[str]) -> int:
    """Run a command for as long as a process lives; return its exit status.

    Args:
        pid: of the parent; whose child this process is no more, it is gone.
        command: word by word; it has this process's streams.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)  # it is for the server; this ends with it
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # they are the server's alone: where it closes them, that is seen
        os.dup2(nothing, stream)
    has_ended = threading.Event()

    def wait() -> None:
        child.wait()
        has_ended.set()

    threading.Thread(target=wait, daemon=True).start()
    while not has_ended.wait(LOOK_EVERY_S):
        if os.getppid() != pid:
            _end_group()
    os.killpg(0, signal.SIGTERM)  # whatever the server has left behind
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end_group() -> None:
    """End this process's group, itself at last."""
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(held(int(sys.argv[1]), sys.argv[2:]))
