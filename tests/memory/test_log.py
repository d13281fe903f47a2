import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from agentevo.memory import LessonNotFoundError, MemoryAccessError, connect, create, metadata
from agentevo.memory.fold import fold
from agentevo.memory.log import Draft, append, events, latest
from agentevo.memory.schema import events_table, schema_table


def draft(n: int) -> Draft:
    return Draft("pin", f"L{n}", f"key-{n}", "tests", "because", {"pinned": True})


def test_versions_count_from_one_in_each_scope(engine: sa.Engine) -> None:
    create(engine)
    assert append(engine, "a", [draft(1), draft(2)]) == (1, 2)
    assert append(engine, "b", [draft(1)]) == (1,)
    assert (latest(engine, "a"), latest(engine, "b"), latest(engine, "c")) == (2, 1, 0)


def test_the_same_key_twice_is_written_once_and_gives_the_old_version(engine: sa.Engine) -> None:
    create(engine)
    append(engine, "a", [draft(1), draft(2)])
    assert append(engine, "a", [draft(2), draft(3), draft(2), draft(1)]) == (2, 3, 2, 1)
    assert [event.key for event in events(engine, "a")] == ["key-1", "key-2", "key-3"]


def test_an_event_comes_back_as_it_was_written(engine: sa.Engine) -> None:
    create(engine)
    append(engine, "a", [draft(1)])
    (event,) = events(engine, "a")
    assert (event.who, event.why, event.payload) == ("tests", "because", {"pinned": True})
    assert event.at.tzinfo is not None


def test_many_writers_lose_no_event_and_share_no_version(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    first = connect(path)
    create(first)

    def write(start: int) -> None:
        engine = connect(path)
        for n in range(start, start + 10):
            append(engine, "a", [draft(n), draft(1000)])
        engine.dispose()

    threads = [threading.Thread(target=write, args=(10 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = events(first, "a")
    first.dispose()
    assert [event.version for event in written] == list(range(1, 42))
    assert {event.key for event in written} == {f"key-{n}" for n in [*range(40), 1000]}


def test_a_gap_in_the_log_is_noticed(engine: sa.Engine) -> None:
    create(engine)
    append(engine, "a", [draft(1), draft(2)])
    with engine.begin() as connection:
        connection.execute(events_table.delete().where(events_table.c.version == 1))
    with pytest.raises(MemoryAccessError, match="taken out"):
        fold(events(engine, "a"))


def test_creating_again_changes_nothing_and_the_log_keeps_its_name(engine: sa.Engine) -> None:
    log_id = create(engine)
    append(engine, "a", [draft(1)])
    assert create(engine) == log_id
    assert latest(engine, "a") == 1


def test_a_newer_schema_is_refused(engine: sa.Engine) -> None:
    create(engine)
    with engine.begin() as connection:
        connection.execute(schema_table.update().values(step=99))
    with pytest.raises(MemoryAccessError, match="upgrade agentevo"):
        create(engine)


def test_the_tables_are_valid_on_postgresql_too() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert "CREATE INDEX" in str(CreateIndex(index).compile(dialect=dialect))


def test_an_unknown_lesson_is_named() -> None:
    with pytest.raises(LessonNotFoundError, match="L404"):
        fold([]).get("L404")
