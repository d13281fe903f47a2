"""`agentevo memory`: what an agent has learned, read from the ledger alone.

Works while the run goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from agentevo.cli import output
from agentevo.cli.runs import RUN
from agentevo.cli.values import check_choice

if TYPE_CHECKING:
    from agentevo.memory import Lesson, Utility
    from agentevo.run import Run

app = typer.Typer(help="Lessons of a run: list, search, show.", no_args_is_help=True)


@app.command("list")
def list_(
    run: str = RUN,
    status: str | None = typer.Option(
        None, help="Only active, pending, retired, internalised or merged.", show_default="all"
    ),
    as_json: bool = output.AS_JSON,
) -> None:
    """List the lessons of a run with what they have proven to be worth."""
    from agentevo.memory import Status, lessons
    from agentevo.run import Run

    check_choice("--status", status, Status)
    opened = Run.open(run)
    try:
        found = [
            one
            for one in lessons(opened.ledger.engine, opened.scope)
            if status in (None, one.status)
        ]
        worth = Worth.of(opened)
    finally:
        opened.close()
    if as_json:
        output.print_json([worth.facts(one) for one in found])
    elif not found:
        print("no lessons" + (f" that are {status}" if status else ""))
    else:
        _print_lessons(found, worth)


@app.command("search")
def search(
    run: str = RUN,
    query: str = typer.Argument(help="A situation, in words."),
    n: int = typer.Option(10, "-n", min=1, help="How many at most."),
    as_json: bool = output.AS_JSON,
) -> None:
    """Find the active lessons whose situation is nearest to a query."""
    from agentevo.memory import take_snapshot
    from agentevo.run import Run

    if not query.strip():
        raise typer.BadParameter("the query is empty")
    opened = Run.open(run)
    try:
        snapshot = take_snapshot(opened.ledger.engine, opened.scope, opened.embedder())
        worth = Worth.of(opened)
        least = opened.config.memory.abstain_below
        near: list[float] = []
        if snapshot.lessons:
            near = (snapshot.vectors @ opened.embedder().embed([query])[0]).tolist()
    finally:
        opened.close()
    ranked = sorted(zip(near, snapshot.lessons, strict=False), key=lambda pair: -pair[0])[:n]
    if as_json:
        output.print_json([{"similarity": near} | worth.facts(one) for near, one in ranked])
    elif not ranked:
        print("no active lessons to search")
    else:
        _print_lessons([one for _, one in ranked], worth, [near for near, _ in ranked])
        print(f"an agent recalls nothing where the nearest is below {least} (memory.abstain_below)")


@app.command("show")
def show(
    run: str = RUN,
    lesson: str = typer.Argument(metavar="LESSON_ID", help="Its id, or the beginning of it."),
    as_json: bool = output.AS_JSON,
) -> None:
    """Show one lesson: its words, its worth, where it came from, and its history."""
    from agentevo.memory import history, lessons
    from agentevo.run import Run

    opened = Run.open(run)
    try:
        found = pick(lesson, lessons(opened.ledger.engine, opened.scope))
        worth = Worth.of(opened)
        events = history(opened.ledger.engine, found.id)
    finally:
        opened.close()
    facts = worth.facts(found)
    if as_json:
        output.print_json(facts | {"events": events})
        return
    print(f"{found.id} ({found.kind}, {found.status}{', pinned' if found.pinned else ''})")
    print(found.text)
    counts = worth.counts(found)
    print(
        f"utility: {worth.text(found)}{f', of episodes with / without: {counts}' if counts else ''}"
    )
    print(f"shown in {facts['n_shown']} episodes, withheld from {facts['n_withheld']}")
    for source in found.provenance:
        print(f"from generation {source.generation}, written by {source.distiller}, out of:")
        for trajectory in source.trajectories:
            print(f"  {trajectory}")
    output.print_table(
        ["version#", "event", "at", "by", "why"],
        [[e.version, e.kind, f"{e.at:%Y-%m-%d %H:%M:%S}", e.who, e.why] for e in events],
    )


def pick(prefix: str, found: tuple[Lesson, ...]) -> Lesson:
    """Return the lesson whose id begins so.

    Raises:
        LessonNotFoundError: none does, or several do.
    """
    from agentevo.memory import LessonNotFoundError

    exact = [one for one in found if one.id == prefix]
    matches = exact or [one for one in found if prefix and one.id.startswith(prefix)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        ids = ", ".join(one.id for one in matches[:5])
        raise LessonNotFoundError(f"{len(matches)} lessons begin with {prefix!r}: {ids}")
    raise LessonNotFoundError(f"there is no lesson {prefix!r}; there are {len(found)} lessons")


class Worth:
    """What the lessons of a run were worth in acquisition, as far as its episodes tell."""

    def __init__(
        self, utility: dict[str, Utility], shown: dict[str, int], withheld: dict[str, int]
    ) -> None:
        """Take utilities and counts of episodes, by lesson id."""
        self._utility, self._shown, self._withheld = utility, shown, withheld

    @classmethod
    def of(cls, run: Run) -> Worth:
        """Read it from a run's episodes."""
        from collections import Counter

        from agentevo.memory import utilities
        from agentevo.updating.in_context import uses_of

        episodes = list(run.ledger.episodes(run.id, purpose="acquisition"))
        shown = Counter(one for e in episodes for one in e.recall.injected)
        withheld = Counter(one for e in episodes for one in e.recall.withheld)
        return cls(utilities(uses_of(episodes)), dict(shown), dict(withheld))

    def facts(self, lesson: Lesson) -> dict[str, Any]:
        """Return a lesson with its worth, ready for JSON."""
        from dataclasses import asdict

        worth = self._utility.get(lesson.id)
        return asdict(lesson) | {
            "text": lesson.text,
            "utility": asdict(worth) | {"verdict": worth.verdict} if worth else None,
            "n_shown": self._shown.get(lesson.id, 0),
            "n_withheld": self._withheld.get(lesson.id, 0),
        }

    def text(self, lesson: Lesson) -> str:
        """Return a lesson's utility in a few words; nothing where it is not known."""
        worth = self._utility.get(lesson.id)
        if worth is None or not min(worth.n_injected, worth.n_withheld):
            return "not known yet"
        return f"{worth.mean:+.2f} ({worth.low:+.2f} to {worth.high:+.2f})"

    def counts(self, lesson: Lesson) -> str:
        """Return how many episodes with and without a lesson its utility rests on."""
        worth = self._utility.get(lesson.id)
        return f"{worth.n_injected} / {worth.n_withheld}" if worth else ""


def _print_lessons(lessons: list[Lesson], worth: Worth, near: list[float] | None = None) -> None:
    head = ["near#"] if near else []
    output.print_table(
        [*head, "id!", "status", "utility", "with / without#", "lesson"],
        [
            [*([f"{near[i]:.2f}"] if near else []), one.id, one.status, worth.text(one),
             worth.counts(one), one.text]
            for i, one in enumerate(lessons)
        ],
    )  # fmt: skip
