"""The house: its links, its floors, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "langgraph", "chromadb", "sentence_transformers", "textworld")


@pytest.mark.parametrize("name", ["memory", "tools", "benchmarks"])
def test_the_side_folders_are_linked_into_the_package(name: str) -> None:
    link = ROOT / "agentevo" / name
    assert link.is_symlink()
    assert link.resolve() == ROOT / name


def test_every_package_is_named_in_the_build() -> None:
    import tomllib

    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for folder in ("agentevo", "memory", "tools", "benchmarks")
        for path in (ROOT / folder).rglob("__init__.py")
    }
    found = {n if n.startswith("agentevo") else f"agentevo.{n}" for n in found}
    assert set(named) == found


def test_no_import_runs_back_up() -> None:
    import shutil

    tool = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name",
    ["agentevo", "agentevo.memory", "agentevo.benchmarks", "agentevo.config", "agentevo.cli"],
)
def test_importing_brings_nothing_heavy(name: str) -> None:
    code = f"import sys, {name}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
