"""The sandboxes there are: bubblewrap, a container, a process with limits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from uuid import uuid4

from agentevo.sandbox.outcome import Limits, Outcome, Sandbox, SandboxError
from agentevo.sandbox.watch import NOBODY, watched

SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/lib32", "/sbin")
"""What programs need of the system, read-only."""
VARIABLES = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work", "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
IMAGE = "python:3.11-slim"
"""What containers are made of; it must be there already."""
START_S = 5  # that a container may take to begin
KILLED = 137  # its status where the kernel ended it: nobody within can end its first process


class Bubblewrap:
    """Linux namespaces by `bwrap`: nothing of the system but its programs, and those read-only."""

    name = "bubblewrap"
    lacks = ""

    def __init__(self) -> None:
        """Look whether it works here.

        Raises:
            SandboxError: it is not installed, or not allowed.
        """
        if (found := shutil.which("bwrap")) is None:
            raise SandboxError("bubblewrap is not installed (Debian: apt-get install bubblewrap)")
        self._bwrap, (self.python, self._prefix) = found, _python()
        tried = self.run(["true"], limits=Limits(seconds=20))
        if not tried.ok:
            raise SandboxError(f"bubblewrap is not allowed here: {tried.text}")

    def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, str] | None = None,
        stdin: str = "",
        limits: Limits | None = None,
    ) -> Outcome:
        """Run a program; see `Sandbox.run`."""
        limits = limits or Limits()
        size = str(limits.memory_mb * 2**20)
        arguments = [
            "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
            "--hostname", "sandbox", "--proc", "/proc", "--dev", "/dev",
            "--size", size, "--tmpfs", "/tmp", "--size", size, "--tmpfs", "/work",
        ]  # fmt: skip
        for path in map(Path, SYSTEM):
            if path.is_symlink():
                arguments += ["--symlink", str(path.readlink()), str(path)]
            elif path.is_dir():
                arguments += ["--ro-bind", str(path), str(path)]
        if self._prefix and not self._prefix.startswith("/usr"):
            arguments += ["--ro-bind", self._prefix, self._prefix]
        with ExitStack() as stack:
            fds = []
            for name, text in (files or {}).items():
                held = stack.enter_context(tempfile.TemporaryFile())
                held.write(text.encode())
                held.seek(0)
                fds.append(held.fileno())
                arguments += ["--file", str(held.fileno()), f"/work/{_inside(name)}"]
            arguments += ["--chdir", "/work", "--"]
            if shutil.which("prlimit"):  # counted within the namespace; what watches is slower
                arguments += ["prlimit", f"--nproc={limits.n_processes}", "--"]
            arguments += command
            return watched(
                [self._bwrap, *arguments], stdin=stdin, limits=limits, n_own=2,
                environment=VARIABLES, fds=fds,
            )  # fmt: skip


class Container:
    """A container by podman or docker, without network, from an image that is there already."""

    name = "container"
    lacks = ""
    python = "python3"

    def __init__(self, image: str = IMAGE) -> None:
        """Look for a runtime that has the image.

        Raises:
            SandboxError: there is none.
        """
        self._image = image
        for runtime in ("podman", "docker"):
            if found := shutil.which(runtime):
                has_image = [found, "image", "inspect", image]
                if subprocess.run(has_image, capture_output=True, check=False).returncode == 0:
                    self._runtime = found
                    return
        raise SandboxError(f"there is no podman or docker that has the image {image}")

    def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, str] | None = None,
        stdin: str = "",
        limits: Limits | None = None,
    ) -> Outcome:
        """Run a program; see `Sandbox.run`."""
        limits = limits or Limits()
        size, name = f"{limits.memory_mb}m", f"agentevo-{uuid4().hex}"
        with tempfile.TemporaryDirectory() as outside:
            given = Path(outside) / "given"
            given.mkdir()
            _write(given, files or {})
            arguments = [
                "run", "--rm", "--name", name, "--interactive", "--network", "none", "--read-only",
                "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "65534",
                "--memory", size, "--memory-swap", size, "--pids-limit", str(limits.n_processes),
                "--tmpfs", f"/work:size={size},mode=1777", "--tmpfs", f"/tmp:size={size}",
                "--volume", f"{given}:/given:ro", "--workdir", "/work", self._image,
                "sh", "-c", 'cp -r /given/. /work && exec "$@"', "sh", *command,
            ]  # fmt: skip
            # the runtime's own processes do not count: the container has limits of its own
            outer = Limits(limits.seconds + START_S, 4096, 256, limits.n_output)
            try:
                done = watched([self._runtime, *arguments], stdin=stdin, limits=outer, n_own=0,
                               cwd=Path(outside),  # podman leaves a file there
                               environment=os.environ, is_ours=True)  # fmt: skip
            finally:  # it would go on without whoever began it
                end = [self._runtime, "rm", "--force", name]
                subprocess.run(end, capture_output=True, check=False)
        return replace(done, status=None, cut="memory") if done.status == KILLED else done


class Subprocess:
    """A process with limits, in a folder of its own: for systems that have nothing better."""

    name = "subprocess"
    lacks = "it can use the network, and read what its user can read"

    def __init__(self) -> None:
        """Find a Python."""
        self.python, _ = _python()

    def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, str] | None = None,
        stdin: str = "",
        limits: Limits | None = None,
    ) -> Outcome:
        """Run a program; see `Sandbox.run`."""
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), files or {})
            if os.geteuid() == 0:
                for one in [Path(folder), *Path(folder).rglob("*")]:
                    os.chown(one, NOBODY, NOBODY)
            return watched(
                command, stdin=stdin, limits=limits or Limits(), n_own=0, cwd=Path(folder),
                environment=VARIABLES | {"HOME": folder, "TMPDIR": folder},
            )  # fmt: skip


KINDS: dict[str, Callable[[], Sandbox]] = {
    "bubblewrap": Bubblewrap, "container": Container, "subprocess": Subprocess,
}  # fmt: skip
"""From the safest on."""


@cache
def find(kind: str = "auto") -> Sandbox:
    """Return a sandbox.

    Args:
        kind: one of `KINDS`; `auto`: the first that works here.

    Raises:
        SandboxError: there is no such kind, or it does not work here.
    """
    if kind != "auto":
        if kind not in KINDS:
            raise SandboxError(f"there is no sandbox {kind!r} (known: auto, {', '.join(KINDS)})")
        return KINDS[kind]()
    why = []
    for make in KINDS.values():
        try:
            return make()
        except SandboxError as error:
            why.append(str(error))
    raise SandboxError("; ".join(why))


def _python() -> tuple[str, str]:
    """Return a Python that everybody may run, and the folder that it needs besides the system's.

    Raises:
        SandboxError: there is none.
    """
    own = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    for path in (own, Path("/usr/bin/python3"), Path("/usr/local/bin/python3")):
        is_open = all(one.stat().st_mode & 0o001 for one in path.parents if one.exists())
        if path.is_file() and (is_open or os.geteuid() != 0):
            return str(path), str(path.parents[1])
    raise SandboxError(f"no Python that everybody may run: {own} is for its owner alone")


def _inside(name: str) -> str:
    """Return a relative path that stays where it is.

    Raises:
        SandboxError: it leads elsewhere.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise SandboxError(f"{name!r} is no path within the program's folder")
    return str(path)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files for everybody to read."""
    folder.chmod(0o755)
    for name, text in files.items():
        path = folder / _inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
