"""A server of our own, with a program in vLLM's place: how it is started, waited for and ended."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agentevo.backbones import load
from agentevo.backbones.backbone import BackboneError
from agentevo.backbones.server import Server
from agentevo.settings import EndpointSettings

ROOT = Path(__file__).parents[2]
PROGRAM = f"""#!{sys.executable}
import http.server, json, os, pathlib, sys, time

arguments = sys.argv[1:]
folder = pathlib.Path(__file__).parent
(folder / "pid").write_text(str(os.getpid()))
(folder / "arguments").write_text(" ".join(arguments))
if "broken" in arguments:
    sys.exit("ValueError: no such model")
began = time.monotonic()


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() - began > 0.5 else 503)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        models = [{{"id": "m", "object": "model", "created": 0, "owned_by": "us"}}]
        self.wfile.write(json.dumps({{"object": "list", "data": models}}).encode())

    def do_POST(self):
        print("WARNING: errors like OSError: too many files")
        print("(Worker) ERROR [file.py:7] ValueError: no offset")
        print("(Server) ERROR [file.py:8] RuntimeError: the worker is dead", flush=True)
        os._exit(1)

    def log_message(self, *_):
        pass


port = int(arguments[arguments.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "python"
    file.write_text(PROGRAM)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet buried does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    for _ in range(100):
        if not is_alive(pid):
            return True
        time.sleep(0.1)
    return False


def test_it_is_waited_for_and_ended(program: Path) -> None:
    server = Server("some/model", python=str(program), arguments=("--seed", "1"), rank=8)
    pid = int((program.parent / "pid").read_text())
    told = (program.parent / "arguments").read_text()
    assert "--model some/model" in told
    assert "--max-lora-rank 8" in told
    assert told.endswith("--seed 1")
    assert is_alive(pid)
    server.stop()
    server.stop()
    assert ends(pid)


def test_its_last_words_are_told(program: Path) -> None:
    with pytest.raises(BackboneError, match=r"ended while it loaded broken: ValueError: no such"):
        Server("broken", python=str(program))
    with pytest.raises(BackboneError, match="vLLM cannot be started"):
        Server("m", python=str(program.parent / "nothing"))


def test_one_that_dies_is_not_asked_again_and_its_log_tells_why(program: Path) -> None:
    settings = EndpointSettings(vllm_python=str(program), retry_s=60)
    served = load("vllm:m", settings=settings)
    chat = served.chat(episode="", temperature=0.0, max_tokens=5)
    began = time.monotonic()
    with pytest.raises(BackboneError, match=r"vllm:m ended: ValueError: no offset \(its log: /"):
        chat.invoke("Well?")
    assert time.monotonic() - began < 30
    served.close()


def test_it_outlives_the_thread_that_began_it(program: Path) -> None:
    begun: list[Server] = []
    thread = threading.Thread(target=lambda: begun.append(Server("m", python=str(program))))
    thread.start()
    thread.join()
    time.sleep(0.5)
    assert is_alive(int((program.parent / "pid").read_text()))
    begun[0].stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells children")
def test_it_ends_where_we_are_killed(program: Path) -> None:
    code = f"""
from agentevo.backbones.server import Server
server = Server("m", python={str(program)!r})
print("up", flush=True)
import time
time.sleep(60)
"""
    ours = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ours.stdout is not None
    assert ours.stdout.readline() == "up\n"
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    ours.stdout.close()
    assert ends(int((program.parent / "pid").read_text()))
