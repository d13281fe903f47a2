"""Plots as inline SVG that follow the page's colours, light or dark, and scale to a phone.

Made by hand: no fonts, no scripts, no references; colours are classes of `report.html`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from agentevo.evaluation.statistics import Interval

WIDTH = 420
_TOP, _BOTTOM, _RIGHT = 8, 26, 24


@dataclass(frozen=True)
class Mark:
    """One estimate in a plot."""

    at: str
    """Which row, or which place on the x axis."""
    value: Interval
    """0..1"""


@dataclass(frozen=True)
class Series:
    """Marks of one colour and shape."""

    name: str
    style: int
    """0..3"""
    marks: tuple[Mark, ...]


def bars(title: str, items: Sequence[tuple[str, int, Interval]]) -> Markup:
    """Draw horizontal bars with intervals: label, style and value (0..1) of each."""
    left = max(76, 14 + 8 * max((len(label) for label, _, _ in items), default=0))
    right, row = 62, 40
    height = _TOP + row * len(items) + _BOTTOM
    x = _Scale(left, WIDTH - right)
    parts = _x_grid(x, height)
    for n, (label, style, value) in enumerate(items):
        middle = _TOP + row * n + row / 2
        parts += [
            _text(left - 8, middle + 5, label, "end"),
            f'<rect class="bar s{style}" x="{left}" y="{middle - 11:.1f}" height="22" '
            f'width="{x(value.estimate) - left:.1f}"/>',
            _whisker(x(value.low), middle, x(value.high), middle, "ink"),
            _text(WIDTH, middle + 5, _percent(value), "end", "strong"),
        ]
    told = "; ".join(f"{label} {_told(value)}" for label, _, value in items)
    return _svg(title, told, height, parts)


def lines(title: str, series: Sequence[Series], x_label: str) -> Markup:
    """Draw lines with intervals over a common x axis, in the order in which its places occur."""
    left, height, bottom = 54, 290, 44
    x_places = sorted({mark.at for one in series for mark in one.marks}, key=int)
    top = _TOP + 20 * len(series)
    ends = (0, len(x_places) - 1) if len(x_places) > 1 else (-1, 1)  # one alone: in the middle
    x = _Scale(left + 24, WIDTH - _RIGHT - 24, *ends)
    y = _Scale(height - bottom, top + 6)
    parts = []
    for tenth in (0, 25, 50, 75, 100):
        at = y(tenth / 100)
        parts.append(_line(left, at, WIDTH - _RIGHT, at, "grid"))
        parts.append(_text(left - 6, at + 5, f"{tenth} %", "end"))
    every = -(-len(x_places) // 12)
    for n, place in enumerate(x_places):
        if n % every == 0:
            parts.append(_text(x(n), height - bottom + 18, place, "middle"))
    parts.append(_text((left + WIDTH) / 2, height - 4, x_label, "middle"))
    told = []
    for k, one in enumerate(series):
        shift = 9 * (k - (len(series) - 1) / 2)
        spots = [
            (x(x_places.index(mark.at)) + shift, y(mark.value.estimate), mark.value)
            for mark in one.marks
        ]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py, _ in spots)
        parts.append(f'<polyline class="line s{one.style}" points="{path}"/>')
        for px, py, value in spots:
            parts.append(_whisker(px, y(value.low), px, y(value.high), f"s{one.style}"))
            parts.append(_shape(px, py, one.style))
        told += [f"{one.name}, {x_label} {mark.at}: {_told(mark.value)}" for mark in one.marks]
    parts += _legend(series, left)
    return _svg(title, "; ".join(told), height, parts)


def dots(title: str, series: Sequence[Series]) -> Markup:
    """Draw one row for each place, with the series' marks side by side and their intervals."""
    left = 70
    rows = list(dict.fromkeys(mark.at for one in series for mark in one.marks))
    row = 12 * len(series) + 10
    top = _TOP + 20 * len(series)
    height = top + row * len(rows) + _BOTTOM
    x = _Scale(left, WIDTH - _RIGHT)
    parts = _x_grid(x, height, top)
    told = []
    for n, place in enumerate(rows):
        middle = top + row * n + row / 2
        parts.append(_text(left - 8, middle + 5, place, "end"))
        if n:
            parts.append(_line(0, middle - row / 2, WIDTH, middle - row / 2, "grid"))
    for k, one in enumerate(series):
        for mark in one.marks:
            at = top + row * rows.index(mark.at) + row / 2 + 12 * (k - (len(series) - 1) / 2)
            value = mark.value
            parts.append(_whisker(x(value.low), at, x(value.high), at, f"s{one.style}"))
            parts.append(_shape(x(value.estimate), at, one.style))
            told.append(f"{mark.at}, {one.name}: {_told(value)}")
    parts += _legend(series, left)
    return _svg(title, "; ".join(told), height, parts)


