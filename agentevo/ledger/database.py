"""Opening the ledger's database, and what its errors mean.

Knows nothing of what is stored.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from agentevo.ledger.errors import LedgerError

FILENAME = "ledger.db"
_BUSY_S = 30

_MEANINGS = {
    "database or disk is full": "the disk is full: free some space and resume; all that was "
    "recorded is kept",
    "file is not a database": "this file is not an SQLite database",
    "disk image is malformed": "the file is damaged: restore it from a copy, or recover what can "
    "be read with `sqlite3 FILE .recover`",
    "database is locked": f"another program kept it locked for {_BUSY_S} s: close that one",
    "readonly database": "it is open for reading, or may not be written by this user",
    "unable to open database file": "the file cannot be opened: check the folder and its rights",
}


def locate(where: str | Path) -> sa.URL:
    """Return the URL of a database that is given by URL, file (`*.db`) or run folder."""
    if "://" in str(where):
        try:
            url = sa.make_url(str(where))
        except sa.exc.ArgumentError as error:
            raise LedgerError(f"{where} is not a database URL: {_one_line(error)}") from error
        if url.get_backend_name() not in ("sqlite", "postgresql"):
            raise LedgerError(
                f"a ledger lives in SQLite or PostgreSQL, not in {url.get_backend_name()!r}"
            )
        if url.get_backend_name() != "sqlite":
            return url
        if not url.database or url.database == ":memory:":
            raise LedgerError("a ledger in SQLite needs a file: sqlite:///runs/mine/ledger.db")
        where = url.database
    path = Path(where).absolute()
    file = path if path.suffix == ".db" else path / FILENAME
    return sa.URL.create("sqlite", database=str(file))


def connect(url: sa.URL, *, write: bool) -> sa.Engine:
    """Return an engine for what `locate` found.

    SQLite: a commit is on the disk when it returns (WAL, synchronous FULL), and readers never
    wait for the writer. A transaction takes the write lock at once if its connection has the
    execution option `write_lock`.
    """
    if url.get_backend_name() == "postgresql" and url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    try:
        engine = sa.create_engine(url, json_serializer=_json, pool_pre_ping=_is_server(url))
    except ModuleNotFoundError as error:
        raise LedgerError(
            f"the driver {error.name!r} is missing: pip install 'psycopg[binary]'"
        ) from error
    except sa.exc.NoSuchModuleError as error:
        raise LedgerError(f"unknown kind of database: {_one_line(error)}") from error
    if not _is_server(url):
        pragmas = ["journal_mode=WAL", "synchronous=FULL"] if write else ["query_only=ON"]

        def prepare(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
            connection.isolation_level = None  # we begin transactions ourselves, DDL too
            cursor = connection.cursor()
            for pragma in (f"busy_timeout={_BUSY_S * 1000}", *pragmas):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        def begin(connection: sa.Connection) -> None:
            now = connection.get_execution_options().get("write_lock")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if now else "BEGIN")

        sa.event.listen(engine, "connect", prepare)
        sa.event.listen(engine, "begin", begin)
    return engine


def _is_server(url: sa.URL) -> bool:
    return url.get_backend_name() != "sqlite"


def _json(value: object) -> str:
    """Write JSON that every database takes: no NaN, no infinity, plain ASCII."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what the database says of its state, not of our statements, into a LedgerError."""
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError):
        raise
    except (sa.exc.DatabaseError, sa.exc.InterfaceError) as error:
        text = _one_line(error.orig or error)
        meaning = next((said for part, said in _MEANINGS.items() if part in text), text)
        raise LedgerError(f"ledger {where}: {meaning}") from error


def _one_line(error: BaseException) -> str:
    """Return what an error says, as one line."""
    return " ".join(str(error).split())
