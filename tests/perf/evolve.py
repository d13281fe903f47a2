"""A whole evolution: the four arms on the test split, its time, and its peak memory."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
from conditions import write

from agentevo.folders import folder_of


def main() -> None:
    """Run `agentevo evolve` as a user would, and watch it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="small")
    parser.add_argument("--name", default=f"perf-{int(time.time())}")
    args, rest = parser.parse_known_args()
    command = [sys.executable, "-m", "agentevo", "evolve", "--budget", args.budget]
    began, peak = time.monotonic(), 0
    child = subprocess.Popen([*command, "--name", args.name, *rest])
    watched = psutil.Process(child.pid)
    while child.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(one.memory_info().rss for one in family))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.5)
    if child.returncode:
        raise SystemExit(child.returncode)
    seconds = time.monotonic() - began
    report = json.loads((Path(folder_of(args.name)) / "report.json").read_text())
    print(f"{seconds / 60:.1f} minutes, peak {peak / 2**30:.2f} GB")
    write(
        f"evolve-{args.budget}",
        {
            "minutes": seconds / 60,
            "peak_gb": peak / 2**30,
            "arms": report["arms"],
            "curve": report["curve"],
            "lessons": [[one["text"], one["status"]] for one in report["lessons"]["shown"]],
            "verdicts": [
                [one["generation"], one["kind"], one["verdict"], one["evidence"]["reason"]]
                for one in report["verdicts"]
            ],
        },
    )


if __name__ == "__main__":
    main()
