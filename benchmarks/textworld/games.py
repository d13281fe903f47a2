"""The cache of generated games, and the processes that fill it.

A game is two files named after a hash of all that shapes it: `.z8`, what the interpreter plays,
and `.json`, what TextWorld knows about it. The `.z8` is moved into place last: where it stands,
the game is whole.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue

from filelock import FileLock

from agentevo.benchmarks.benchmark import Progress
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import JSON
from agentevo.benchmarks.textworld.engine import version
from agentevo.benchmarks.textworld.generate import clear_leftovers
from agentevo.benchmarks.textworld.rules import ORIGINAL, Rules

_WORKER = Path(__file__).with_name("generate.py")


@dataclass(frozen=True)
class Spec:
    """All that shapes one game."""

    challenge: str
    settings: Mapping[str, JSON]
    seed: int
    objective: str | None
    rules: Rules = ORIGINAL

    @property
    def path(self) -> Path:
        """Where the compiled game stands, or will."""
        shape = [self.challenge, dict(self.settings), self.seed, self.objective, version()]
        if self.rules != ORIGINAL:
            shape += [self.rules.name, dict(self.rules.words)]
        digest = sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
        return cache_folder() / f"{digest[:32]}.z8"

    def __str__(self) -> str:
        """Name the game as a user would ask for it again."""
        rules = "" if self.rules == ORIGINAL else f" by {self.rules.name} rules"
        return f"{self.challenge} {json.dumps(dict(self.settings))} with seed {self.seed}{rules}"


def cache_folder() -> Path:
    """Return `$AGENTEVO_HOME/games`, by default `~/.agentevo/games`."""
    home = os.environ.get("AGENTEVO_HOME") or "~/.agentevo"
    return Path(home).expanduser().absolute() / "games"


def ensure(specs: Sequence[Spec], *, progress: Progress | None = None, workers: int = 1) -> None:
    """Make the games that are not there yet.

    Args:
        specs: The games; doubles are made once.
        progress: Called in this thread, first with what is there already.
        workers: How many processes generate at once; each takes about 150 MB.

    Raises:
        BenchmarkError: The generator failed on a game, which the message names. The games made
            until then are kept.
    """
    wanted = {spec.path: spec for spec in specs}
    missing = [spec for path, spec in wanted.items() if not path.is_file()]
    report = progress or (lambda ready, total: None)
    report(len(wanted) - len(missing), len(wanted))
    if not missing:
        return
    (cache_folder() / ".locks").mkdir(parents=True, exist_ok=True)
    n_workers = max(1, min(workers, len(missing)))
    idle: SimpleQueue[_Worker] = SimpleQueue()
    with ExitStack() as pipes, ThreadPoolExecutor(n_workers) as threads:
        pool = [pipes.enter_context(closing(_Worker())) for _ in range(n_workers)]
        for worker in pool:
            idle.put(worker)
        futures: list[Future[None]] = [threads.submit(_make, spec, idle) for spec in missing]
        try:
            for n_made, future in enumerate(as_completed(futures), start=1):
                future.result()
                report(len(wanted) - len(missing) + n_made, len(wanted))
        finally:  # Ctrl-C and failures too: no thread may be left waiting for its worker
            for future in futures:
                future.cancel()
            for worker in pool:
                worker.kill()


def _make(spec: Spec, idle: "SimpleQueue[_Worker]") -> None:
    """Make one game, unless another process does so at this moment."""
    path = spec.path
    with FileLock(path.parent / ".locks" / f"{path.stem[:2]}.lock"):
        if path.is_file():
            return
        worker = idle.get()
        try:
            error = worker.make(spec)
        finally:
            idle.put(worker)
            clear_leftovers(path)  # of a worker that was killed
    if error is not None:
        raise BenchmarkError(f"TextWorld could not generate {spec}: {error}")


class _Worker:
    """A process that runs generate.py.

    Not multiprocessing, which would import the caller's main module again, nor threads: the
    generator keeps its state in module globals. It has a session of its own, so that Ctrl-C
    reaches only the parent, which then ends it.
    """

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            # The generator writes sets out: without a fixed hash seed, in another order each time.
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
            start_new_session=True,
            text=True,
        )

    def make(self, spec: Spec) -> str | None:
        """Make one game and return what went wrong, if anything did."""
        request = {
            "challenge": spec.challenge,
            "settings": dict(spec.settings),
            "seed": spec.seed,
            "objective": spec.objective,
            "words": dict(spec.rules.words),
            "path": str(spec.path),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            return f"its process ended with status {self._process.wait()}: {self._last_words()}"
        error: str | None = json.loads(answer)["error"]
        return error

    def kill(self) -> None:
        """End the process and the compilers it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Close what connects to the process, which has ended."""
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
