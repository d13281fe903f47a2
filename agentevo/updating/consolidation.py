"""Consolidation: lessons that the weights have learned leave the prompt.

Proposed are lessons that stood in the prompts of the traces an adapter was trained on, were taken
out of them, and that credit has not shown to be harmful: those it thinks most of come first. They
leave the memory only when held-out tasks show that nothing is lost without them, and come back when
the adapter is no longer in force.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from agentevo.experience import Trajectory
from agentevo.ledger import Ledger
from agentevo.memory import Lesson, Memory, Utility

UPDATES = ("internalised", "internalised, half")
"""Kinds of the updates in the ledger: of all that was proposed, and of half of it."""


def proposed(
    lessons: Iterable[Lesson],
    trained: Sequence[Trajectory],
    credit: Mapping[str, Utility],
    *,
    min_traces: int,
) -> list[str]:
    """Return ids of lessons that the weights may have learned, those with most credit first.

    Args:
        lessons: of the memory.
        trained: traces that the adapter was trained on, without their lessons.
        credit: what lessons are worth; one that is not known yet is not proposed.
        min_traces: that a lesson must have stood in.
    """
    shown = Counter(name for one in trained for name in one.recall.injected)
    found = [
        one.id
        for one in lessons
        if one.status == "active"
        and not one.pinned
        and shown[one.id] >= min_traces
        and one.id in credit
        and credit[one.id].verdict != "harmful"
    ]
    return sorted(found, key=lambda name: (-credit[name].mean, name))


def internalise(
    memory: Memory, lessons: Sequence[str], *, generation: int, attempt: int, adapter: str
) -> int:
    """Take lessons out of recall, once; return the memory's version after it."""
    for name in lessons:
        memory.retire(
            name, who=f"generation {generation}", why=f"the weights know it: {adapter}",
            status="internalised", key=f"internalise/{generation}/{attempt}/{name}",
        )  # fmt: skip
    return memory.version


def known_by(ledger: Ledger, run: str, version: int | None = None) -> dict[str, str]:
    """Return which adapter each lesson was internalised in that ever was.

    Args:
        ledger: of the run.
        run: its id.
        version: of the memory, up to which; None: the latest.
    """
    found: dict[str, str] = {}
    for update in ledger.updates(run):
        if update.kind not in UPDATES:
            continue
        if version is not None and int(str(update.payload["version_after"])) > version:
            continue
        adapter, names = str(update.payload["adapter"]), update.payload["lessons"]
        if isinstance(names, list):
            found |= dict.fromkeys(map(str, names), adapter)
    return found


def bring_back(memory: Memory, known: Mapping[str, str], adapter: str, *, who: str) -> int:
    """Make lessons active again whose adapter is no longer in force; return how many.

    Args:
        memory: open for writing.
        known: see `known_by`.
        adapter: that is in force now.
        who: recorded with each event.
    """
    away = [
        one.id
        for one in memory.lessons
        if one.status == "internalised" and known.get(one.id, adapter) != adapter
    ]
    for name in away:
        memory.restore(name, who=who, why=f"{known[name]} is no longer in force")
    return len(away)
