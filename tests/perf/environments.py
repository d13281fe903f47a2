"""Steps a second of our environments beside the engine's own loop, and many episodes at once.

Both play the same actions on the same tasks, in turn, one after the other: what ours cost beyond
the engine is its words in our form. Then episodes are played side by side: in threads where an
environment takes that, in worker processes where it does not.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from statistics import median
from typing import Any

import psutil
from conditions import write
from rich.console import Console
from rich.table import Table

from agentevo.benchmarks import Benchmark, BenchmarkError, Task, load

Loop = Callable[[Task, Sequence[str]], int]
"""Plays a task by an engine's own loop; returns how many steps it took."""


def ours(benchmark: Benchmark) -> Loop:
    """Return our loop."""

    def play(task: Task, actions: Sequence[str]) -> int:
        with closing(benchmark.open(task)) as environment:
            environment.reset()
            began = time.perf_counter()
            n = 0
            for action in actions:
                n += 1
                if environment.step(action).done:
                    break
            spent[0] += time.perf_counter() - began
        return n

    spent = [0.0]
    play.spent = spent  # type: ignore[attr-defined]
    return play


def textworld_loop(benchmark: Any) -> Loop:
    """Return TextWorld's own loop, with the same things asked of each state."""
    import textworld

    spent = [0.0]

    def play(task: Task, actions: Sequence[str]) -> int:
        names = ("score", "max_score", "won", "lost", "objective")
        wanted = textworld.EnvInfos(**dict.fromkeys(names, True))
        game = textworld.start(str(benchmark._spec(task).path), wanted)
        game.reset()
        began = time.perf_counter()
        for action in actions:
            game.step(action)
        spent[0] += time.perf_counter() - began
        game.close()
        return len(actions)

    play.spent = spent  # type: ignore[attr-defined]
    return play


def babyai_loop(benchmark: Any) -> Loop:
    """Return MiniGrid's own loop, which gives an array and no words."""
    from agentevo.benchmarks.babyai.world import ACTIONS

    spent = [0.0]

    def play(task: Task, actions: Sequence[str]) -> int:
        level = benchmark._world(task)._level
        began = time.perf_counter()
        for action in actions:
            level.step(ACTIONS[action])
        spent[0] += time.perf_counter() - began
        return len(actions)

    play.spent = spent  # type: ignore[attr-defined]
    return play


LOOPS: dict[str, tuple[tuple[int, ...], Callable[[Any], Loop]]] = {
    "textworld-cooking": ((2, 9), textworld_loop),
    "babyai": ((3, 6), babyai_loop),
}
SIDE_BY_SIDE = {
    "textworld-cooking": (2, 9), "babyai": (3, 6), "bfcl-multi-turn": (1,), "tau2": (1,),
    "scienceworld": (1, 2), "alfworld-gen": (1, 2),
}  # fmt: skip


def compare(name: str, n: int, repeats: int) -> dict[str, Any]:
    """Return steps a second of both loops; they take turns."""
    levels, make = LOOPS[name]
    benchmark = load(name)
    tasks = benchmark.tasks("train", n, levels=levels)
    benchmark.prepare(tasks, workers=2)
    plans = [(task, benchmark.gold(task) or []) for task in tasks]
    rates: dict[str, list[float]] = {"ours": [], "engine": []}
    for _ in range(repeats):
        for which, loop in (("ours", ours(benchmark)), ("engine", make(benchmark))):
            n_steps = sum(loop(task, actions) for task, actions in plans)
            rates[which].append(n_steps / loop.spent[0])  # type: ignore[attr-defined]
    turns = [a / b for a, b in zip(rates["ours"], rates["engine"], strict=True)]
    return rates | {"ratio": median(turns), "lowest": min(turns), "highest": max(turns)}


def many(name: str, n_at_once: int) -> dict[str, Any]:
    """Return what it takes to play so many episodes at once, and what of the cores is used."""
    benchmark = load(name)
    levels = SIDE_BY_SIDE[name]
    tasks = benchmark.tasks("train", -(-n_at_once // len(levels)), levels=levels)[:n_at_once]
    benchmark.prepare(tasks, workers=2)
    plans = [(task, benchmark.gold(task) or []) for task in tasks]
    me = psutil.Process()
    before, began = _cpu(me), time.perf_counter()
    with ThreadPoolExecutor(n_at_once) as threads:
        steps = list(threads.map(lambda plan: _played(benchmark, *plan), plans))
        seconds, used = time.perf_counter() - began, _cpu(me) - before
    return {"episodes": len(plans), "steps": sum(steps), "steps_per_s": sum(steps) / seconds,
            "cores_used": used / seconds}  # fmt: skip


def _cpu(me: psutil.Process) -> float:
    """Return the seconds of CPU that this process and its children have had."""
    total = 0.0
    for one in [me, *me.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _played(benchmark: Benchmark, task: Task, actions: Sequence[str]) -> int:
    with closing(benchmark.open(task)) as environment:
        environment.reset()
        n = 0
        for action in actions:
            n += 1
            if environment.step(action).done:
                break
    return n


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=6, help="tasks of each level")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--only", choices=tuple(LOOPS), help="the loop of one benchmark alone")
    args = parser.parse_args(argv)
    console = Console()
    table = Table("benchmark", "ours, steps/s", "engine, steps/s", "ratio")
    loops = {}
    for name in [args.only] if args.only else LOOPS:
        found = loops[name] = compare(name, args.n, args.repeats)
        table.add_row(name, f"{median(found['ours']):,.0f}", f"{median(found['engine']):,.0f}",
                      f"{found['ratio']:.2f}")  # fmt: skip
    console.print(table)
    if args.only:
        write(f"environments-{args.only}", {"loops": loops})
        return
    table = Table("benchmark", "episodes at once", "steps", "steps/s", "cores used")
    beside = {}
    for name in SIDE_BY_SIDE:
        n = args.at_once if name not in ("scienceworld", "alfworld-gen") else 4
        try:
            found = beside[name] = many(name, n)
        except BenchmarkError as error:
            console.print(f"{name}: {error}")
            continue
        table.add_row(name, str(found["episodes"]), str(found["steps"]),
                      f"{found['steps_per_s']:,.0f}",
                      f"{found['cores_used']:.2f} of {os.cpu_count()}")  # fmt: skip
    console.print(table)
    write("environments", {"loops": loops, "side_by_side": beside})


if __name__ == "__main__":
    main()
