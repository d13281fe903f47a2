"""The log, the state folded from it, and the index of one scope, kept together.

Knows in which order things are written; `store` knows what a user may ask for.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from agentevo.memory.embedding import Embedder
from agentevo.memory.fold import State
from agentevo.memory.index import Index
from agentevo.memory.intake import digest
from agentevo.memory.likeness import Likeness, MergeSettings
from agentevo.memory.log import Draft, EventKind, append, events
from agentevo.memory.mending import Mended, bring_after, compare
from agentevo.memory.vectors import vectors_of

logger = logging.getLogger(__name__)


class Writer:
    """Writes events and brings state and index after them. Not safe among threads."""

    def __init__(
        self,
        engine: sa.Engine,
        scope: str,
        embedder: Embedder,
        index: Index,
        merging: MergeSettings,
    ) -> None:
        """Begin with an empty state; `mend` reads the log."""
        self.state = State()
        self.likeness: Likeness | None = None
        """The near-duplicate finder, if it is made and up to date."""
        self._engine, self._scope, self._embedder = engine, scope, embedder
        self._index, self._merging = index, merging
        self._behind = False

    def change(
        self,
        kind: EventKind,
        lesson_id: str,
        payload: dict[str, object],
        *,
        who: str,
        why: str,
        key: str | None = None,
    ) -> int:
        """Write one event, unless it would change nothing and has no key of its own."""
        lesson = self.state.get(lesson_id)
        if key is None and all(getattr(lesson, n) == value for n, value in payload.items()):
            return self.state.changed[lesson_id]
        draft = self.draft(kind, lesson_id, payload, who=who, why=why)
        return self.write([replace(draft, key=key) if key else draft])[0]

    def draft(
        self, kind: EventKind, lesson_id: str, payload: dict[str, object], *, who: str, why: str
    ) -> Draft:
        """Return an event whose key holds it to the lesson as it stands."""
        key = f"{kind}:{lesson_id}:{self.state.changed[lesson_id]}:{digest(payload)}"
        return Draft(kind, lesson_id, key, who, why, payload)

    def write(self, drafts: Sequence[Draft]) -> tuple[int, ...]:
        """Append events to the log, take them in, and bring the index after them.

        If the index fails, the events stand all the same, and the index is mended before
        the next write or at the next opening.
        """
        if self._behind:
            self.mend()
        versions = append(self._engine, self._scope, drafts) if drafts else ()
        self._behind = True
        touched = self.read_on()
        bring_after(self.state, touched, self._index, self._engine, self._embedder)
        self._behind = False
        return versions

    def read_on(self) -> dict[str, None]:
        """Take in what the log has beyond the state; return the ids it touched."""
        new = events(self._engine, self._scope, after=self.state.version)
        for event in new:
            self.state.apply(event)
        if any(event.kind not in ("retire", "pin") for event in new):
            self.likeness = None
        return dict.fromkeys(event.lesson_id for event in new)

    def mend(self, *, expected: bool = False) -> Mended:
        """Make the index agree with the log, and say what that took (a warning, if unexpected)."""
        self.read_on()
        difference = compare(self.state, self._index.marks())
        bring_after(self.state, difference.ids, self._index, self._engine, self._embedder)
        self._behind = False
        if difference.ids:
            level = logging.INFO if expected else logging.WARNING
            logger.log(level, "mended the index of scope %r: %s", self._scope, difference)
        return difference

    def texts(self) -> Likeness:
        """Return the near-duplicate finder, made of all lessons that were not merged."""
        if self.likeness is None:
            lessons = [one for one in self.state.lessons.values() if one.status != "merged"]
            vectors = vectors_of(self._engine, self._embedder, [one.text for one in lessons])
            self.likeness = Likeness(self._merging)
            for lesson, vector in zip(lessons, vectors, strict=True):
                self.likeness.add(lesson, vector)
        return self.likeness
