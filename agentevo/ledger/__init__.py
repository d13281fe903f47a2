"""The run's append-only history in SQL: the one source of truth."""

from agentevo.ledger.errors import LedgerError
from agentevo.ledger.ledger import Ledger
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

__all__ = [
    "AdapterRecord",
    "EpisodeFilter",
    "EpisodeKey",
    "EpisodeSummary",
    "Event",
    "Ledger",
    "LedgerError",
    "RecalledEpisode",
    "Run",
    "RunStatus",
    "Update",
    "Usage",
    "VerdictRecord",
]
