"""How long `agentevo --help` takes, beside a bare start of Python."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from conditions import write


def seconds(command: list[str], n: int = 15) -> float:
    """Return the median time of a command."""
    times = []
    for _ in range(n):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    helped = seconds([sys.executable, "-m", "agentevo", "--help"])
    bare = seconds([sys.executable, "-c", "pass"])
    print(f"agentevo --help {helped:.3f} s, python alone {bare:.3f} s")
    write("startup", {"help_s": helped, "python_s": bare})


if __name__ == "__main__":
    main()
