"""MCP servers end with whoever started them, and begin where their file says."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from agentevo.tools import Toolbox, ToolError
from agentevo.tools import mcp as module

pytest.importorskip("mcp")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

SERVER = str(Path(__file__).with_name("mcp_server.py"))
STUBBORN: dict[str, Any] = {"command": sys.executable, "args": [SERVER, "stubborn"]}
SILENT: dict[str, Any] = {"command": sys.executable, "args": ["-c", "import time; time.sleep(600)"]}

OPENS = """
import sys, time
from agentevo.tools import Toolbox

box = Toolbox([sys.argv[1]])
(family,) = [one for one in box.tools if one.name == "a__family"]
print(family.invoke({}), flush=True)
time.sleep(600)
"""


def written(folder: Path, **servers: Any) -> str:
    (folder / "servers.json").write_text(json.dumps({"mcpServers": servers}))
    return f"mcp:{folder}/servers.json"


def gone(pids: list[int], within_s: float = 20) -> bool:
    """Whether processes end within a time; those that do not are ended."""
    there = [psutil.Process(one) for one in pids if psutil.pid_exists(one)]
    _, left = psutil.wait_procs(there, timeout=within_s)
    left = [one for one in left if one.status() != psutil.STATUS_ZOMBIE]
    for one in left:
        one.kill()
    return not left


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process that has opened a stubborn server, and the server's processes."""
    command = [sys.executable, "-c", OPENS, written(tmp_path, a=STUBBORN)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, [int(one) for one in process.stdout.readline().split()]
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_server_ends_with_whoever_started_it(
    opener: tuple[subprocess.Popen[str], list[int]], how: signal.Signals
) -> None:
    process, pids = opener
    assert len(pids) == 2
    process.send_signal(how)
    process.wait(20)
    assert gone(pids), "the server, and what it began"


@pytest.mark.parametrize("kind", ["parent", "stubborn"])
def test_what_a_server_began_ends_with_it(tmp_path: Path, kind: str) -> None:
    box = Toolbox([written(tmp_path, a=STUBBORN | {"args": [SERVER, kind]})])
    (family,) = [one for one in box.tools if one.name == "a__family"]
    pids = [int(one) for one in family.invoke({}).split()]
    box.close()
    assert len(pids) == 2
    assert gone(pids, 2)


@pytest.mark.parametrize("command", ["call", "show"])
def test_ctrl_c_ends_a_server_that_never_answers(tmp_path: Path, command: str) -> None:
    asked = [sys.executable, "-m", "agentevo", "tools", command, written(tmp_path, a=SILENT)]
    with subprocess.Popen(asked, stderr=subprocess.PIPE, text=True) as process:
        us, below = psutil.Process(process.pid), list[psutil.Process]()
        for _ in range(600):
            below = us.children(recursive=True)
            if any("time.sleep(600)" in " ".join(one.cmdline()[:3]) for one in below):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "never retrieved" not in said
    assert below
    assert gone([one.pid for one in below])


def test_a_server_that_never_answers_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "START_S", 1.0)
    before = set(psutil.Process().children(recursive=True))
    with caplog.at_level(logging.DEBUG), pytest.raises(ToolError, match="no answer within 1 s"):
        Toolbox([written(tmp_path, a=SILENT)])
    gc.collect()
    assert not [one for one in caplog.messages if "never retrieved" in one or "destroyed" in one]
    assert gone([one.pid for one in set(psutil.Process().children(recursive=True)) - before], 0.5)


def test_relative_paths_are_meant_from_the_folder_of_the_file_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home := tmp_path / "home").mkdir()
    (home / "below").mkdir()
    (home / "own_server.py").symlink_to(SERVER)
    (start := home / "start.sh").write_text(f"#!/bin/sh\nexec {sys.executable} own_server.py\n")
    start.chmod(0o755)
    asked = written(
        home, a={"command": sys.executable, "args": ["own_server.py"]},
        b={"command": "./start.sh"},
        c={"command": sys.executable, "args": ["../own_server.py"], "cwd": "below"},
        d={"command": sys.executable, "args": [SERVER], "cwd": str(tmp_path)},
    )  # fmt: skip
    monkeypatch.chdir(home.parent)
    box = Toolbox([f"mcp:{os.path.relpath(asked.removeprefix('mcp:'))}"])
    try:
        told = {one.name: one.invoke({}) for one in box.tools if one.name.endswith("__folder")}
    finally:
        box.close()
    assert told == {
        "a__folder": str(home), "b__folder": str(home), "c__folder": str(home / "below"),
        "d__folder": str(tmp_path),
    }  # fmt: skip
