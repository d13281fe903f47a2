"""From events to lessons: what a memory holds after them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from agentevo.memory.errors import LessonNotFoundError, MemoryAccessError
from agentevo.memory.lesson import Lesson, from_row, provenance_from
from agentevo.memory.log import Event


@dataclass(slots=True)
class State:
    """The lessons as of one version. Grows by `apply`, event after event."""

    version: int = 0
    lessons: dict[str, Lesson] = field(default_factory=dict)
    """Every lesson that ever was, by id, whatever its status."""
    spoken_for: dict[str, str] = field(default_factory=dict)
    """By content key: the id of the lesson that has these words, or took them in."""
    born: dict[str, int] = field(default_factory=dict)
    """By id: the version of the lesson's first event."""
    changed: dict[str, int] = field(default_factory=dict)
    """By id: the version of the lesson's last event."""

    @property
    def active(self) -> tuple[Lesson, ...]:
        """The lessons that may be recalled, oldest first."""
        return tuple(one for one in self.lessons.values() if one.status == "active")

    def get(self, lesson_id: str) -> Lesson:
        """Return a lesson by id. Raises LessonNotFoundError."""
        try:
            return self.lessons[lesson_id]
        except KeyError:
            raise LessonNotFoundError(
                f"no lesson {lesson_id!r} here; there are {len(self.lessons)} lessons"
            ) from None

    def apply(self, event: Event) -> None:
        """Take one more event in. It must be the next one."""
        if event.version != self.version + 1:
            raise MemoryAccessError(
                f"the log of scope {event.scope!r} has version {event.version} where "
                f"{self.version + 1} should be: events were taken out or changed"
            )
        lesson = after_event(self.lessons.get(event.lesson_id), event)
        self.lessons[lesson.id] = lesson
        if event.kind == "revise":  # its earlier words, and those it took in, may say otherwise
            mine = [key for key, one in self.spoken_for.items() if one == lesson.id]
            for key in mine:
                del self.spoken_for[key]
        self.spoken_for.setdefault(lesson.content_key, lesson.id)
        if event.kind == "merge" and "content_key" in event.payload:
            self.spoken_for.setdefault(str(event.payload["content_key"]), lesson.id)
        self.born.setdefault(lesson.id, event.version)
        self.changed[lesson.id] = event.version
        self.version = event.version


def fold(events: Iterable[Event]) -> State:
    """Return the state after all these events, which begin with the first."""
    state = State()
    for event in events:
        state.apply(event)
    return state


def unfolded(events: Iterable[Event]) -> list[tuple[Event, Lesson]]:
    """Return events with the lesson as each of them left it.

    Args:
        events: In their order; of each lesson from its first one on.
    """
    lessons, found = dict[str, Lesson](), []
    for event in events:
        lessons[event.lesson_id] = after_event(lessons.get(event.lesson_id), event)
        found.append((event, lessons[event.lesson_id]))
    return found


def after_event(lesson: Lesson | None, event: Event) -> Lesson:
    """Return a lesson as it stands after its next event."""
    data = event.payload
    if event.kind == "insert":
        return from_row(_mapping(data["lesson"]))
    if lesson is None:
        raise MemoryAccessError(
            f"event {event.version} of scope {event.scope!r} changes lesson "
            f"{event.lesson_id!r}, which was never inserted"
        )
    if event.kind == "merge" and "into" in data:
        return replace(lesson, status="merged")
    if event.kind == "merge":
        return lesson.with_provenance(provenance_from(data["provenance"]))
    changes = {
        "revise": ("situation", "advice", "kind"),
        "retire": ("status",),
        "restore": ("status",),
        "pin": ("pinned",),
        "quarantine": ("status",),
        "release": ("status",),
    }[event.kind]
    return replace(lesson, **{name: data[name] for name in changes if name in data})  # type: ignore[arg-type]


def _mapping(value: object) -> dict[str, object]:
    """Narrow a JSON value to an object."""
    if not isinstance(value, dict):
        raise MemoryAccessError(f"the log holds {value!r} where a lesson should be")
    return value
