"""The ledger: all that a run has lived through and decided, appended and never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack, get_args

import sqlalchemy as sa

from agentevo.experience import Trajectory
from agentevo.ledger import episodes, tables
from agentevo.ledger.errors import LedgerError
from agentevo.ledger.records import (
    AdapterRecord,
    EpisodeFilter,
    EpisodeKey,
    EpisodeSummary,
    Event,
    RecalledEpisode,
    Run,
    RunStatus,
    Update,
    Usage,
    VerdictRecord,
)
from agentevo.ledger.store import Store, now


class Ledger:
    """A database of runs. A context manager; safe among threads.

    Whatever `add_…` was given is on the disk when it returns. What has a key is written once:
    adding it again changes nothing and returns False, so that a resumed run may repeat itself.
    Every method may raise LedgerError where the database cannot do what is asked of it.
    """

    def __init__(self, store: Store) -> None:
        """Take an open store; see `open`."""
        self._store = store

    @classmethod
    def open(cls, where: str | Path, *, write: bool = False) -> Ledger:
        """Open a ledger.

        Args:
            where: A run's folder (its ledger is `ledger.db`), a file `*.db`, or the URL of an
                SQLite or PostgreSQL database.
            write: Make what is missing, and keep other writers out. Reading needs no lock and
                works while another process writes.

        Raises:
            LedgerError: It is not there, not a ledger, too new, damaged, or open elsewhere.
        """
        return cls(Store(where, write=write))

    @property
    def engine(self) -> sa.Engine:
        """The database, which the lesson log shares."""
        return self._store.engine

    def close(self) -> None:
        """Let database and lock go. May be called again."""
        self._store.close()

    def __enter__(self) -> Self:
        """Return the ledger itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    # Runs

    def start_run(
        self, run: str, *, configuration: Mapping[str, object], fingerprint: str, name: str = ""
    ) -> Run:
        """Write a run down, or return it as it was started before.

        Args:
            run: Its id, unique in the database.
            configuration: The merged configuration.
            fingerprint: Of all that the results depend on.
            name: For people; empty: the id.

        Raises:
            LedgerError: There is a run of that id with another fingerprint.
        """
        row = {
            "id": run,
            "name": name or run,
            "configuration": dict(configuration),
            "fingerprint": fingerprint,
            "created": now(),
        }
        self._store.insert(tables.runs, row, key=["id"])
        found = self.run(run)
        if found.fingerprint != fingerprint:
            raise LedgerError(
                f"run {run} was started with other settings, data or code (fingerprint "
                f"{found.fingerprint}, now {fingerprint}): start a new run"
            )
        return found

    def runs(self) -> tuple[Run, ...]:
        """Return all runs of the database, oldest first."""
        query = sa.select(tables.runs).order_by(tables.runs.c.created, tables.runs.c.id)
        return tuple(Run(**row._mapping) for row in self._store.rows(query))

    def run(self, run: str) -> Run:
        """Return a run by id. Raises LedgerError if there is none."""
        rows = self._store.rows(sa.select(tables.runs).where(tables.runs.c.id == run))
        if not rows:
            known = ", ".join(one.id for one in self.runs()) or "none"
            raise LedgerError(f"ledger {self._store.name}: no run {run!r}; there is {known}")
        return Run(**rows[0]._mapping)

    def set_status(self, run: str, status: RunStatus) -> None:
        """Tell how the run stands, as an event."""
        if status not in get_args(RunStatus):
            raise ValueError(f"{status!r} is none of {get_args(RunStatus)}")
        self.add_event(run, "status", {"status": status})

    def status(self, run: str) -> RunStatus | None:
        """Return how the run stands, as last told. None: never told."""
        told = self.events(run, kind="status")
        return told[-1].payload["status"] if told else None  # type: ignore[return-value]

    # Episodes

    def add_episode(self, run: str, trajectory: Trajectory) -> bool:
        """Write an episode down; return False if its key was there already."""
        row = episodes.row_of(run, trajectory)
        return self._store.insert(tables.episodes, row, key=tables.EPISODE_KEY)

    def has_episode(self, run: str, key: EpisodeKey) -> bool:
        """Say whether an episode is finished."""
        query = episodes.query(run, asdict(key), columns=["id"])
        return bool(self._store.rows(query))

    def finished(self, run: str, **which: Unpack[EpisodeFilter]) -> set[EpisodeKey]:
        """Return the keys of all episodes that are finished."""
        query = episodes.query(run, which, columns=tables.EPISODE_KEY[1:])
        return {EpisodeKey(**row._mapping) for row in self._store.rows(query)}

    def episodes(self, run: str, **which: Unpack[EpisodeFilter]) -> Iterator[Trajectory]:
        """Yield whole episodes in the order in which they ended.

        They are read in pages, each in a transaction of its own: one may write meanwhile.
        """
        return episodes.pages(self._store, run, which)

    def summaries(self, run: str, **which: Unpack[EpisodeFilter]) -> tuple[EpisodeSummary, ...]:
        """Return episodes without their steps, in the order in which they ended."""
        query = episodes.query(run, which, columns=episodes.SUMMARY)
        return tuple(episodes.summary_of(row) for row in self._store.rows(query))

    def recalls(self, run: str, **which: Unpack[EpisodeFilter]) -> tuple[RecalledEpisode, ...]:
        """Return what the memory offered to episodes, in the order in which they ended."""
        rows = self._store.rows(episodes.recalls(run, which))
        return tuple(episodes.recalled_of(row) for row in rows)

    def task_texts(self, run: str, **which: Unpack[EpisodeFilter]) -> dict[str, str]:
        """Return what the tasks of episodes ask for and what is seen first, by the task's id."""
        found: dict[str, str] = {}
        for row in self._store.rows(episodes.task_texts(run, which)):
            task, asked, seen = tuple(row)
            found.setdefault(task, f"{asked}\n{seen}")
        return found

    def episode(self, run: str, trajectory_id: str) -> Trajectory:
        """Return one episode by its trajectory's id. Raises LedgerError if there is none."""
        query = episodes.query(run, {"trajectory_id": trajectory_id}, columns=["trajectory"])
        rows = self._store.rows(query)
        if not rows:
            raise LedgerError(f"run {run} has no trajectory {trajectory_id!r}")
        return Trajectory.from_json(rows[0].trajectory)

    # What a generation came to

    def add_update(
        self, run: str, generation: int, kind: str, payload: Mapping[str, object]
    ) -> bool:
        """Write down what an update came to; return False if that was done already."""
        row = {"run": run, "generation": generation, "kind": kind, "payload": dict(payload)}
        row["created"] = now()
        return self._store.insert(tables.updates, row, key=tables.GENERATION_KEY)

    def get_update(self, run: str, generation: int, kind: str) -> Update | None:
        """Return what an update came to. None: it was not done yet."""
        return next(iter(self.updates(run, generation=generation, kind=kind)), None)

    def updates(
        self, run: str, *, generation: int | None = None, kind: str | None = None
    ) -> tuple[Update, ...]:
        """Return updates in the order in which they were done; None means any."""
        rows = self._of_run(tables.updates, run, generation=generation, kind=kind)
        return tuple(Update(**row) for row in rows)

    def add_verdict(
        self, run: str, generation: int, kind: str, verdict: str, evidence: Mapping[str, object]
    ) -> bool:
        """Write a verdict of the gate down; return False if that was done already."""
        row = {"run": run, "generation": generation, "kind": kind, "verdict": verdict}
        row |= {"evidence": dict(evidence), "created": now()}
        return self._store.insert(tables.verdicts, row, key=tables.GENERATION_KEY)

    def get_verdict(self, run: str, generation: int, kind: str) -> VerdictRecord | None:
        """Return a verdict. None: there is none yet."""
        return next(iter(self.verdicts(run, generation=generation, kind=kind)), None)

    def verdicts(
        self, run: str, *, generation: int | None = None, kind: str | None = None
    ) -> tuple[VerdictRecord, ...]:
        """Return verdicts in the order in which they were given; None means any."""
        rows = self._of_run(tables.verdicts, run, generation=generation, kind=kind)
        return tuple(VerdictRecord(**row) for row in rows)

    def add_usage(
        self,
        run: str,
        generation: int,
        phase: str,
        *,
        n_prompt_tokens: int = 0,
        n_reply_tokens: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Add to what a phase has cost."""
        row = {"run": run, "generation": generation, "phase": phase, "seconds": seconds}
        row |= {"n_prompt_tokens": n_prompt_tokens, "n_reply_tokens": n_reply_tokens}
        self._store.insert(tables.usage, row | {"created": now()})

    def usage(self, run: str) -> tuple[Usage, ...]:
        """Return what each phase of each generation has cost, summed, first come first."""
        columns = tables.usage.c
        sums = (columns.n_prompt_tokens, columns.n_reply_tokens, columns.seconds)
        query = (
            sa.select(
                columns.generation,
                columns.phase,
                *(sa.func.sum(one).label(one.name) for one in sums),
            )
            .where(columns.run == run)
            .group_by(columns.generation, columns.phase)
            .order_by(columns.generation, sa.func.min(columns.id))
        )
        return tuple(Usage(**row._mapping) for row in self._store.rows(query))

    # Adapters

    def add_adapter(
        self,
        run: str,
        generation: int,
        name: str,
        *,
        parents: tuple[str, ...],
        path: str,
        data_hash: str,
    ) -> bool:
        """Write an adapter down; return False if the very same was there already.

        Raises:
            LedgerError: Another adapter has, or had, this name.
        """
        row = {"run": run, "generation": generation, "name": name, "parents": list(parents)}
        row |= {"path": path, "data_hash": data_hash, "created": now()}
        if self._store.insert(tables.adapters, row, key=["name"]):
            return True
        old = self.adapter(name)
        if (old.run, old.generation, old.data_hash) != (run, generation, data_hash):
            raise LedgerError(
                f"adapter {name!r} is of run {old.run}, generation {old.generation}: a name is "
                "never used again"
            )
        return False

    def add_adapter_scores(self, name: str, *, before: float, after: float) -> bool:
        """Write down what an adapter changed; return False if that was done already."""
        row = {"name": name, "score_before": before, "score_after": after, "created": now()}
        return self._store.insert(tables.adapter_scores, row, key=["name"])

    def adapters(self, run: str) -> tuple[AdapterRecord, ...]:
        """Return a run's adapters, oldest first."""
        return self._adapters(tables.adapters.c.run == run)

    def adapter(self, name: str) -> AdapterRecord:
        """Return an adapter by name. Raises LedgerError if there is none."""
        found = self._adapters(tables.adapters.c.name == name)
        if not found:
            raise LedgerError(f"ledger {self._store.name}: no adapter {name!r}")
        return found[0]

    def _adapters(self, which: sa.ColumnElement[bool]) -> tuple[AdapterRecord, ...]:
        made, scored = tables.adapters, tables.adapter_scores
        query = (
            sa.select(
                *(column for column in made.c if column.name != "id"),
                scored.c.score_before,
                scored.c.score_after,
            )
            .select_from(made.outerjoin(scored, made.c.name == scored.c.name))
            .where(which)
            .order_by(made.c.id)
        )
        return tuple(
            AdapterRecord(**{**row._mapping, "parents": tuple(row.parents)})
            for row in self._store.rows(query)
        )

    # Events

    def add_event(self, run: str, kind: str, payload: Mapping[str, object] | None = None) -> None:
        """Write down that something happened: a promotion, a rollback, a resumption."""
        row = {"run": run, "at": now(), "kind": kind, "payload": dict(payload or {})}
        self._store.insert(tables.events, row)

    def events(self, run: str, *, kind: str | None = None) -> tuple[Event, ...]:
        """Return a run's events in their order, of one kind or of all."""
        return tuple(Event(**row) for row in self._of_run(tables.events, run, kind=kind))

    def _of_run(
        self, table: sa.Table, run: str, **equal: int | str | None
    ) -> Iterator[dict[str, Any]]:
        """Yield rows of a run as they were written, without id and run."""
        query = sa.select(*(one for one in table.c if one.name not in ("id", "run")))
        query = query.where(table.c.run == run).order_by(table.c.id)
        for name, value in equal.items():
            if value is not None:
                query = query.where(table.c[name] == value)
        return (dict(row._mapping) for row in self._store.rows(query))
