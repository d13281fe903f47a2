"""Runs one chromedriver, as a script in a process of its own, and ends it with its browser.

The first line on stdout is the port, or why there is none. When stdin closes, be it that the
parent closed it, ended or was killed, chromedriver and all browser processes are killed and what
they wrote is removed: chromedriver alone would leave the browser behind. Standard library only.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

_READY = re.compile(r"started successfully on port (\d+)")
_MAX_CHARS = 40
"""Of the folder for temporary files: below it chromium makes sockets, whose paths end at 107."""


def main() -> None:
    """Start the program named on the command line, and wait for stdin to close."""
    usual = tempfile.gettempdir()
    short = usual if len(usual) <= _MAX_CHARS else "/tmp"
    folder = Path(tempfile.mkdtemp(prefix="miniwob-", dir=short))
    driver = None
    try:
        driver = subprocess.Popen(
            [sys.argv[1], "--port=0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Pages print dates and times: the same on every machine. Nothing goes to a user's home.
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("XDG_")},
                **{"HOME": str(folder), "TMPDIR": str(folder), "TZ": "UTC", "LANGUAGE": "en_US"},
            },
            start_new_session=True,  # its number is then the group of all that it starts
            text=True,
        )
        threading.Thread(target=_report, args=(driver,), daemon=True).start()
        sys.stdin.read()
    finally:
        if driver is not None:
            with suppress(ProcessLookupError):
                os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
        _remove(folder)


def _report(driver: "subprocess.Popen[str]") -> None:
    """Print the port as soon as it is known, and read on, so that the pipe never fills."""
    assert driver.stdout is not None
    line, told = "it said nothing", False
    for line in driver.stdout:
        ready = _READY.search(line)
        if ready and not told:
            told = True
            print(ready[1], flush=True)
    if not told:
        print(line.strip(), flush=True)


def _remove(folder: Path) -> None:
    """Remove the folder; processes that are about to die may still write into it."""
    for _ in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


if __name__ == "__main__":
    main()
