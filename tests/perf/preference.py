"""Does preference after imitation help? The plain seed, SFT on its successes, and DPO after that.

The seed plays training games several times each, sampling; its successes are imitated, then the
best and the worst of each game's episodes are the pairs of DPO. The three play the same validation
games greedily, and are compared game by game; nothing was chosen by these games. With `--work` what
is there already is not done again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conditions import write
from rich.console import Console
from rich.table import Table

from agentevo import backbones, benchmarks
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.backbones.adapter import CARD
from agentevo.benchmarks import Task
from agentevo.evaluation.statistics import paired_difference, stratified_mean
from agentevo.experience import Trajectory
from agentevo.settings import WeightSettings
from agentevo.updating.data import Material, imitated, preferred
from agentevo.updating.in_weights import tune
from agentevo.updating.training import Job, Pace

FILTERS = ("gained", "near_duplicate")


async def play(
    player: Player, tasks: Sequence[Task], occasion: Occasion, kept: Path
) -> list[Trajectory]:
    """Play tasks, or read what was played."""
    if kept.is_file():
        return [Trajectory.from_json(one) for one in json.loads(kept.read_text())]
    benchmark = benchmarks.load("textworld-cooking")
    benchmark.prepare(tasks, workers=2)
    began, found = time.monotonic(), list[Trajectory]()
    async for attempts in play_all(player, benchmark, tasks, occasion):
        found += attempts
        print(f"\r{kept.stem}: {len(found)}/{len(tasks)} games, {time.monotonic() - began:.0f} s",
              end="", file=sys.stderr, flush=True)  # fmt: skip
    print(file=sys.stderr)
    kept.write_text(json.dumps([one.to_json() for one in found]))
    return found


def tell(pace: Pace) -> None:
    """Show how far a training is."""
    print(f"\r{pace.step}/{pace.n_steps} {pace}    ", end="", file=sys.stderr, flush=True)


async def whole(args: argparse.Namespace, work: Path) -> dict[str, list[Trajectory]]:
    """Play, train twice, and play again; return the episodes of each arm."""
    benchmark = benchmarks.load("textworld-cooking")
    seed = backbones.load("seed")
    assert seed.weights is not None
    tasks = benchmark.tasks("train", args.n_train)
    sampled: list[Trajectory] = []
    for i in range(args.samples):
        player = Player(seed, temperature=args.temperature)
        sampled += await play(
            player, tasks, Occasion(1, "acquisition", f"#{i}"), work / f"s{i}.json"
        )
    common = {
        "mode": "lora", "lessons": "keep", "replay_share": 0.0, "max_traces": 400,
        "max_turns": args.turns, "pairs": "score",
    }  # fmt: skip
    imitate = WeightSettings(**common, n_epochs=args.sft_epochs)
    prefer = WeightSettings(
        **common, n_epochs=args.dpo_epochs, lr=args.dpo_lr, beta=args.beta, anchor=args.anchor
    )
    adapters = work / "adapters"
    folders: dict[str, Path | None] = {"plain": None}
    plans = (("sft", imitate, imitated, ""), ("dpo", prefer, preferred, "sft"))
    for name, settings, build, before in plans:
        material = Material(
            sampled, 1, settings, seed.window, seed.count_tokens, seed=0, filters=FILTERS
        )
        data, out = build(material), adapters / name
        start = adapters / before if before else None
        if not out.exists():
            tune(name, Job(seed.weights, start, data, settings, out, seed.window, 0), tell)
        print(f"\n{name}: {json.loads((out / CARD).read_text())['figures']}", file=sys.stderr)
        folders["sft, then dpo" if before else name] = out
    played = {}
    held_out = benchmark.tasks("validation", args.n)
    for arm, folder in folders.items():
        model = seed.with_adapter(arm, folder) if folder else seed
        kept = work / f"validation-{arm.replace(', ', '-')}.json"
        played[arm] = await play(Player(model), held_out, Occasion(1, "evaluation"), kept)
        if folder:
            model.close()
    seed.close()
    return played


def main(argv: Sequence[str] | None = None) -> None:
    """Do all of it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps what is done")
    parser.add_argument("--n-train", type=int, default=6, help="training games of each level")
    parser.add_argument("--samples", type=int, default=4, help="episodes of each of them")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--turns", type=int, default=1200, help="turns that are trained on")
    parser.add_argument("--sft-epochs", type=float, default=2)
    parser.add_argument("--dpo-epochs", type=float, default=2)
    parser.add_argument("--dpo-lr", type=float, default=2e-4)
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--anchor", type=float, default=0.0)
    parser.add_argument("--n", type=int, default=15, help="validation games of each level")
    args = parser.parse_args(argv)
    args.work.mkdir(parents=True, exist_ok=True)
    played = asyncio.run(whole(args, args.work))
    by_task = {arm: {one.task_id: one for one in some} for arm, some in played.items()}
    tasks = sorted(by_task["plain"])
    table = Table("arm", "games", "score", "95 %", "success", "against the row above", "95 %")
    figures: dict[str, Any] = {}
    before: list[float] | None = None
    for arm, episodes in by_task.items():
        scores = [episodes[task].score for task in tasks]
        levels = [episodes[task].difficulty for task in tasks]
        mean = stratified_mean(scores, levels)
        success = sum(episodes[task].success for task in tasks) / len(tasks)
        row = {"n": len(tasks), "score": mean.estimate, "interval": [mean.low, mean.high],
               "success": success}  # fmt: skip
        told = ["", ""]
        if before is not None:
            gain = paired_difference(before, scores)
            row |= {"gain": gain.estimate, "gain_interval": [gain.low, gain.high]}
            told = [f"{gain.estimate:+.3f}", f"{gain.low:+.3f}..{gain.high:+.3f}"]
        figures[arm] = row
        table.add_row(arm, str(len(tasks)), f"{mean.estimate:.3f}",
                      f"{mean.low:.3f}..{mean.high:.3f}", f"{success:.2f}", *told)  # fmt: skip
        before = scores
    Console().print(table)
    options = {name: value for name, value in vars(args).items() if name != "work"}
    write("preference", {"options": options, "arms": figures})


if __name__ == "__main__":
    main()
