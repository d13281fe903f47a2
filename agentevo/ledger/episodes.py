"""How an episode becomes a row of the ledger, and a row an episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from agentevo.experience import Trajectory
from agentevo.ledger.records import EpisodeKey, EpisodeSummary
from agentevo.ledger.store import Store, now
from agentevo.ledger.tables import EPISODE_KEY
from agentevo.ledger.tables import episodes as table

_PAGE = 200
"""Episodes read at once; some tens of kilobytes each."""

SUMMARY = tuple(one.name for one in table.c if one.name not in ("id", "run", "trajectory"))

_COPIED = (
    *("generation", "purpose", "arm", "task_id", "attempt", "benchmark", "split", "difficulty"),
    *("ending", "success", "score", "best_score", "n_prompt_tokens", "n_reply_tokens", "seconds"),
    *("memory_version", "adapter"),
)


def row_of(run: str, trajectory: Trajectory) -> dict[str, object]:
    """Return a trajectory as a row."""
    return {
        **{name: getattr(trajectory, name) for name in _COPIED},
        "run": run,
        "trajectory_id": trajectory.id,
        "n_steps": len(trajectory.steps),
        "created": now(),
        "trajectory": trajectory.to_json(),
    }


def summary_of(row: sa.Row[Any]) -> EpisodeSummary:
    """Return a row of the columns `SUMMARY` as a summary."""
    values = row._mapping
    key = EpisodeKey(**{name: values[name] for name in EPISODE_KEY[1:]})
    rest = {one.name for one in fields(EpisodeSummary)} - {"key"}
    return EpisodeSummary(key=key, **{name: values[name] for name in rest})


def query(run: str, which: Mapping[str, object], *, columns: Sequence[str]) -> sa.Select[Any]:
    """Select columns of a run's episodes that agree with all of `which`, oldest first."""
    wanted = sa.select(*(table.c[name] for name in columns)).where(table.c.run == run)
    for name, value in which.items():
        wanted = wanted.where(table.c[name] == value)
    return wanted.order_by(table.c.id)


def pages(store: Store, run: str, which: Mapping[str, object]) -> Iterator[Trajectory]:
    """Yield whole episodes, reading them page by page."""
    page, last = query(run, which, columns=["id", "trajectory"]).limit(_PAGE), 0
    while rows := store.rows(page.where(table.c.id > last)):
        for row in rows:
            yield Trajectory.from_json(row.trajectory)
        last = rows[-1].id
