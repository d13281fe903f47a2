"""Trajectories to write down, and a ledger of its own per test, on every database at hand."""

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from agentevo.experience import Recall, Step, Trajectory
from agentevo.ledger import Ledger

POSTGRESQL = os.environ.get("AGENTEVO_TEST_POSTGRESQL", "")
"""URL of a database in which tests may make schemas; empty: only SQLite is tried."""

MakeTrajectory = Callable[..., Trajectory]

_ONE = Trajectory(
    id="t-0",
    task_id="cook-3-7",
    benchmark="textworld-cooking",
    split="train",
    difficulty=3,
    instruction="Prepare the meal.",
    first_observation="You are in the kitchen. \udc80 é",
    purpose="acquisition",
    generation=1,
    attempt=0,
    arm="",
    steps=(Step("I see.", "open fridge", "It is open.", 0.25, 100, 12, reply="Action: open"),),
    ending="success",
    score=1.0,
    best_score=1.0,
    success=True,
    seed=2**63,
    recall=Recall({"l1": 0.8, "l2": 0.5}, ("l1",), ("l2",), 0.9),
    lessons=("Frying is done with the stove.",),
    memory_version=4,
    adapter="a1",
    seconds=1.5,
)


def trajectory(n: int = 0, **changes: object) -> Trajectory:
    """Return the nth trajectory: another task and another id for each."""
    changes = {"id": f"t-{n}", "task_id": f"cook-3-{n}", **changes}
    return replace(_ONE, **changes)  # type: ignore[arg-type]


@pytest.fixture(name="trajectory")
def _trajectory() -> MakeTrajectory:
    return trajectory


@pytest.fixture(params=["sqlite", pytest.param("postgresql", id="postgresql")])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Say where a fresh ledger may be made."""
    if request.param == "sqlite":
        yield str(tmp_path / "run")
        return
    if not POSTGRESQL:
        pytest.skip("AGENTEVO_TEST_POSTGRESQL names no database")
    name = f"t{uuid.uuid4().hex}"
    server = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    yield f"{POSTGRESQL}?options=-csearch_path%3D{name}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    server.dispose()


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    with Ledger.open(where, write=True) as ledger:
        ledger.start_run("r", configuration={"budget": "small"}, fingerprint="f")
        yield ledger
