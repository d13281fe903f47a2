"""What README shows is run: its files, its tool, and its commands' names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentevo import benchmarks
from agentevo.acquisition.demand import Demand
from agentevo.acquisition.tasks import chooser
from agentevo.api import check_strategies, settle
from agentevo.tools import Toolbox
from tests.conftest import WORLDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shown(name: str) -> str:
    """Return a file as README shows it: its first line names it, or the line above it does."""
    own = re.escape(name)
    named = rf"(?:```\w+\n# {own}\n|`{own}`:\n\n```\w+\n)(.*?)```"
    found = re.search(named, README, re.DOTALL)
    assert found, f"README shows no {name}"
    return found[1]


def test_the_benchmark_of_ones_own_keeps_its_promises_and_is_short(tmp_path: Path) -> None:
    text = shown("my_tasks.py")
    assert len(text.strip().splitlines()) <= 20
    (tmp_path / "my_tasks.py").write_text(text)
    found = benchmarks.load(f"{tmp_path}/my_tasks.py:Shop")
    assert [one for one in benchmarks.check(found, 3) if not one.ok] == []
    task = found.tasks("train", 1)[0]
    environment = found.open(task)
    wanted = environment.reset().text.rpartition(" ")[2].rstrip(".")
    assert environment.step(f"sell {wanted}").success


def test_the_file_of_questions_keeps_its_promises(tmp_path: Path) -> None:
    rows = shown("questions.jsonl").strip()
    many = "\n".join(
        re.sub(r'"question": "', f'"question": "{i}: ', row)
        for i in range(10)
        for row in rows.splitlines()
    )
    (tmp_path / "questions.jsonl").write_text(many)
    found = benchmarks.load(f"jsonl:{tmp_path}/questions.jsonl")
    assert [one for one in benchmarks.check(found) if not one.ok] == []


def test_the_tool_is_one(tmp_path: Path) -> None:
    (tmp_path / "my_tools.py").write_text(shown("my_tools.py"))
    (tool,) = Toolbox([f"{tmp_path}/my_tools.py:stock"]).tools
    assert tool.invoke({"item": "kettle"}) == 7


def test_the_recipe_of_ones_own_runs_with_its_strategy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("my_strategies.py", "my_recipe.toml"):
        (tmp_path / name).write_text(shown(name))
    monkeypatch.chdir(tmp_path)
    config = settle({"recipe": "my_recipe.toml", "benchmark": f"{WORLDS}:boxes"})
    choose = chooser(config.acquisition.tasks)
    tasks = choose(Demand(benchmarks.load(config.benchmark), 3, 1, (1, 2)))
    assert [task.difficulty for task in tasks] == [2] * 6
    check_strategies(config, benchmarks.load(config.benchmark))


def test_every_command_that_it_names_is_there() -> None:
    blocks = "\n".join(part for i, part in enumerate(README.split("```")) if i % 2)
    commands = set(re.findall(r"^(?:\.venv/bin/)?agentevo ([a-z]+)", blocks, re.MULTILINE))
    assert len(commands) > 8
    said = subprocess.run(
        [sys.executable, "-m", "agentevo", "--help"], capture_output=True, text=True, check=True,
        cwd=ROOT,
    ).stdout  # fmt: skip
    assert [one for one in sorted(commands) if not re.search(rf"\b{one}\b", said)] == []


@pytest.mark.parametrize("name", sorted(benchmarks.names()))
def test_every_benchmark_stands_in_the_table(name: str) -> None:
    assert f"`{name}" in README
