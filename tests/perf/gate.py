"""How often the gate is wrong, and what it can see: simulated repeats of whole comparisons.

Held-out games give 3 to 11 points, as those of cooking do; the higher its number, the harder it is.
A/A: candidate and incumbent play alike, and each promotion is a false one. Power: the candidate's
chance of each point is so much higher; its gain is what that comes to in points of score.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from conditions import RESULTS, write
from picture import put
from rich.console import Console
from rich.table import Table

from agentevo.evaluation.gate import GateSettings, Outcome, judge
from agentevo.evaluation.plots import Mark, Series, lines
from agentevo.evaluation.statistics import wilson

POINTS = (3, 4, 5, 11)


def played(rng: np.random.Generator, n_tasks: int, skill: float) -> list[Outcome]:
    """Return the outcomes of an arm."""
    found = []
    for n in range(n_tasks):
        most = POINTS[n % len(POINTS)]
        chance = float(np.clip(skill + (n / n_tasks - 0.5) * 0.6, 0, 1))
        score = int(rng.binomial(most, chance)) / most
        found.append(Outcome(f"task-{n}", 0, score, score == 1))
    return found


def rate(n_tasks: int, gain: float, repeats: int, settings: GateSettings) -> dict[str, Any]:
    """Return how often a candidate is promoted, and what it gained on average."""
    rng = np.random.default_rng(11)
    n_promoted, gained = 0, []
    for _ in range(repeats):
        old, new = played(rng, n_tasks, 0.5), played(rng, n_tasks, 0.5 + gain)
        verdict = judge(old, new, settings)
        n_promoted += verdict.decision == "promote"
        gained.append(verdict.evidence.difference.estimate)
    return {"n_tasks": n_tasks, "gain": float(np.mean(gained)), "n_promoted": n_promoted,
            "repeats": repeats, "rate": wilson(n_promoted, repeats)}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Simulate, print the table, and draw the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--alpha", type=float, default=0.05)
    args = parser.parse_args(argv)
    settings = GateSettings(alpha=args.alpha, n_resamples=1000)
    sizes, gains = (20, 30, 50, 100), (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
    found = [rate(n, gain, args.repeats, settings) for n in sizes for gain in gains]
    table = Table("tasks", "gain, points", "promoted", "95 %")
    for one in found:
        span = one["rate"]
        table.add_row(str(one["n_tasks"]), f"{100 * one['gain']:+.1f}", f"{span.estimate:.3f}",
                      f"{span.low:.3f} to {span.high:.3f}")  # fmt: skip
    Console().print(table)
    series = [
        Series(f"{n} tasks", style, tuple(
            Mark(str(round(100 * gain)), one["rate"])
            for gain, one in zip(gains, found[style * len(gains) :], strict=False)
        ))
        for style, n in enumerate(sizes)
    ]  # fmt: skip
    drawn = lines(f"Promotions by true gain, alpha {args.alpha}", series, "gain in skill, points")
    put(drawn, RESULTS / "gate.svg")
    rows = [one | {"rate": asdict(one["rate"])} for one in found]
    write("gate", {"alpha": args.alpha, "rows": rows})


if __name__ == "__main__":
    main()
