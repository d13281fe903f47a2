"""`agentevo tools`: called by hand, bounded, and learned from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentevo import evolve
from agentevo.experience import ToolUse
from agentevo.run import Run

from .conftest import BOXES, CLI, Result

SUM = '{"expression": "2+2"}'


def refused(done: Result, *words: str) -> None:
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("agentevo: ")
    for word in words:
        assert word in line


def test_a_misspelt_tool_in_a_limit_or_an_approval_is_refused(cli_here: CLI) -> None:
    for key in ("limits", "approval"):
        value = "1" if key == "limits" else '"deny"'
        done = cli_here(
            "tools", "call", "calculator", SUM, "--set", f"toolbox.{key}={{calculater={value}}}"
        )
        refused(done, f"toolbox.{key}", "'calculater'", "did you mean 'calculator'")
        done = cli_here(
            "evaluate", "--backbone", BOXES[3], *BOXES[:2], "--quiet",
            "--set", f"toolbox.{key}={{calculater={value}}}",
            "--set", "agent.tools=['calculator']",
        )  # fmt: skip
        refused(done, f"toolbox.{key}", "'calculater'", "did you mean 'calculator'")


def test_without_a_terminal_there_is_nobody_to_ask(cli: CLI) -> None:
    done = cli("tools", "call", "calculator", SUM, "--set", 'toolbox.approval={"calc*"="ask"}')
    assert done.returncode == 1
    assert done.stdout == (
        "calculator was not called: a person has to allow it, and there is nobody to ask.\n"
    )


def test_a_folder_that_is_not_there_is_refused(cli_here: CLI, place: Path) -> None:
    refused(cli_here("tools", "show", "files:nowhere"), "there is no folder nowhere")
    assert not (place / "nowhere").exists()


@pytest.fixture
def called(place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run whose tools failed in acquisition, at the gate and in a question."""
    monkeypatch.setenv("AGENTEVO_HOME", str(place / "home"))
    run = evolve(
        benchmark=BOXES[1], backbone=BOXES[3], recipe="memory-only", name="called",
        n_generations=1, evaluation={"n_test_per_level": 0},
    )  # fmt: skip
    run.close()
    with Run.open("called", write=True) as opened:
        one = next(opened.ledger.episodes("called", purpose="acquisition"))
        purposes: list[Any] = ["acquisition", "gate", "solve", "evaluation", "report"]
        for purpose in purposes:
            use = ToolUse(purpose, 0.1, f"{purpose} failed: it is shut")
            steps = (replace(one.steps[0], uses=(use,)), *one.steps[1:])
            opened.ledger.add_episode(
                "called",
                replace(one, id=f"{purpose}-with-tools", purpose=purpose, attempt=7, steps=steps),
            )
    return "called"


def test_lessons_on_tools_come_of_acquisition_alone(cli_here: CLI, called: str) -> None:
    done = cli_here("tools", "notes", called, "--learn", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    names = {row["name"] for row in told["tools"]}
    assert names == {"acquisition", "gate", "solve", "evaluation", "report"}, "all are told of"
    (learned,) = told["learned"]
    assert "tool acquisition" in learned["text"]
