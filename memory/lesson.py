"""Lesson: one thing learned, in text, with the situation in which it applies."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal, get_args

from agentevo.memory.errors import LessonError

Kind = Literal["rule", "strategy", "warning", "policy"]
"""rule: how this world works; strategy: how to go about it; warning: what to leave; policy: what
stands in every prompt, and is not recalled."""

Status = Literal["active", "pending", "quarantined", "retired", "internalised", "merged"]
"""Only an active lesson is recalled. pending: waits for a release. quarantined: suspicious, and a
person has to look at it. retired: taken out, the log says why. internalised: the weights know it
now. merged: another lesson speaks for it."""

MAX_CHARACTERS = 2_000
"""The longest situation or advice that is taken, in characters."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a lesson came from: which experience, and who put it into words."""

    distiller: str
    """Who wrote it: a model and strategy, or `user:NAME` for a lesson added by hand."""
    trajectories: tuple[str, ...] = ()
    """Ids of the trajectories it was drawn from. Empty only for a lesson added by hand."""
    generation: int | None = None
    """The generation in which it was written. None: outside of any."""
    prompt_hash: str = ""
    """Hash of the distiller's prompt. Empty: there was none."""
    steps: tuple[str, ...] = ()
    """The steps that say most of it, each as `TRAJECTORY#N`, N from 1. Empty: none was found."""
    taint: tuple[str, ...] = ()
    """What of it nobody vouches for: `tool:NAME`, or a step and what is suspicious in it."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One thing learned. Its id follows from its scope and words: the same lesson, the same id."""

    situation: str
    """When it applies, without the word "when". This is what is embedded."""
    advice: str
    """What to do or know then."""
    scope: str
    """Whose lesson it is: a benchmark, a user, any label."""
    provenance: tuple[Provenance, ...]
    """Every source, in the order of their coming; never empty."""
    kind: Kind = "rule"
    status: Status = "active"
    pinned: bool = False
    """A pinned lesson is not retired by the update, only by a person."""
    id: str = ""
    """Given by the scope and the words when left empty; a revision keeps it."""

    def __post_init__(self) -> None:
        """Tidy the words, refuse what cannot be a lesson, and settle the id."""
        situation = re.sub(r"(?i)^when(ever)?(\s+|$)", "", _tidy(self.situation)).rstrip(" ,:;.")
        object.__setattr__(self, "situation", situation)
        object.__setattr__(self, "advice", _tidy(self.advice))
        for name in ("situation", "advice", "scope"):
            if not getattr(self, name):
                raise LessonError(f"this lesson has no {name}: {self.text[:200]!r}")
        for name in ("situation", "advice"):
            if len(getattr(self, name)) > MAX_CHARACTERS:
                raise LessonError(
                    f"the {name} has {len(getattr(self, name)):,} characters; "
                    f"a lesson takes {MAX_CHARACTERS:,}: say it more shortly"
                )
        if not self.provenance:
            raise LessonError(f"a lesson needs its provenance: {self.text!r}")
        for name, choices in (("kind", get_args(Kind)), ("status", get_args(Status))):
            if getattr(self, name) not in choices:
                raise LessonError(
                    f"unknown {name} {getattr(self, name)!r}; there are: {', '.join(choices)}"
                )
        if not self.id:
            digest = hashlib.sha256(f"{self.scope}\n{self.content_key}".encode()).hexdigest()
            object.__setattr__(self, "id", f"L{digest[:12]}")

    @property
    def text(self) -> str:
        """The lesson in one line, as a prompt quotes it."""
        return f"When {self.situation}: {self.advice}"

    @property
    def content_key(self) -> str:
        """Hash of the words, blind to case, spacing and a full stop: equal if said alike."""
        plain = "\n".join(
            unicodedata.normalize("NFKC", part).casefold().rstrip(" .!")
            for part in (self.situation, self.advice)
        )
        return hashlib.sha256(plain.encode()).hexdigest()[:32]

    @property
    def trajectories(self) -> tuple[str, ...]:
        """Ids of all trajectories behind the lesson, each once."""
        return tuple(dict.fromkeys(t for source in self.provenance for t in source.trajectories))

    def with_provenance(self, more: tuple[Provenance, ...]) -> "Lesson":
        """Return the lesson with further sources, each kept once."""
        return replace(self, provenance=tuple(dict.fromkeys(self.provenance + more)))


_MANY = ("trajectories", "steps", "taint")


def to_row(lesson: Lesson) -> dict[str, object]:
    """Return a lesson as plain data for JSON."""
    return asdict(lesson)


def from_row(row: Mapping[str, object]) -> Lesson:
    """Return the lesson that `to_row` wrote. Raises LessonError on a foreign row."""
    known = {field.name for field in fields(Lesson)}
    if not known.issuperset(row):
        raise LessonError(f"unknown fields in a lesson: {sorted(set(row) - known)}")
    values = dict(row)
    values["provenance"] = provenance_from(values.get("provenance"))
    try:
        return Lesson(**values)  # type: ignore[arg-type]
    except TypeError as error:
        raise LessonError(f"not a lesson: {error}") from error


def provenance_from(rows: object) -> tuple[Provenance, ...]:
    """Return the sources written in JSON rows."""
    if not isinstance(rows, (list, tuple)):
        raise LessonError(f"provenance must be a list, not {type(rows).__name__}")
    try:
        return tuple(
            Provenance(**{**row, **{name: tuple(row.get(name, ())) for name in _MANY}})
            for row in rows
        )
    except (TypeError, AttributeError) as error:
        raise LessonError(f"not a provenance: {error}") from error


def _tidy(text: str) -> str:
    """Put a text on one line, without what cannot be seen, since prompts quote it."""
    if not isinstance(text, str):
        raise LessonError(f"a lesson is made of text, not of {type(text).__name__}")
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    seen = (c for c in text if unicodedata.category(c) != "Cf")
    printable = "".join(c if c.isprintable() else " " for c in seen)
    return " ".join(printable.split())
