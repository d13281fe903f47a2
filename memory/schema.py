"""The tables of the lesson log, in numbered steps, for a database of its own or a host's.

A host, such as a run's ledger, calls `create` on its own engine. SQLite and PostgreSQL.
"""

import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from agentevo.memory.errors import MemoryAccessError

metadata = sa.MetaData()

_making = threading.Lock()
"""Threads of one process make the tables one after the other."""

schema_table = sa.Table(
    "memory_schema",
    metadata,
    sa.Column("step", sa.Integer, nullable=False, comment="number of the last migration done"),
    sa.Column("log_id", sa.String(32), nullable=False, comment="names this log for ever"),
)

events_table = sa.Table(
    "memory_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("scope", sa.String(500), nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="1, 2, … within the scope"),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("lesson_id", sa.String(40), nullable=False),
    sa.Column("key", sa.String(300), nullable=False, comment="the same key is written once"),
    sa.Column("at", sa.String(40), nullable=False, comment="UTC, ISO 8601"),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.UniqueConstraint("scope", "version", name="memory_events_scope_version"),
    sa.UniqueConstraint("scope", "key", name="memory_events_scope_key"),
    sa.Index("memory_events_lesson", "lesson_id"),
)

vectors_table = sa.Table(
    "memory_vectors",
    metadata,
    sa.Column("embedder", sa.String(200), primary_key=True),
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False, comment="float32, little-endian"),
)


def _first(connection: sa.Connection) -> None:
    """Step 1: events, and the vectors of what was embedded."""
    metadata.create_all(connection, tables=[events_table, vectors_table], checkfirst=True)


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_first,)
"""Step n is entry n - 1. A step that was released is never changed; a new one is added."""


def connect(where: str | Path) -> sa.Engine:
    """Open a database by URL, or an SQLite file by its path, for a memory that stands alone."""
    url = str(where)
    if "://" not in url:
        Path(where).parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{where}"
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _careful_sqlite)
    return engine


def _careful_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    """Let readers read while one writes, and writers wait for each other."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def create(engine: sa.Engine) -> str:
    """Make the tables, or bring them up to date, and return the log's id.

    Raises:
        MemoryAccessError: The tables were made by a newer agentevo.
    """
    with _making, engine.begin() as connection:
        schema_table.create(connection, checkfirst=True)
        row = connection.execute(sa.select(schema_table)).first()
        done = row.step if row else 0
        if done > len(MIGRATIONS):
            raise MemoryAccessError(
                f"this memory has schema step {done}, and this agentevo knows "
                f"{len(MIGRATIONS)}: upgrade agentevo"
            )
        for step in MIGRATIONS[done:]:
            step(connection)
        log_id: str = row.log_id if row else uuid.uuid4().hex
        if row is None:
            connection.execute(schema_table.insert().values(step=len(MIGRATIONS), log_id=log_id))
        elif done < len(MIGRATIONS):
            connection.execute(schema_table.update().values(step=len(MIGRATIONS)))
    return log_id
