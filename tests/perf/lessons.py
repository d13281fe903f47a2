"""Do lessons act through what they say? The plain seed with true, false and no lessons.

The lessons are written by hand, here and nowhere else, and are given to the plain seed on the
same validation games; the differences are paired by game.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from conditions import write
from rich.console import Console
from rich.table import Table

from agentevo import backbones, benchmarks
from agentevo.agent.episode import Recollection
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.dialogue.prompts import lesson_line
from agentevo.evaluation.statistics import paired_difference, stratified_mean
from agentevo.experience import Recall, Trajectory


def rules(fry: str, roast: str, grill: str, cut: str, end: str) -> tuple[str, ...]:
    """Return the lessons that state these rules."""
    heat = {"fry": fry, "roast": roast, "grill": grill}
    lessons = [
        lesson_line(f"the directions say {verb}", f"use {tool} to cook it")
        for verb, tool in heat.items()
    ]
    lessons += [
        lesson_line(f"the directions say {verb}", f"use {cut} to {verb} it")
        for verb in ("slice", "dice", "chop")
    ]
    return (*lessons, lesson_line("the meal is ready", f"{end} it"))


TRUE = rules("stove", "oven", "BBQ", "knife", "eat")
FALSE = rules("oven", "stove", "fridge", "counter", "serve")


@dataclass(frozen=True)
class Given:
    """A recaller that always gives the same lessons."""

    lessons: tuple[str, ...]

    def __call__(self, instruction: str, observation: str, episode: str) -> Recollection:
        """Return the lessons."""
        return Recollection(Recall(), self.lessons)


async def play(lessons: tuple[str, ...], n: int, backbone: str) -> dict[str, Trajectory]:
    """Play validation games greedily with lessons; return episodes by task."""
    benchmark = benchmarks.load("textworld-cooking")
    tasks = benchmark.tasks("validation", n)
    benchmark.prepare(tasks, workers=2)
    model = backbones.load(backbone)
    began = time.monotonic()
    player = Player(model, Given(lessons) if lessons else None)
    found = {}
    async for attempts in play_all(player, benchmark, tasks, Occasion(0, "evaluation")):
        for one in attempts:
            found[one.task_id] = one
            print(
                f"\r{len(found)}/{len(tasks)} games, {time.monotonic() - began:.0f} s",
                end="", file=sys.stderr, flush=True,
            )  # fmt: skip
    print(file=sys.stderr)
    model.close()
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Play the three arms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=5, help="validation games of each level")
    parser.add_argument("--backbone", default="seed")
    args = parser.parse_args(argv)
    arms = {"none": (), "true": TRUE, "false": FALSE}
    played = {k: asyncio.run(play(v, args.n, args.backbone)) for k, v in arms.items()}
    tasks = sorted(played["none"])
    levels = [played["none"][task].difficulty for task in tasks]
    table = Table("lessons", "games", "score", "95 %", "success", "against none", "95 %")
    figures = {}
    for arm, episodes in played.items():
        scores = [episodes[task].score for task in tasks]
        mean = stratified_mean(scores, levels)
        gain = paired_difference([played["none"][task].score for task in tasks], scores)
        success = sum(episodes[task].success for task in tasks) / len(tasks)
        table.add_row(
            arm, str(len(tasks)), f"{mean.estimate:.3f}", f"{mean.low:.3f}..{mean.high:.3f}",
            f"{success:.2f}", f"{gain.estimate:+.3f}", f"{gain.low:+.3f}..{gain.high:+.3f}",
        )  # fmt: skip
        figures[arm] = {
            "n": len(tasks), "score": mean.estimate, "interval": [mean.low, mean.high],
            "success": success, "gain": gain.estimate, "gain_interval": [gain.low, gain.high],
            "by_level": {
                str(level): sum(s for s, k in zip(scores, levels, strict=True) if k == level)
                / args.n
                for level in sorted(set(levels))
            },
        }  # fmt: skip
    Console().print(table)
    write("lessons", {"backbone": args.backbone, "arms": figures})


if __name__ == "__main__":
    main()
