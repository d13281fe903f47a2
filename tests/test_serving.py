"""A run served over MCP: what it learned is found, shown, added to; its agent answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool, ToolException

from agentevo import evolve
from agentevo.run import Run
from agentevo.tools import Toolbox

pytest.importorskip("mcp")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

WORLDS = Path(__file__).parent / "worlds.py"


@pytest.fixture(scope="module")
def run_id() -> str:
    run = evolve(
        benchmark=f"{WORLDS}:boxes", backbone=f"{WORLDS}:scripted", recipe="memory-only",
        name="served", n_generations=1, evaluation={"n_test_per_level": 0},
    )  # fmt: skip
    run.close()
    return run.id


@pytest.fixture
def served(run_id: str, tmp_path: Path) -> Iterator[dict[str, BaseTool]]:
    variables = {"AGENTEVO_HOME": "${AGENTEVO_HOME}", "PYTHONPATH": str(WORLDS.parents[1])}
    row = {
        "command": sys.executable, "args": ["-m", "agentevo", "mcp", run_id], "env": variables,
    }  # fmt: skip
    (tmp_path / "servers.json").write_text(json.dumps({"mcpServers": {"agentevo": row}}))
    box = Toolbox([f"mcp:{tmp_path}/servers.json"])
    yield {one.name.removeprefix("agentevo__"): one for one in box.tools}
    box.close()


def told(tool: BaseTool, **arguments: Any) -> Any:
    """Return what a tool tells: one object, or the objects that stand one after the other."""
    text, found = tool.invoke(arguments), []
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        one, end = decoder.raw_decode(text, at)
        found.append(one)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def test_a_run_is_served_to_any_client(served: dict[str, BaseTool], run_id: str) -> None:
    assert served.keys() == {"memory_search", "memory_show", "memory_add", "solve"}
    (found,) = told(served["memory_search"], situation="standing before a box")
    assert (found["advice"], found["status"]) == ("use the button, not the lever", "active")
    (shown,) = told(served["memory_show"], lesson=found["id"][:6])
    assert shown["provenance"][0]["trajectories"]
    assert shown["history"][0]["event"] == "insert"
    (answer,) = told(
        served["solve"], question="Get the thing out of the box with a lever and a button."
    )
    assert answer["answer"] == "push button"
    assert answer["lessons"] == ["When you face a box: use the button, not the lever"]
    (added,) = told(served["memory_add"], situation="you see a door", advice="knock first")
    assert (added["status"], added["outcome"]) == ("pending", "inserted")
    (still,) = told(served["memory_search"], situation="you see a door")
    assert still["id"] == found["id"], "what is pending is not found"
    with Run.open(run_id) as run:
        assert run.incumbent().memory_version == shown["history"][-1]["version"]
    with pytest.raises(ToolException, match="0 lessons begin with 'nothing'"):
        served["memory_show"].invoke({"lesson": "nothing"})
