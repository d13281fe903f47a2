"""The log, the state folded from it, and the index of one scope, kept together.

Knows in which order things are written; `store` knows what a user may ask for.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa

from agentevo.memory.embedding import Embedder
from agentevo.memory.fold import State
from agentevo.memory.index import Index
from agentevo.memory.intake import digest
from agentevo.memory.likeness import Likeness, MergeSettings
from agentevo.memory.log import Draft, EventKind, append, append_after, events
from agentevo.memory.mending import Mended, bring_after, compare
from agentevo.memory.vectors import Progress, vectors_of

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
        self._waiting: dict[str, None] = {}  # ids whose index entries do not follow the log yet
        self._unsettled: dict[str, None] = {}  # ids that were not compared with the others yet

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

    def write(self, drafts: Sequence[Draft], *, follow: bool = True) -> tuple[int, ...]:
        """Append events to the log, take them in, and bring the index after them.

        If the index fails, the events stand all the same, and it is brought after them at the
        next chance, or at the next opening.

        Args:
            drafts: What is to be written, in one transaction.
            follow: False leaves the index behind until `follow` is called.
        """
        versions = append(self._engine, self._scope, drafts) if drafts else ()
        self.read_on()
        if follow:
            self.follow()
        return versions

    def take_in(self, drafts: Sequence[Draft], *, follow: bool) -> bool:
        """Write events that were planned on the state as it is; the near-duplicate finder stays.

        Returns:
            Whether they were written; False: somebody else wrote meanwhile, and nothing was done.
        """
        likeness, self.likeness = self.likeness, None
        before = self.state.version
        if drafts and not append_after(self._engine, self._scope, drafts, before):
            self.read_on()
            return False
        self.read_on()
        if self.state.version - before <= len(drafts):
            self.likeness = likeness
        if follow:
            self.follow()
        return True

    @property
    def is_behind(self) -> bool:
        """Whether the index, or the search for near-duplicates, has yet to follow the log."""
        return bool(self._waiting or self._unsettled)

    def follow(self, progress: Progress | None = None) -> None:
        """Bring the index after the log, if it is behind."""
        if self._waiting:
            ids = list(self._waiting)
            bring_after(self.state, ids, self._index, self._engine, self._embedder, progress)
            self._waiting.clear()

    def settle(self, progress: Progress | None = None) -> None:
        """Merge what was inserted without waiting into what says the same, and `follow`."""
        self.read_on()
        while self._unsettled:
            compared = list(self._unsettled)
            if not self.take_in(self._duplicates(compared), follow=False):
                continue
            for lesson_id in compared:
                self._unsettled.pop(lesson_id, None)
        self.follow(progress)

    def _duplicates(self, ids: Sequence[str]) -> list[Draft]:
        """Return the events by which new lessons that say what another says are merged into it."""
        drafts: list[Draft] = []
        lessons = [self.state.lessons[i] for i in ids]
        lessons = [one for one in lessons if one.status == "active"]
        likeness = self.texts(without=ids)
        vectors = vectors_of(self._engine, self._embedder, [one.text for one in lessons])
        for lesson, vector in zip(lessons, vectors, strict=True):
            if lesson.pinned or not (found := likeness.find(lesson, vector)):
                likeness.add(lesson, vector)
                continue
            drafts += self.merging(lesson.id, found[0], who="settling", why="says the same")
            if self.state.lessons[found[0]].status == "pending":
                why, now = "learned again from new experience", dict[str, object](status="active")
                drafts.append(self.draft("restore", found[0], now, who="settling", why=why))
        return drafts

    def merging(self, gone_id: str, kept_id: str, *, who: str, why: str) -> list[Draft]:
        """Return the events by which one lesson speaks for another, with the sources of both."""
        gone = self.state.get(gone_id)
        sources: dict[str, object] = {
            "content_key": gone.content_key,
            "absorbed": gone.id,
            "provenance": [asdict(source) for source in gone.provenance],
        }
        return [
            self.draft("merge", kept_id, sources, who=who, why=why),
            self.draft("merge", gone.id, {"into": kept_id}, who=who, why=why),
        ]

    def read_on(self) -> None:
        """Take in what the log has beyond the state; the index has yet to follow."""
        new = events(self._engine, self._scope, after=self.state.version)
        for event in new:
            self.state.apply(event)
            self._waiting[event.lesson_id] = None
            self._unsettled.pop(event.lesson_id, None)
            if event.kind == "insert" and not event.payload.get("settled", True):
                self._unsettled[event.lesson_id] = None
        if any(event.kind not in ("retire", "pin") for event in new):
            self.likeness = None

    def mend(self, *, expected: bool = False, progress: Progress | None = None) -> Mended:
        """Make the index agree with the log, and say what that took (a warning, if unexpected)."""
        self.read_on()
        difference = compare(self.state, self._index.marks())
        late = [i for i in self._unsettled if i in difference.missing]  # that it died is no fault
        self._waiting, self._unsettled = dict.fromkeys(difference.ids), dict.fromkeys(late)
        self.settle(progress)
        if difference.ids:
            expected = expected or len(late) == len(difference.ids)
            level = logging.INFO if expected else logging.WARNING
            logger.log(level, "mended the index of scope %r: %s", self._scope, difference)
        return difference

    def texts(self, *, without: Collection[str] = ()) -> Likeness:
        """Return the near-duplicate finder, of all lessons not merged or in quarantine."""
        if self.likeness is None:
            away = ("merged", "quarantined")
            lessons = [
                one
                for one in self.state.lessons.values()
                if one.status not in away and one.kind != "policy" and one.id not in without
            ]
            vectors = vectors_of(self._engine, self._embedder, [one.text for one in lessons])
            self.likeness = Likeness(self._merging)
            for lesson, vector in zip(lessons, vectors, strict=True):
                self.likeness.add(lesson, vector)
        return self.likeness
