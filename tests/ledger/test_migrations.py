"""Ledgers of earlier and later versions."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from agentevo.experience import Trajectory
from agentevo.ledger import Ledger, LedgerError
from agentevo.ledger.database import connect, locate
from agentevo.ledger.migrations import MIGRATIONS, bring_up_to_date, version_of
from agentevo.ledger.tables import metadata

MakeTrajectory = Callable[..., Trajectory]
SCHEMA_1 = Path(__file__).with_name("schema_1.sql")
"""What agentevo 0.1.0 wrote: one run, one episode, one update. Never to be changed."""


def made_by_version_1(folder: Path) -> None:
    """Make the ledger that agentevo 0.1.0 would have made."""
    folder.mkdir()
    database = sqlite3.connect(folder / "ledger.db")
    database.executescript(SCHEMA_1.read_text())
    database.close()


def shape(engine: sa.Engine) -> dict[str, list[tuple[str, bool]]]:
    """Return what a database's tables are like: columns and whether they may be empty."""
    with engine.connect() as connection:
        look = sa.inspect(connection)
        return {
            name: [(one["name"], one["nullable"]) for one in look.get_columns(name)]
            for name in sorted(look.get_table_names())
            if not name.startswith("memory_")
        }


@pytest.mark.parametrize("write", [True, False])
def test_a_ledger_of_version_1_is_brought_to_the_latest_and_keeps_what_it_has(
    tmp_path: Path, write: bool
) -> None:
    made_by_version_1(tmp_path / "old")
    with (
        Ledger.open(tmp_path / "new", write=True) as new,
        Ledger.open(tmp_path / "old", write=write) as old,
    ):
        assert shape(old.engine) == shape(new.engine)
        assert old.run("r").configuration == {"budget": "small"}
        (episode,) = old.episodes("r")
        assert (episode.task_id, episode.steps[0].action) == ("cook-3-0", "open fridge")
        assert old.updates("r")[0].payload == {"n_lessons": 3}


def test_the_steps_make_the_tables_that_queries_expect(ledger: Ledger) -> None:
    expected = {
        name: [(one.name, bool(one.nullable)) for one in table.columns]
        for name, table in sorted(metadata.tables.items())
    }
    assert shape(ledger.engine) == expected


def test_a_later_step_is_done_once_and_keeps_what_is_there(
    where: str, ledger: Ledger, trajectory: MakeTrajectory
) -> None:
    def later(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN note TEXT")

    ledger.add_episode("r", trajectory(1))
    ledger.close()
    engine = connect(locate(where), write=True)
    steps = (*MIGRATIONS, later)
    assert bring_up_to_date(engine, steps) == 1
    assert bring_up_to_date(engine, steps) == 0
    with engine.connect() as connection:
        assert version_of(connection) == len(steps)
        assert connection.exec_driver_sql("SELECT count(*) FROM episodes").scalar_one() == 1
    engine.dispose()


def test_a_step_that_fails_leaves_the_ledger_as_it_was(where: str, ledger: Ledger) -> None:
    def half(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN note TEXT")
        raise RuntimeError("power cut")

    before = shape(ledger.engine)
    ledger.close()
    engine = connect(locate(where), write=True)
    with pytest.raises(RuntimeError, match="power cut"):
        bring_up_to_date(engine, (*MIGRATIONS, half))
    assert shape(engine) == before
    engine.dispose()


@pytest.mark.parametrize("write", [True, False])
def test_a_ledger_of_a_newer_agentevo_is_refused(where: str, ledger: Ledger, write: bool) -> None:
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (99, 'some day')")
    ledger.close()
    with pytest.raises(LedgerError, match=r"schema 99 .* upgrade agentevo$"):
        Ledger.open(where, write=write)
