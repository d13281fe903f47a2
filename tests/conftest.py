"""What all tests share: a home of their own, and a tiny model of the seed's kind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: the workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started here can be stopped

WORLDS = Path(__file__).parent / "worlds.py"


@pytest.fixture(autouse=True, scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep whatever is written by default out of the user's home."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTEVO_HOME", str(folder))
        patch.setenv("LANGSMITH_TRACING", "false")
        yield folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a random model of the seed's kind, with its tokenizer."""
    from agentevo.backbones.seed.plan import Plan
    from agentevo.backbones.seed.pretrain import new_model
    from agentevo.backbones.seed.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = train_tokenizer(60, 700)
    tokenizer.save_pretrained(folder)
    model = new_model(Plan(n_dim=32, n_layers=2, n_heads=2), tokenizer)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Run a Chroma server, and return its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(tmp_path / "s")]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()
