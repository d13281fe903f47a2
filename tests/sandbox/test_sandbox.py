"""What a program gets of a sandbox, and what it never gets: the escape set."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agentevo.sandbox import KINDS, Limits, Sandbox, SandboxError, Subprocess, find

SHORT = Limits(seconds=10, memory_mb=128, n_processes=16, n_output=5_000)


@pytest.fixture(params=sorted(KINDS))
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each kind that works here."""
    try:
        return find(request.param)
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["bubblewrap", "container"])
def safe(request: pytest.FixtureRequest) -> Sandbox:
    """The kinds that keep everything out."""
    try:
        return find(request.param)
    except SandboxError as error:
        pytest.skip(str(error))


def run(sandbox: Sandbox, code: str, limits: Limits = SHORT) -> str:
    """Run Python code, and return what it printed and how it ended."""
    done = sandbox.run([sandbox.python, "main.py"], files={"main.py": code}, limits=limits)
    return done.text


def test_a_program_reads_its_files_and_its_input_and_tells_how_it_ended(sandbox: Sandbox) -> None:
    code = "import sys; print(open('a/b.txt').read() + sys.stdin.read()); sys.exit(3)"
    done = sandbox.run(
        [sandbox.python, "main.py"], files={"main.py": code, "a/b.txt": "ü1 "}, stdin="2",
    )  # fmt: skip
    assert (done.stdout, done.status, done.cut, done.ok) == ("ü1 2\n", 3, "", False)
    assert done.text == "ü1 2\n(exit status 3)"


def test_each_run_begins_in_an_empty_folder(sandbox: Sandbox) -> None:
    write = "open('kept', 'w').write('x')"
    assert run(sandbox, write) == ""
    assert run(sandbox, "import os; print(os.listdir('.'))") == "['main.py']"


def test_much_input_and_much_output_do_not_block_each_other(sandbox: Sandbox) -> None:
    code = "import sys\nfor line in sys.stdin: sys.stdout.write(line)"
    text = "x" * 99 + "\n"
    done = sandbox.run(
        [sandbox.python, "-c", code], stdin=text * 20_000, limits=Limits(n_output=3_000_000)
    )
    assert len(done.stdout) == 2_000_000


