"""Kills, second processes, full disks, and files that are not ledgers."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from agentevo.experience import Trajectory
from agentevo.ledger import Ledger, LedgerError

ROOT = Path(__file__).parents[2]
MakeTrajectory = Callable[..., Trajectory]


def start_child(folder: Path) -> subprocess.Popen[str]:
    """Start a writing process and wait until it has the ledger open."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.writing_child", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    return child


def kill(child: subprocess.Popen[str]) -> set[int]:
    """Kill a child with SIGKILL and return the episodes it had acknowledged."""
    child.send_signal(signal.SIGKILL)
    told, _ = child.communicate()
    return {int(line) for line in told.splitlines(keepends=True) if line.endswith("\n")}


def one_line(caught: pytest.ExceptionInfo[LedgerError]) -> bool:
    return "\n" not in str(caught.value)


def test_a_killed_writer_loses_no_acknowledged_episode_and_doubles_none(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    for wait_s in (0.3, 0.037, 0.211):
        child = start_child(tmp_path)
        time.sleep(wait_s)
        acknowledged |= kill(child)
    with Ledger.open(tmp_path) as ledger:
        ids = [one.id for one in ledger.episodes("r")]
    assert len(acknowledged) > 10
    assert {f"t-{n}" for n in acknowledged} <= set(ids)
    assert len(ids) == len(set(ids))
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_second_process_may_read_but_not_write(
    tmp_path: Path, trajectory: MakeTrajectory
) -> None:
    folder = tmp_path / "shop"
    child = start_child(folder)
    try:
        with pytest.raises(
            LedgerError, match=f"^run shop is open in another process, pid {child.pid}"
        ) as caught:
            Ledger.open(folder, write=True)
        assert one_line(caught)
        with Ledger.open(folder) as reader:
            before, waited_s = len(reader.finished("r")), 0.0
            while len(reader.finished("r")) < before + 5 and waited_s < 20:
                time.sleep(0.05)
                waited_s += 0.05
            assert len(reader.finished("r")) >= before + 5
    finally:
        kill(child)
    with Ledger.open(folder, write=True) as ledger:
        assert ledger.add_episode("r", trajectory(0, arm="after"))


def test_a_run_is_written_through_one_ledger_only(where: str) -> None:
    with Ledger.open(where, write=True) as ledger:
        ledger.start_run("r", configuration={}, fingerprint="f")
        with (
            pytest.raises(LedgerError, match=r"open .*process"),
            Ledger.open(where, write=True) as second,
        ):
            second.add_event("r", "resume")
    with Ledger.open(where, write=True) as ledger:
        ledger.add_event("r", "resume")


def test_a_full_disk_is_one_line_and_loses_nothing_written(
    tmp_path: Path, trajectory: MakeTrajectory
) -> None:
    with Ledger.open(tmp_path, write=True) as ledger:

        def fill(connection: sa.Connection) -> None:
            n_pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {n_pages}")

        ledger.start_run("r", configuration={}, fingerprint="f")
        ledger.add_episode("r", trajectory(0))
        sa.event.listen(ledger.engine, "begin", fill)
        with pytest.raises(LedgerError, match="the disk is full") as caught:
            ledger.add_episode("r", trajectory(1, instruction="x" * 100_000))
        assert one_line(caught)
        assert [one.id for one in ledger.episodes("r")] == ["t-0"]
        sa.event.remove(ledger.engine, "begin", fill)
        with ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert ledger.add_episode("r", trajectory(1))


def test_there_is_no_ledger_to_read_where_none_was_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger at"):
        Ledger.open(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize(
    "content",
    [b"these are my holiday notes, not a database at all" * 100, b"SQLite format 3\0" * 9],
)
def test_a_file_that_is_no_database_is_one_line(
    tmp_path: Path, content: bytes, write: bool
) -> None:
    (tmp_path / "ledger.db").write_bytes(content)
    with pytest.raises(LedgerError, match="is not an SQLite database") as caught:
        Ledger.open(tmp_path, write=write)
    assert one_line(caught)
    assert (tmp_path / "ledger.db").read_bytes() == content


@pytest.mark.parametrize("write", [True, False])
def test_the_database_of_another_program_is_left_as_it_is(tmp_path: Path, write: bool) -> None:
    foreign = sqlite3.connect(tmp_path / "bookmarks.db")
    foreign.execute("CREATE TABLE bookmarks (url TEXT)")
    foreign.close()
    with pytest.raises(LedgerError, match=r"not a ledger of agentevo.*bookmarks"):
        Ledger.open(tmp_path / "bookmarks.db", write=write)
    foreign = sqlite3.connect(tmp_path / "bookmarks.db")
    assert foreign.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]
    foreign.close()


def test_a_damaged_ledger_is_one_line(tmp_path: Path, trajectory: MakeTrajectory) -> None:
    with Ledger.open(tmp_path, write=True) as ledger:
        ledger.start_run("r", configuration={}, fingerprint="f")
        for n in range(50):
            ledger.add_episode("r", trajectory(n))
    file = tmp_path / "ledger.db"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LedgerError, match=r"damaged|malformed") as caught:  # noqa: SIM117
        with Ledger.open(tmp_path) as ledger:
            list(ledger.episodes("r"))
    assert one_line(caught)


def test_an_empty_file_is_a_ledger_that_was_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    with pytest.raises(LedgerError, match="nothing was ever written"):
        Ledger.open(tmp_path)
    with Ledger.open(tmp_path, write=True) as ledger:
        assert ledger.runs() == ()


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("mysql://localhost/x", "not in 'mysql'"),
        ("sqlite://", "needs a file"),
        ("://", "not a database URL"),
        ("postgresql://nobody@127.0.0.1:9/none", "psycopg|refused"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_line(where: str, says: str) -> None:
    with pytest.raises(LedgerError, match=says) as caught:
        Ledger.open(where, write=True)
    assert one_line(caught)


def test_a_folder_and_its_file_and_its_url_are_one_ledger(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "a run #1", write=True) as ledger:
        ledger.start_run("r", configuration={}, fingerprint="f")
    file = tmp_path / "a run #1" / "ledger.db"
    for where in (file, f"sqlite:///{file}"):
        with Ledger.open(where) as ledger:
            assert ledger.run("r").name == "r"
