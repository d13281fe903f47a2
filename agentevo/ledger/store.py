"""An open database with its lock: writing rows once, and reading them.

Knows tables and keys, not what they mean; that is `ledger`'s.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from agentevo.ledger.database import connect, explained, locate
from agentevo.ledger.errors import LedgerError
from agentevo.ledger.locks import FolderLock, RunLock
from agentevo.ledger.migrations import MIGRATIONS, bring_up_to_date, refuse_newer, version_of
from agentevo.memory import MemoryAccessError
from agentevo.memory import create as create_lesson_log


def now() -> str:
    """Return the time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


class Store:
    """A database that is up to date, open for reading, or held for writing."""

    def __init__(self, where: str | Path, *, write: bool) -> None:
        """Open it; for writing, make what is missing.

        Raises:
            LedgerError: It is not there, not a ledger, too new, damaged, or open elsewhere.
        """
        url = locate(where)
        file = Path(str(url.database)) if url.get_backend_name() == "sqlite" else None
        self.name = str(file) if file else url.render_as_string(hide_password=True)
        self.write = write
        self._lock: FolderLock | RunLock | None = None
        if file and not write and not file.is_file():
            raise LedgerError(f"no ledger at {file}")
        if file and write:
            self._lock = FolderLock(file)
        self.engine = connect(url, write=write)
        try:
            with self.explained():
                if write:
                    bring_up_to_date(self.engine)
                    create_lesson_log(self.engine)
                    self._lock = self._lock or RunLock(self.engine)
                else:
                    self._check(where)
        except MemoryAccessError as error:
            self.close()
            raise LedgerError(f"ledger {self.name}: {error}") from error
        except BaseException:
            self.close()
            raise

    def _check(self, where: str | Path) -> None:
        """Refuse what cannot be read; bring an older schema up to date first."""
        with self.engine.connect() as connection:
            version = version_of(connection)
        if not version:
            raise LedgerError(f"ledger {self.name}: nothing was ever written to it")
        refuse_newer(version)
        if version < len(MIGRATIONS):
            Store(where, write=True).close()

    def explained(self) -> AbstractContextManager[None]:
        """Turn what the database says of its state into a LedgerError, within it."""
        return explained(self.name)

    def close(self) -> None:
        """Let connections and lock go. May be called again."""
        if isinstance(self._lock, RunLock):
            self._lock.release()
        self.engine.dispose()
        if isinstance(self._lock, FolderLock):
            self._lock.release()

    def insert(
        self, table: sa.Table, values: Mapping[str, object], *, key: Sequence[str] = ()
    ) -> bool:
        """Write one row and commit; with a key, only if no row has it yet.

        Returns:
            Whether it was written.

        Raises:
            LedgerError: It is open for reading, the run is open elsewhere, or the disk is full.
        """
        if not self.write:
            raise LedgerError(f"ledger {self.name} is open for reading")
        with self.explained():
            if isinstance(self._lock, RunLock) and "run" in table.c:
                self._lock.hold(str(values["run"]))
            elif isinstance(self._lock, RunLock) and table.name == "runs":
                self._lock.hold(str(values["id"]))
            statement: sa.Insert = table.insert()
            if key and self.engine.dialect.name == "sqlite":
                statement = sqlite.insert(table).on_conflict_do_nothing(index_elements=key)
            elif key:
                statement = postgresql.insert(table).on_conflict_do_nothing(index_elements=key)
            with self.engine.begin() as connection:
                done = connection.execute(
                    statement.inline(), dict(values), execution_options={"preserve_rowcount": True}
                )
                return done.rowcount > 0

    def rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """Return all rows of a query."""
        with self.explained(), self.engine.connect() as connection:
            return connection.execute(query).all()
