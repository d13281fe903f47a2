"""What must be installed: the pages of the package `miniwob`, chromium and chromedriver."""

import importlib.metadata
import shutil
from functools import cache
from pathlib import Path

from agentevo.benchmarks.errors import BenchmarkError

# The same engine each; the first has no user interface, and takes half the memory.
_CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def version() -> str:
    """Return the installed version of miniwob.

    Raises:
        BenchmarkError: It is not installed.
    """
    try:
        return importlib.metadata.version("miniwob")
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError(
            "the package miniwob is not installed: pip install 'agentevo[miniwob]'"
        ) from None


@cache
def pages_folder() -> Path:
    """Return the package's folder `html`, found without an import: that would load gymnasium."""
    version()
    return Path(str(importlib.metadata.distribution("miniwob").locate_file("miniwob/html")))


def programs() -> tuple[str, str]:
    """Return where chromium and chromedriver are.

    Raises:
        BenchmarkError: One of them is not installed.
    """
    chromium = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing = "chromedriver" if chromium else "chromium"
        raise BenchmarkError(
            f"the program {missing} is not on the PATH: apt-get install chromium chromium-driver"
        )
    return chromium, driver
