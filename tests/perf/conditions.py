"""The conditions under which a figure was made, and where it is written."""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def conditions() -> dict[str, Any]:
    """Return what the machine and the software are."""
    from importlib.metadata import version

    names = ("torch", "transformers", "langgraph", "chromadb", "textworld", "trl", "peft")
    return {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in names},
    }


def write(name: str, figures: dict[str, Any]) -> Path:
    """Write figures with their conditions."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"conditions": conditions(), **figures}, indent=1) + "\n")
    print(f"written to {path}")
    return path
