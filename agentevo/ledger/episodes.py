"""How an episode becomes a row of the ledger, and a row an episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from agentevo.experience import Recall, Trajectory
from agentevo.ledger.records import EpisodeKey, EpisodeSummary, RecalledEpisode
from agentevo.ledger.store import Store, now
from agentevo.ledger.tables import EPISODE_KEY
from agentevo.ledger.tables import episodes as table
from agentevo.memory import redact

_PAGE = 200
"""Episodes read at once; some tens of kilobytes each."""

SUMMARY = tuple(one.name for one in table.c if one.name not in ("id", "run", "trajectory"))

_COPIED = (
    *("generation", "purpose", "arm", "task_id", "attempt", "benchmark", "split", "difficulty"),
    *("ending", "success", "score", "best_score", "n_prompt_tokens", "n_reply_tokens", "seconds"),
    *("memory_version", "adapter"),
)


def row_of(run: str, trajectory: Trajectory) -> dict[str, object]:
    """Return a trajectory as a row; secrets that it saw or said are taken out."""
    return {
        **{name: getattr(trajectory, name) for name in _COPIED},
        "run": run,
        "trajectory_id": trajectory.id,
        "n_steps": len(trajectory.steps),
        "created": now(),
        "trajectory": _without_secrets(trajectory.to_json()),
    }


def _without_secrets(value: Any) -> Any:
    """Return plain data with the secrets in its texts replaced."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _without_secrets(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets(one) for one in value]
    return value


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


_RECALLED = ("trajectory_id", "generation", "purpose", "arm", "difficulty", "memory_version",
             "score", "success")  # fmt: skip


def recalls(run: str, which: Mapping[str, object]) -> sa.Select[Any]:
    """Select what `recalled_of` makes a record of; the steps stay in the database."""
    return query(run, which, columns=_RECALLED).add_columns(table.c.trajectory["recall"])


def recalled_of(row: sa.Row[Any]) -> RecalledEpisode:
    """Return a row of `recalls` as a record."""
    values: dict[str, Any] = dict(zip(_RECALLED, row, strict=False))
    return RecalledEpisode(**values, recall=Recall.from_json(row[-1]))


def task_texts(run: str, which: Mapping[str, object]) -> sa.Select[Any]:
    """Select the ids of tasks, what they ask for, and what is seen of them first."""
    told = (table.c.trajectory[name].as_string() for name in ("instruction", "first_observation"))
    return query(run, which, columns=["task_id"]).add_columns(*told)


def pages(store: Store, run: str, which: Mapping[str, object]) -> Iterator[Trajectory]:
    """Yield whole episodes, reading them page by page."""
    page, last = query(run, which, columns=["id", "trajectory"]).limit(_PAGE), 0
    while rows := store.rows(page.where(table.c.id > last)):
        for row in rows:
            yield Trajectory.from_json(row.trajectory)
        last = rows[-1].id
