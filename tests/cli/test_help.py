"""What the command line says of itself, and what that costs."""

import importlib
import subprocess
import sys

import pytest

from agentevo.mending import USER_ERRORS

from .conftest import CLI

HEAVY = ("torch", "langgraph", "chromadb", "sqlalchemy", "transformers", "numpy", "scipy")
LOOK = f"""
import sys
from agentevo.cli import main
sys.argv = ["agentevo", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("HEAVY", [name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize("arguments", [["--help"], ["evolve", "--help"], ["memory", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *arguments], capture_output=True, text=True, check=True
    )
    assert "Usage:" in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_help_names_every_command(cli: CLI) -> None:
    text = cli("--help").stdout
    for command in ("evolve", "evaluate", "memory", "runs", "gate", "benchmarks", "recipes"):
        assert f" {command} " in text


def test_the_version_is_told(cli: CLI) -> None:
    assert cli("--version").stdout.startswith("agentevo 0.")


@pytest.mark.parametrize("arguments", [["frobnicate"], ["evolve", "--levles", "1"], ["runs", "x"]])
def test_unknown_commands_and_options_are_usage_errors(cli: CLI, arguments: list[str]) -> None:
    done = cli(*arguments)
    assert done.returncode == 2
    assert "No such" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("name", USER_ERRORS)
def test_every_error_of_the_list_exists_under_its_name(name: str) -> None:
    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert issubclass(found, Exception)
    assert f"{found.__module__}:{found.__name__}" == name


def test_every_error_that_a_user_can_mend_is_in_the_list() -> None:
    from agentevo import backbones, benchmarks, config, folders, ledger, memory, tools
    from agentevo.evaluation import gate
    from agentevo.mending import line_of

    for kind in (
        *(backbones.BackboneError, benchmarks.BenchmarkError, config.ConfigError),
        *(ledger.LedgerError, memory.LessonNotFoundError, folders.RunError, tools.ToolError),
        gate.GateError,
    ):
        assert line_of(kind("one\n line")) == "one line"
    assert line_of(ValueError("a bug")) is None
