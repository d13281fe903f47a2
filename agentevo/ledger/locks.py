"""Who may write: one process to a run, whatever the database. Readers need no lock."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from agentevo.ledger.errors import LedgerError

if TYPE_CHECKING:
    from filelock import BaseFileLock


class FolderLock:
    """Holds an SQLite ledger's folder for one writing process; ends with the process."""

    def __init__(self, file: Path) -> None:
        """Take it.

        Raises:
            LedgerError: Another has it.
        """
        from filelock import FileLock, Timeout

        self._file: BaseFileLock = FileLock(file.with_suffix(".lock"), thread_local=False)
        owner = file.with_suffix(".pid")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file.acquire(timeout=0)
            owner.write_text(str(os.getpid()))
        except Timeout as error:
            pid = owner.read_text() if owner.is_file() else "unknown"
            raise LedgerError(
                f"run {file.parent.name} is open in another process, pid {pid}: stop that one, "
                "or open the run for reading"
                if pid != str(os.getpid())
                else f"run {file.parent.name} is open for writing already, in this process"
            ) from error
        except OSError as error:
            self._file.release()
            raise LedgerError(f"cannot write in {file.parent}: {error.strerror}") from error

    def release(self) -> None:
        """Let it go. May be called again."""
        self._file.release()


class RunLock:
    """Holds runs of a PostgreSQL ledger for one writing process; ends with its connection."""

    def __init__(self, engine: sa.Engine) -> None:
        """Open the connection that holds the locks."""
        self._held: set[str] = set()
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        name = f"agentevo pid {os.getpid()}"
        self._connection.execute(sa.select(sa.func.set_config("application_name", name, False)))

    def hold(self, run: str) -> None:
        """Take a run, unless it is held already.

        Raises:
            LedgerError: Another process has it.
        """
        if run in self._held:
            return
        key = sa.func.hashtextextended(run, 0)
        if not self._connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one():
            owner = self._connection.execute(_OWNER, {"run": run}).scalar()
            raise LedgerError(
                f"run {run} is open in another process, {owner or 'pid unknown'}: stop that one, "
                "or open the run for reading"
            )
        self._held.add(run)

    def release(self) -> None:
        """Let all go, by ending the session that holds them."""
        if not self._connection.closed:
            self._connection.invalidate()
            self._connection.close()


_OWNER = sa.text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(:run, 0)"
)
