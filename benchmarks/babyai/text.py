"""What an agent sees, in words: the package's 7 by 7 view, turned into four short lines."""

from collections.abc import Sequence
from dataclasses import dataclass

FREE = ""
WALL = "wall"


@dataclass(frozen=True)
class View:
    """The part of the grid before the agent, who stands in the middle of the last row."""

    rows: Sequence[Sequence[str | None]]
    """The farthest first, each from left to right: `FREE`, `WALL`, a thing such as `red ball` or
    `closed red door`, or None where nothing can be seen."""
    facing: str
    """The point of the compass."""
    carrying: str | None


def describe(view: View) -> str:
    """Return the view as text; all places are counted in steps from the agent."""
    carried = _a(view.carrying) if view.carrying else "nothing"
    rays = (("Ahead", 0, -1), ("Left", -1, 0), ("Right", 1, 0))
    things = _things(view)
    return "\n".join(
        (
            f"You face {view.facing} and carry {carried}.",
            " ".join(f"{name}: {_ray(view, dx, dy)}." for name, dx, dy in rays),
            f"You see: {'; '.join(things)}." if things else "You see no objects.",
        )
    )


def _ray(view: View, dx: int, dy: int) -> str:
    """Return how far the way is free in one direction, and what ends it."""
    y, x = len(view.rows) - 1, len(view.rows[0]) // 2
    n_free, met = 0, None
    for _ in range(max(x, y)):
        x, y = x + dx, y + dy
        if not (0 <= x < len(view.rows[0]) and 0 <= y < len(view.rows)):
            break
        met = view.rows[y][x]
        if met != FREE:
            break
        n_free += 1
    free = f"free for {_steps(n_free)}" if n_free else ""
    end = _a(met) if met else ""
    return ", then ".join(filter(None, (free, end))) or "out of sight"


def _things(view: View) -> list[str]:
    """Return the things in view with their places, the nearest first."""
    agent_y, agent_x = len(view.rows) - 1, len(view.rows[0]) // 2
    found = [
        (agent_y - y, x - agent_x, thing)
        for y, row in enumerate(view.rows)
        for x, thing in enumerate(row)
        if thing and thing != WALL and (x, y) != (agent_x, agent_y)
    ]
    found.sort(key=lambda one: (one[0] + abs(one[1]), one))
    return [f"{_a(thing)} {_place(ahead, right)}" for ahead, right, thing in found]


def _place(ahead: int, right: int) -> str:
    parts = [f"{_steps(ahead)} ahead"] if ahead else []
    if right:
        parts.append(f"{_steps(abs(right))} {'right' if right > 0 else 'left'}")
    return ", ".join(parts)


def _steps(n: int) -> str:
    return f"{n} step" if n == 1 else f"{n} steps"


def _a(thing: str) -> str:
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"
