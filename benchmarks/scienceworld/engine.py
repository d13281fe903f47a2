"""The one door to the `scienceworld` package: its simulator in Java, one process per world.

ScienceWorld: Wang et al., 2022, arXiv:2203.07540. The package's own `ScienceWorldEnv` is not used:
it takes no heap limit, and lists all valid actions at every step. A process keeps global state, so
it runs one world at a time; when that world is given back, the next one gets the warm process.
"""

import importlib.metadata
import os
import shutil
import subprocess
import tempfile
import threading
import weakref
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentevo.benchmarks.errors import BenchmarkError

_TIMEOUT_S = 600.0  # of one call; the longest, a gold path of genetics, takes 20 s on a quiet core
_N_IDLE = 8  # processes kept for the next episodes; each holds up to the heap limit

JAVA_OPTIONS = (
    *("-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"),
    # The simulator keeps objects in sets that are in the order of Java's identity hashes, which are
    # random; all alike, they leave the order of insertion: the same actions have the same effects.
    *("-XX:+UnlockExperimentalVMOptions", "-XX:hashCode=2"),
)

_idle: list["World"] = []
_lending = threading.Lock()


@dataclass(frozen=True)
class State:
    """What the simulator says after one command."""

    text: str
    points: int
    """-100 to 100; below 0 the task has failed."""
    completed: bool


def version() -> str:
    """Return the installed version of scienceworld.

    Raises:
        BenchmarkError: It is not installed, or there is no Java.
    """
    try:
        found = importlib.metadata.version("scienceworld")
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError(
            "the package scienceworld is not installed: pip install 'agentevo[scienceworld]'"
        ) from None
    if shutil.which("java") is None:
        raise BenchmarkError(
            "scienceworld needs Java, and there is no `java` on the path: "
            "apt-get install default-jre-headless"
        )
    return found


def lend(heap_mb: int) -> "World":
    """Return a world of an idle process with that heap limit, or of a new one, which takes 2 s."""
    with _lending:
        _idle[:] = [world for world in _idle if world.usable]
        for world in reversed(_idle):
            if world.heap_mb == heap_mb:
                _idle.remove(world)
                return world
    return World(heap_mb)


def give_back(world: "World") -> None:
    """Keep the world's process for the next episode, or end it where it is broken or one too many.

    Processes that are kept end with this one, even where this one is killed.
    """
    with _lending:
        if world.usable and len(_idle) < _N_IDLE:
            _idle.append(world)
            return
    world.close()


class World:
    """One Java process, and the simulator in it."""

    def __init__(self, heap_mb: int) -> None:
        """Start the process.

        Raises:
            BenchmarkError: Java does not start.
        """
        version()
        from py4j.java_gateway import GatewayParameters, JavaGateway, find_jar_path
        from scienceworld.constants import JAR_PATH

        self.heap_mb = heap_mb
        self._answered = False
        held = ExitStack()
        self._end = weakref.finalize(self, held.close)
        self._log = held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  it is closed
        self._process = held.enter_context(
            subprocess.Popen(
                [
                    *("java", f"-Xmx{heap_mb}m", *JAVA_OPTIONS),
                    *("-classpath", os.pathsep.join((find_jar_path(), JAR_PATH))),
                    *("py4j.GatewayServer", "--die-on-broken-pipe", "--enable-auth", "0"),
                ],
                stdin=subprocess.PIPE,  # closed when this process ends, however it ends
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=Path(JAR_PATH).parent,
                start_new_session=True,  # Ctrl-C reaches only this process, which then ends it
            )
        )
        held.callback(self._process.kill)
        port = self._read()
        if not port.isdigit():
            raise self._failure(f"did not start ({port})")
        self._gateway = JavaGateway(
            gateway_parameters=GatewayParameters(
                port=int(port),
                auth_token=self._read(),
                enable_memory_management=False,  # no calls from Python's garbage collector
                read_timeout=_TIMEOUT_S,
            )
        )
        held.callback(self._gateway.close)
        java = self._gateway.jvm
        # The simulator prints hundreds of lines a step, into a pipe that nobody would empty.
        java.java.lang.System.setOut(java.java.io.PrintStream(os.devnull))
        self._simulator = java.scienceworld.runtime.pythonapi.PythonInterface()
        self._answered = True

    @property
    def usable(self) -> bool:
        """Whether the process lives and its last call came back."""
        return self._answered and self._process.poll() is None

    def load(self, name: str, variation: int, simplification: str) -> State:
        """Begin a task, or begin it again, with a first look around."""
        self._load(name, variation, simplification, with_gold=False)
        return self.step("look around")

    def description(self) -> str:
        """Return what the task that is loaded asks for."""
        return str(self._call("getTaskDescription"))

    def step(self, command: str) -> State:
        """Send one command."""
        text = str(self._call("step", command))
        points = round(100 * float(self._call("getScore")))  # as the package's own step does
        return State(text, points, completed=bool(self._call("getCompleted")))

    def gold(self, name: str, variation: int, simplification: str) -> list[str]:
        """Return the package's own way through a task, which need not win."""
        self._load(name, variation, simplification, with_gold=True)
        return [str(action) for action in self._call("getGoldActionSequence")]

    def close(self) -> None:
        """End the process; harmless when called twice."""
        self._answered = False
        self._end()

    def _load(self, name: str, variation: int, simplification: str, *, with_gold: bool) -> None:
        if refused := self._call("load", name, variation, simplification, with_gold):
            raise BenchmarkError(f"ScienceWorld cannot load {name} {variation}: {refused}")

    def _call(self, method: str, *values: object) -> Any:
        from py4j.protocol import Py4JError

        self._answered = False
        if self._process.poll() is not None:
            raise self._failure("ended")
        try:
            answer = getattr(self._simulator, method)(*values)
        except (Py4JError, OSError) as error:
            why = " ".join(str(error).splitlines()[:2])  # of a Java exception: without its trace
            raise self._failure(f"failed in {method!r} ({why})") from error
        self._answered = True
        return answer

    def _read(self) -> str:
        """Return the next line that the process writes."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode(errors="replace").strip()

    def _failure(self, what: str) -> BenchmarkError:
        """End the process and return an error with its last words."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)  # where it ends by itself, its status tells why
        self._process.kill()
        status = self._process.wait()
        self._log.seek(0)
        assert self._process.stdout is not None
        said = (self._log.read() + self._process.stdout.read()).decode(errors="replace")
        lines = [line for line in said.splitlines() if not line.startswith("Picked up ")]
        self.close()
        return BenchmarkError(
            f"the Java process of a ScienceWorld episode (heap_mb={self.heap_mb}) {what}; "
            f"status {status}: {lines[-1] if lines else 'it said nothing'}"
        )