def against(title: str, marks: Sequence[tuple[float, int, Mark]], x_label: str) -> Markup:
    """Draw marks over an axis of numbers: place (0 or more), style and mark of each.

    Each is named where it stands; marks that are near one another have their names in rows.
    """
    left, height, bottom = 54, 330, 44
    most = max((place for place, _, _ in marks), default=0.0) or 1.0
    x = _Scale(left + 16, WIDTH - _RIGHT - 60, 0.0, most)
    y = _Scale(height - bottom, _TOP + 10)
    parts = []
    for share in (0, 25, 50, 75, 100):
        at = y(share / 100)
        parts.append(_line(left, at, WIDTH - _RIGHT, at, "grid"))
        parts.append(_text(left - 6, at + 5, f"{share} %", "end"))
    for part in (0.0, 0.5, 1.0):
        parts.append(_text(x(part * most), height - bottom + 18, f"{part * most:.2g}", "middle"))
    parts.append(_text((left + WIDTH) / 2, height - 4, x_label, "middle"))
    named: list[tuple[float, float]] = []
    told = []
    for place, style, mark in sorted(marks, key=lambda one: -one[2].value.estimate):
        px, py = x(place), y(mark.value.estimate)
        parts.append(_whisker(px, y(mark.value.low), px, y(mark.value.high), f"s{style}"))
        parts.append(_shape(px, py, style))
        row = py
        while any(abs(row - other) < 14 and abs(px - at) < 90 for at, other in named):
            row += 3
        named.append((px, row))
        fits = px + 8 + 8 * len(mark.at) <= WIDTH  # a letter takes about as much
        parts.append(_text(px + (8 if fits else -8), row + 5, mark.at, "start" if fits else "end"))
        told.append(f"{mark.at}, {x_label} {place:.2f}: {_told(mark.value)}")
    return _svg(title, "; ".join(told), height, parts)


@dataclass(frozen=True)
class _Scale:
    """Maps values to places in the picture."""

    start: float
    end: float
    low: float = 0.0
    high: float = 1.0

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def _svg(title: str, told: str, height: float, parts: Sequence[str]) -> Markup:
    # What goes in is numbers, our own words, and texts that `_text` has escaped.
    label = escape(f"{title}. {told}.")
    return Markup(
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {height:.0f}">'
        f"{''.join(parts)}</svg>"
    )


def _x_grid(x: _Scale, height: float, top: float = _TOP) -> list[str]:
    parts = []
    for share in (0, 25, 50, 75, 100):
        at = x(share / 100)
        parts.append(_line(at, top, at, height - _BOTTOM, "grid"))
        parts.append(_text(at, height - _BOTTOM + 18, f"{share} %", "middle"))
    return parts


def _legend(series: Sequence[Series], left: float) -> list[str]:
    parts = []
    for n, one in enumerate(series):
        parts.append(_shape(left + 6, _TOP + 20 * n + 6, one.style))
        parts.append(_text(left + 18, _TOP + 20 * n + 11, one.name, "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    css = f' class="{style}"' if style else ""
    return f'<text{css} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _whisker(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Draw an interval with a small stroke at each end."""
    dx, dy = (0.0, 4.0) if y1 == y2 else (4.0, 0.0)
    return "".join(
        _line(*ends, f"whisker {style}")
        for ends in (
            (x1, y1, x2, y2),
            (x1 - dx, y1 - dy, x1 + dx, y1 + dy),
            (x2 - dx, y2 - dy, x2 + dx, y2 + dy),
        )
    )


def _shape(x: float, y: float, style: int) -> str:
    """Draw a mark: circle, square, diamond or triangle, so that colour is not needed."""
    css = f'class="mark s{style}"'
    if style == 0:
        return f'<circle {css} cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    corners = {
        1: ((-4, -4), (4, -4), (4, 4), (-4, 4)),
        2: ((0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)),
        3: ((0, -5.5), (5.5, 4.5), (-5.5, 4.5)),
    }[style]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon {css} points="{points}"/>'


def _percent(value: Interval) -> str:
    return f"{100 * value.estimate:.1f} %"


def _told(value: Interval) -> str:
    return f"{_percent(value)} ({100 * value.low:.1f} to {100 * value.high:.1f})"
