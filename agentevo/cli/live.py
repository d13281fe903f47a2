"""The live view of a run on stderr: a panel on a terminal, else a plain line now and then."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agentevo.cli.output import percent, percent_span, stderr
from agentevo.cli.progress import Progress, clock
from agentevo.evaluation.words import gate_words

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from agentevo.cycle import News

LINE_EVERY_S = 10.0
"""Between two plain lines of one phase."""

COLOURS = {"promote": "green", "hold": "yellow", "reject": "red"}


class View:
    """Shows news as they come; a context manager. May be told from any thread.

    Args:
        progress: what sums the news up.
        quiet: True: show nothing.
    """

    def __init__(self, progress: Progress, *, quiet: bool = False) -> None:
        """Set it up; nothing is shown yet."""
        self.progress = progress
        self._quiet = quiet
        self._console = stderr()
        self._live: Live | None = None
        self._lock = threading.RLock()
        self._last_line, self._last_phase = 0.0, (0, "")

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal and not self._quiet:
            from rich.live import Live

            self._live = Live(
                console=self._console, get_renderable=self.panel, refresh_per_second=2,
                transient=True,
            )  # fmt: skip
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the panel away."""
        if self._live is not None:
            self._live.stop()

    def __call__(self, news: News) -> None:
        """Take one piece of news in, and show it."""
        with self._lock:
            self.progress.take(news)
            if self._quiet:
                return
            if news.kind == "verdict":
                told = f"{news.decision}, {_told(news.text)}"
                self.say(f"generation {news.generation}: {told}")
            elif news.kind == "lessons":
                self.say(f"generation {news.generation}: lessons: {self.progress.lessons}")
            elif self._live is None:
                self._line()

    def say(self, text: str) -> None:
        """Print a line that stays, above the panel."""
        self._console.print(text, markup=False)

    def _line(self) -> None:
        """Print how it stands, at a phase's start, at its end, and now and then between."""
        now, progress = time.monotonic(), self.progress
        phase = (progress.generation, progress.phase)
        is_due = now - self._last_line >= LINE_EVERY_S
        is_end = progress.n_all > 0 and progress.n_done == progress.n_all
        if phase != self._last_phase or is_due or is_end:
            self._last_line, self._last_phase = now, phase
            self.say(self.line())

    def line(self) -> str:
        """Return how it stands in one line."""
        one = self.progress
        parts = [f"[{clock(one.elapsed_s)}]", self._where()]
        if one.n_all:
            parts.append(f"{one.n_done}/{one.n_all}")
        if one.detail:
            parts.append(one.detail)
        if won := one.success():
            parts.append(f"success {percent(won[2].estimate)}")
        if score := one.score():
            parts.append(f"score {percent_span(score.estimate, score)}")
        if one.n_seen and one.n_seen < one.n_done:
            parts.append(f"of the {one.n_seen} played now")
        if (left := one.left_s()) is not None:
            parts.append(f"about {clock(left)} left")
        return "  ".join(parts)

    def _where(self) -> str:
        one = self.progress
        phase = gate_words(one.phase)
        if not one.n_generations or not one.generation or one.phase == "test":
            return phase
        return f"generation {one.generation} of {one.n_generations}, {phase}"

    def panel(self) -> RenderableType:
        """Return the panel as it stands."""
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        with self._lock:
            one = self.progress
            table = Table.grid(padding=(0, 2))
            table.add_column(style="dim", no_wrap=True)
            table.add_column()
            table.add_row("now", Text(self._where()))
            if one.n_all:
                unit = "steps" if one.detail else "games" if "making" in one.phase else "episodes"
                table.add_row(unit, f"{one.n_done} of {one.n_all}  {one.detail}")
                table.add_row("", ProgressBar(total=one.n_all, completed=one.n_done, width=40))
            if won := one.success():
                n_won, n, rate = won
                table.add_row("success", f"{percent_span(rate.estimate, rate)}, {n_won} of {n}")
            if score := one.score():
                table.add_row("mean score", percent_span(score.estimate, score))
            if one.lessons:
                table.add_row("lessons", Text(one.lessons))
            for generation, decision, reason in one.verdicts[-4:]:
                text = Text(f"{generation}: ")
                text.append(decision, style=COLOURS.get(decision, ""))
                table.add_row("verdict", text.append(f"  {_told(reason)}"))
            left = one.left_s()
            about = "" if left is None else f", about {clock(left)} left"
            table.add_row("time", f"{clock(one.elapsed_s)}{about}")
            return Panel(table, title="agentevo", title_align="left", expand=False)


def _told(verdict: str) -> str:
    """Return a verdict's reason with what stood at the gate in words."""
    what, _, why = verdict.partition(": ")
    return f"{gate_words(what)}: {why}"
