"""Files of rows: where they are, and what they hold. JSON lines, JSON, CSV, gzipped or not."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agentevo.benchmarks.errors import BenchmarkError

Record = Mapping[str, Any]

ENDINGS = (".jsonl", ".json", ".csv")


def records(path: Path) -> list[Record]:
    """Return the rows of a file.

    Raises:
        BenchmarkError: it cannot be read, or a line of it says nothing.
    """
    try:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        decoded = text.decode("utf-8")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise BenchmarkError(f"{path} cannot be read: {error}") from None
    name = path.name.removesuffix(".gz")
    if name.endswith(".csv"):
        csv.field_size_limit(10**8)
        return list(csv.DictReader(io.StringIO(decoded)))
    if name.endswith(".json"):
        try:
            found = json.loads(decoded)
        except ValueError as error:
            raise BenchmarkError(f"{path} is no JSON: {error}") from None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise BenchmarkError(f"{path} is no list of objects")
        return found
    rows: list[Record] = []
    for number, line in enumerate(decoded.splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BenchmarkError(f"{path}, line {number} is no JSON: {error}") from None
            if not isinstance(row, dict):
                raise BenchmarkError(f"{path}, line {number} is no object")
            rows.append(row)
    return rows


def files_in(place: str, names: Iterable[str]) -> dict[str, Path]:
    """Return the files of a folder whose names begin with one of `names`; a file is under "".

    Raises:
        BenchmarkError: there is nothing of the kind.
    """
    path = Path(place).expanduser()
    if path.is_file():
        return {"": path}
    if not path.is_dir():
        raise BenchmarkError(f"{place} is neither a file nor a folder")
    wanted = list(names)
    found: dict[str, Path] = {}
    for one in sorted(path.iterdir()):
        stem = one.name.removesuffix(".gz")
        if stem.endswith(ENDINGS):
            for name in wanted:
                if stem.lower().startswith(name):
                    found.setdefault(name, one)
    if not found:
        raise BenchmarkError(f"{place} has no file of {', '.join(wanted)} ({', '.join(ENDINGS)})")
    return found


def field_of(row: Record, *names: str, where: str) -> Any:
    """Return the first of some fields that a row has.

    Raises:
        BenchmarkError: it has none of them.
    """
    for name in names:
        if name in row and row[name] is not None:
            return row[name]
    there = ", ".join(map(str, row)) or "nothing"
    raise BenchmarkError(f"{where} has no field {' or '.join(names)} (it has: {there})")


HUB = "hub"
"""Stands for Hugging Face where a folder is asked for: nothing is downloaded unasked."""


def from_hub(
    name: str, path: str, dataset: str, config: str | None, splits: Iterable[str]
) -> dict[str, Any]:
    """Return the rows of a data set of Hugging Face's, by split, from its cache or the network.

    Args:
        name: of the benchmark.
        path: that was given for it; anything but `HUB` is refused.
        dataset: its name there.
        config: of the data set; None: it has one.
        splits: that are wanted.

    Raises:
        BenchmarkError: it was not asked for, or cannot be had.
    """
    if path != HUB:
        raise BenchmarkError(
            f"{name} wants files: write {name}:FOLDER, where they are, or {name}:{HUB} for Hugging "
            f"Face's {dataset}"
        )
    from datasets import load_dataset

    try:
        return {split: list(load_dataset(dataset, config, split=split)) for split in splits}
    except Exception as error:  # of many kinds: no network, no such set, no room
        why = " ".join(str(error).split())[:200]
        raise BenchmarkError(
            f"{name}: Hugging Face's {dataset} cannot be had ({type(error).__name__}: {why}; "
            "HF_HUB_OFFLINE=0 lets it be downloaded)"
        ) from None