@pytest.mark.parametrize(
    ("code", "cut"),
    [
        ("while True: pass", "time"),
        ("import time\nwhile True: time.sleep(1)", "time"),
        ("while True: print('x' * 1000)", "output"),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", "output"),
        ("x = []\nwhile True: x.append(bytearray(10_000_000))", "memory"),
    ],
)
def test_what_takes_too_much_is_ended_and_says_so(sandbox: Sandbox, code: str, cut: str) -> None:
    began = time.monotonic()
    limits = Limits(seconds=3 if cut == "time" else 20, memory_mb=128, n_output=5_000)
    done = sandbox.run([sandbox.python, "-c", code], limits=limits)
    assert done.cut == cut or "MemoryError" in done.stderr
    assert not done.ok
    assert len(done.stdout) + len(done.stderr) <= 5_000
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", ""])
def test_files_stay_in_the_folder(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(SandboxError, match="no path within"):
        sandbox.run(["true"], files={name: "x"})


def test_a_program_that_is_not_there_is_no_crash(safe: Sandbox) -> None:
    assert "nowhere" in safe.run(["nowhere"]).text


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(SandboxError, match="known: auto, bubblewrap, container, subprocess"):
        find("chroot")


def test_what_a_sandbox_does_not_cover_is_said() -> None:
    assert "network" in Subprocess().lacks


# --- the escape set: none of these may succeed ---------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that everybody may read, in folders that everybody may enter."""
    path = tmp_path / "secret.txt"
    path.write_text("TOPSECRET")
    for one in [path, *path.parents]:
        if one.stat().st_uid == os.geteuid() and one != Path("/"):
            one.chmod(0o755)
    return path


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A server on the loopback, and what it heard."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)

        def serve() -> None:
            try:
                while True:
                    with server.accept()[0] as one:
                        heard.append(one.recv(100))
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


READS = {
    "a path": "print(open({path!r}).read())",
    "a link": "import os; os.symlink({path!r}, 'l'); print(open('l').read())",
    "a hard link": "import os; os.link({path!r}, 'h'); print(open('h').read())",
    "upwards": "print(open('../' * 9 + {path!r}[1:]).read())",
    "the root of another process": "print(open('/proc/1/root' + {path!r}).read())",
    "an open file of another process": (
        "import glob\nfor one in glob.glob('/proc/*/fd/*'):\n"
        "    try: print(open(one).read(100))\n    except OSError: pass"
    ),
    "a mount": (
        "import subprocess; print(subprocess.run(['sh', '-c',"
        " 'mkdir m; mount --bind / m; cat m{path}'], capture_output=True))"
    ),
    "a new namespace": (
        "import subprocess; print(subprocess.run(['unshare', '-rm', 'sh', '-c',"
        " 'mount -t proc p /proc; cat /proc/1/root{path}'], capture_output=True))"
    ),
}


@pytest.mark.parametrize("way", READS)
def test_files_outside_are_not_read(safe: Sandbox, secret: Path, way: str) -> None:
    code = READS[way].replace("{path!r}", repr(str(secret))).replace("{path}", str(secret))
    assert "TOPSECRET" not in run(safe, code)


@pytest.mark.parametrize("path", ["/etc/passwd", "/root", "/home", "/var", "/sys"])
def test_the_system_is_not_there(safe: Sandbox, path: str) -> None:
    if safe.name == "container":
        pytest.skip("it has a system of its own")
    assert run(safe, f"import os; print(os.path.exists({path!r}))") == "False"


def test_files_outside_are_not_written(safe: Sandbox, secret: Path) -> None:
    for path in (secret, "/usr/bin/evil", "/proc/sys/kernel/hostname", f"{sys.prefix}/evil"):
        said = run(safe, f"open({str(path)!r}, 'w').write('x')")
        assert "Error" in said
    assert secret.read_text() == "TOPSECRET"
    assert not Path("/usr/bin/evil").exists()


def test_there_is_no_network(safe: Sandbox, listener: tuple[int, list[bytes]]) -> None:
    port, heard = listener
    code = f"""
import socket
for address in ("127.0.0.1", "localhost", "::1", "10.0.0.1"):
    try:
        with socket.create_connection((address, {port}), timeout=1) as one:
            one.send(b"out")
    except OSError as error:
        print(type(error).__name__)
"""
    run(safe, code)
    assert heard == []


def test_the_same_program_outside_is_heard(listener: tuple[int, list[bytes]]) -> None:
    port, heard = listener  # otherwise the test before this one would show nothing
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.send(b"out")
    for _ in range(100):
        if heard:
            break
        time.sleep(0.05)
    assert heard == [b"out"]


def test_variables_of_ours_are_not_seen(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "TOPSECRET")
    assert "TOPSECRET" not in run(sandbox, "import os; print(os.environ)")


BOMBS = {
    "forks": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "a shell's": "import subprocess; subprocess.run(['sh', '-c', 'b() { b | b & }; b; sleep 5'])",
    "threads": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()"
    ),
    "those that leave": (
        "import os\nfor _ in range(1000):\n    if os.fork() == 0:\n        os.setsid()\n"
        "        if os.fork(): os._exit(0)\n        import time; time.sleep(60)"
    ),
}


@pytest.mark.parametrize("way", BOMBS)
def test_a_fork_bomb_stays_small_and_nothing_of_it_is_left(safe: Sandbox, way: str) -> None:
    mark = f"bomb-{os.getpid()}-{way}"
    before = len(psutil.pids())
    most = before

    def count() -> None:
        nonlocal most
        while counting:
            most = max(most, len(psutil.pids()))
            time.sleep(0.02)

    counting = True
    thread = threading.Thread(target=count)
    thread.start()
    limits = Limits(seconds=3, memory_mb=256, n_processes=16)
    safe.run([safe.python, "-c", BOMBS[way], mark], limits=limits)
    counting = False
    thread.join()
    assert most - before < 100
    time.sleep(0.3)
    assert not [
        one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])
    ]


def test_processes_outside_are_neither_seen_nor_reached(safe: Sandbox) -> None:
    code = f"""
import os, signal
print(sorted(int(one) for one in os.listdir("/proc") if one.isdigit())[-1] < 50)
for pid in (os.getppid(), 1, {os.getpid()}, -1):
    try:
        if pid != os.getpid(): os.kill(pid, signal.SIGTERM)
    except OSError: pass
"""
    done = safe.run([safe.python, "-c", code], limits=SHORT)
    assert done.stdout == "True\n"
    assert psutil.pid_exists(os.getpid())


def test_files_do_not_fill_the_disk(safe: Sandbox) -> None:
    code = "f = open('big', 'wb')\nwhile True: f.write(bytes(10_000_000)); f.flush()"
    done = safe.run([safe.python, "-c", code], limits=SHORT)
    assert "No space left" in done.stderr or "File too large" in done.stderr or done.cut


def test_nothing_gets_more_rights(safe: Sandbox) -> None:
    said = run(safe, "print(open('/proc/self/status').read())")
    assert "CapEff:\t0000000000000000" in said
    assert "NoNewPrivs:\t1" in said
