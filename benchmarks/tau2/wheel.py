"""The one door to the package inspect_evals, whose wheel carries tau2-bench.

tau2-bench: Barres et al., 2025, arXiv:2506.07982. Data files are read without importing anything.
The tools are the wheel's own functions, so that their rules, words and errors are tau2's;
importing them takes 3 s of a core, once per process.
"""

import gzip
import importlib
import importlib.metadata
import importlib.util
import json
import threading
import tomllib
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from agentevo.benchmarks.errors import BenchmarkError

_PACKAGE = "inspect_evals"
_INSTALL = "pip install 'agentevo[tau2]'"
_importing = threading.Lock()


def version() -> str:
    """Return the installed version of inspect_evals.

    Raises:
        BenchmarkError: It is not installed.
    """
    try:
        return importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError(f"the package {_PACKAGE} is not installed: {_INSTALL}") from None


def path(name: str) -> Path:
    """Return where a file of tau2's domains stands, e.g. `airline/policy.txt`.

    Raises:
        BenchmarkError: The package is not installed, or has no such file.
    """
    version()
    spec = importlib.util.find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or [""]
    found = Path(folders[0]) / "tau2" / "data" / "domains" / name
    if not found.is_file():
        raise BenchmarkError(f"{_PACKAGE} {version()} has no tau2 file {name}: {_INSTALL}")
    return found


@cache
def read(name: str) -> Any:
    """Return what a file holds: text, or the values of JSON (also gzipped) and TOML.

    It is shared: nobody may change it.
    """
    content = path(name).read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    if name.endswith(".txt"):
        return text
    return tomllib.loads(text) if name.endswith(".toml") else json.loads(text)


@cache
def load(name: str) -> Any:
    """Return what `module:name` means; modules are named below inspect_evals.tau2.

    Raises:
        BenchmarkError: It cannot be imported.
    """
    module, _, attribute = name.partition(":")
    full = module if module.startswith("inspect_ai.") else f"{_PACKAGE}.tau2.{module}"
    with _importing, warnings.catch_warnings():  # which is not made for threads
        warnings.simplefilter("ignore")  # pydantic's, of old ways in inspect_ai
        try:
            return getattr(importlib.import_module(full), attribute)
        except (ImportError, AttributeError) as error:
            raise BenchmarkError(f"{full} cannot be used ({error}): {_INSTALL}") from error
