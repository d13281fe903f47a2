"""Lessons: their log, their index, recall and credit. Stands alone.

The log in SQL is the truth, Chroma an index over the active lessons, a Snapshot the
read-only memory as of one version. Importing this loads no model and no Chroma.
"""

from agentevo.memory import exchange
from agentevo.memory.boilerplate import Boilerplate
from agentevo.memory.conflicts import conflicts, contradict
from agentevo.memory.credit import Use, Utility, Verdict, utilities, utility
from agentevo.memory.difference import Difference, difference
from agentevo.memory.embedding import Embedder, MiniLM, SentenceModel
from agentevo.memory.errors import (
    LessonError,
    LessonNotFoundError,
    MemoryAccessError,
    MemoryUseError,
)
from agentevo.memory.fold import after_event, unfolded
from agentevo.memory.forgetting import STRATEGIES as FORGETTING
from agentevo.memory.forgetting import Standing, forgotten
from agentevo.memory.intake import Written
from agentevo.memory.lesson import Kind, Lesson, Provenance, Status
from agentevo.memory.likeness import MergeSettings
from agentevo.memory.log import Event, EventKind, events, latest
from agentevo.memory.mending import Mended
from agentevo.memory.readers import Identity, history, identity, lessons, scopes
from agentevo.memory.recall import (
    Candidate,
    Recalled,
    RecallSettings,
    Withholding,
    count_words,
    episode_rng,
)
from agentevo.memory.scanner import Danger, Finding, redact, scan
from agentevo.memory.schema import connect, create, metadata
from agentevo.memory.snapshot import Snapshot, take_snapshot
from agentevo.memory.store import Memory
from agentevo.memory.words import content_words

__all__ = [
    "FORGETTING",
    "Boilerplate",
    "Candidate",
    "Danger",
    "Difference",
    "Embedder",
    "Event",
    "EventKind",
    "Finding",
    "Identity",
    "Kind",
    "Lesson",
    "LessonError",
    "LessonNotFoundError",
    "Memory",
    "MemoryAccessError",
    "MemoryUseError",
    "Mended",
    "MergeSettings",
    "MiniLM",
    "Provenance",
    "RecallSettings",
    "Recalled",
    "SentenceModel",
    "Snapshot",
    "Standing",
    "Status",
    "Use",
    "Utility",
    "Verdict",
    "Withholding",
    "Written",
    "after_event",
    "conflicts",
    "connect",
    "content_words",
    "contradict",
    "count_words",
    "create",
    "difference",
    "episode_rng",
    "events",
    "exchange",
    "forgotten",
    "history",
    "identity",
    "latest",
    "lessons",
    "metadata",
    "redact",
    "scan",
    "scopes",
    "take_snapshot",
    "unfolded",
    "utilities",
    "utility",
]
