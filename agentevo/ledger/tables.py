"""The ledger's tables as they stand after the last migration, for queries.

`migrations` makes them; a test holds the two together.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

schema_version = sa.Table(
    "schema_version",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
)


def _table(name: str, *columns: sa.Column[object], id_of_its_own: bool = True) -> sa.Table:
    """Return a table; where it has an id of its own, that gives the order of writing."""
    first = [sa.Column("id", sa.Integer, primary_key=True)] if id_of_its_own else []
    return sa.Table(name, metadata, *first, *columns)


def _whole(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Integer, nullable=False)


def _real(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Double, nullable=False)


def _text(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=False)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON, nullable=False)


runs = _table(
    "runs",
    sa.Column("id", sa.Text, primary_key=True),
    _text("name"),
    _json("configuration"),
    _text("fingerprint"),
    _text("created"),
    id_of_its_own=False,
)

episodes = _table(
    "episodes",
    _text("run"),
    _whole("generation"),
    _text("purpose"),
    _text("arm"),
    _text("task_id"),
    _whole("attempt"),
    _text("trajectory_id"),
    _text("benchmark"),
    _text("split"),
    _whole("difficulty"),
    _text("ending"),
    sa.Column("success", sa.Boolean, nullable=False),
    _real("score"),
    _real("best_score"),
    _whole("n_steps"),
    _whole("n_prompt_tokens"),
    _whole("n_reply_tokens"),
    _real("seconds"),
    _whole("memory_version"),
    _text("adapter"),
    _text("created"),
    _json("trajectory"),
)

updates = _table(
    "updates",
    _text("run"),
    _whole("generation"),
    _text("kind"),
    _json("payload"),
    _text("created"),
)

verdicts = _table(
    "verdicts",
    _text("run"),
    _whole("generation"),
    _text("kind"),
    _text("verdict"),
    _json("evidence"),
    _text("created"),
)

adapters = _table(
    "adapters",
    _text("name"),
    _json("parents"),
    _text("path"),
    _text("data_hash"),
    _text("run"),
    _whole("generation"),
    _text("created"),
)

adapter_scores = _table(
    "adapter_scores",
    sa.Column("name", sa.Text, primary_key=True),
    _real("score_before"),
    _real("score_after"),
    _text("created"),
    id_of_its_own=False,
)

events = _table("events", _text("run"), _text("at"), _text("kind"), _json("payload"))

usage = _table(
    "usage",
    _text("run"),
    _whole("generation"),
    _text("phase"),
    _whole("n_prompt_tokens"),
    _whole("n_reply_tokens"),
    _real("seconds"),
    _text("created"),
)

EPISODE_KEY = ("run", "generation", "purpose", "arm", "task_id", "attempt")
GENERATION_KEY = ("run", "generation", "kind")
