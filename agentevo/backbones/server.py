"""A vLLM server of our own: a child process that is waited for, and ended with us.

vLLM lives in an environment of its own, since its versions are its own; only its program is called.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from agentevo.backbones.backbone import BackboneError

START_S = 900.0
"""For which a model may load."""
TELL_EVERY_S = 15.0
ON_CPU = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}
CPU_ARGUMENTS = ("--dtype", "float32", "--enforce-eager", "--no-enable-chunked-prefill")
"""vLLM 0.32 dies on a CPU where it samples, with a seed, from a prompt that it read in chunks."""
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_CAUSE = re.compile(r"\w+(?:Error|Exception): .*")
_HARMLESS = re.compile(r"\b(INFO|WARNING)\b")

logger = logging.getLogger(__name__)


class Server:
    """A vLLM server on a free port of the loopback.

    Args:
        model: a folder, or a name that vLLM finds without the network.
        python: of the environment that has vLLM; empty: this one.
        arguments: for vLLM, besides ours.
        rank: of the largest adapter that is to be loaded.

    Raises:
        BackboneError: it does not start, with its last words and where its log is.
    """

    def __init__(
        self, model: str, *, python: str = "", arguments: tuple[str, ...] = (), rank: int = 16
    ) -> None:
        """Start it, and wait until it answers."""
        import torch

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        on_cpu = not torch.cuda.is_available()
        self.log = Path(tempfile.mkstemp(prefix="vllm-", suffix=".log")[1])
        command = [
            python or sys.executable, "-m", "vllm.entrypoints.openai.api_server",
            "--model", model, "--host", "127.0.0.1", "--port", str(port),
            "--enable-lora", "--max-lora-rank", str(rank),
            *(CPU_ARGUMENTS if on_cpu else ()), *arguments,
        ]  # fmt: skip
        environment = os.environ | {
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
            **(ON_CPU if on_cpu else {}),
        }
        environment.pop("PYTHONPATH", None)  # ours is of another environment
        self._process = self._started(command, environment)
        atexit.register(self.stop)
        try:
            self._wait(model)
        except BaseException:
            self.stop()
            raise

    def _started(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start a process from a thread that lives as long: "with its parent" means that thread."""
        ready: Future[subprocess.Popen[bytes]] = Future()

        def run() -> None:
            try:
                with self.log.open("w") as log:
                    process = subprocess.Popen(
                        command, env=environment, stdout=log, stderr=subprocess.STDOUT,
                        stdin=subprocess.DEVNULL, start_new_session=True,
                        preexec_fn=_dies_with_us(),
                    )  # fmt: skip
            except OSError as error:
                ready.set_exception(BackboneError(f"vLLM cannot be started: {error}"))
                return
            ready.set_result(process)
            process.wait()

        threading.Thread(target=run, daemon=True).start()
        return ready.result()

    def _wait(self, model: str) -> None:
        """Wait until the server is healthy; say now and then that it is still loading."""
        began = told = time.monotonic()
        health = self.url.removesuffix("/v1") + "/health"
        while True:
            if self._process.poll() is not None:
                raise BackboneError(f"vLLM ended while it loaded {model}: {self._cause()}")
            try:
                with urllib.request.urlopen(health, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                pass
            now = time.monotonic()
            if now - began > START_S:
                raise BackboneError(f"vLLM did not load {model} in {START_S:.0f} s: see {self.log}")
            if now - told > TELL_EVERY_S:
                told = now
                logger.warning("vLLM loads %s: %.0f s so far", model, now - began)
            time.sleep(0.5)

    def ended(self) -> str:
        """Return why it runs no more, as its log tells; empty: it runs."""
        return "" if self._process.poll() is None else self._cause()

    def _cause(self) -> str:
        """Return the first error that the log tells of; those after it are what came of that."""
        lines = [one.strip() for one in self.log.read_text(errors="replace").splitlines()]
        errors = (_CAUSE.search(one) for one in lines if not _HARMLESS.search(one))
        causes = [one[0] for one in errors if one] or [one for one in lines if one][-1:]
        return f"{causes[0][:300] if causes else 'it said nothing'} (its log: {self.log})"

    def stop(self) -> None:
        """End the server and all its children. May be called again."""
        atexit.unregister(self.stop)
        if self._process.poll() is None:
            for how, wait_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
                try:
                    os.killpg(self._process.pid, how)
                    self._process.wait(wait_s)
                    break
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def _dies_with_us() -> Callable[[], None] | None:
    """Return what a child does first, so that it ends also where we are killed; Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def first() -> None:
        libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM)

    return first
