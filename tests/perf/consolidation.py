"""What prompts cost before and after the weights have learned what the lessons say.

From a finished run whose weights were promoted: its memory and its adapter play the same validation
games with all lessons, and without those that stood in the prompts of the adapter's own traces and
that credit has not shown to be harmful, as a run does it by itself. Paired by game.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from conditions import write
from rich.console import Console
from rich.table import Table

from agentevo import backbones, benchmarks
from agentevo.agent.recollection import SnapshotRecaller
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.evaluation.gate import GateSettings, Outcome, judge_no_worse
from agentevo.evolution import MIN_TRACES
from agentevo.experience import Trajectory
from agentevo.memory import Utility
from agentevo.run import Run
from agentevo.updating.consolidation import proposed


async def play(player: Player, tasks: Sequence[Any], name: str) -> dict[str, Trajectory]:
    """Play tasks greedily; return the episodes by task."""
    found = {}
    occasion = Occasion(0, "evaluation")
    async for attempts in play_all(player, benchmarks.load("textworld-cooking"), tasks, occasion):
        found[attempts[0].task_id] = attempts[0]
        print(f"\r{name}: {len(found)}/{len(tasks)} games", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Play both arms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's name or folder")
    parser.add_argument("--n", type=int, default=5, help="validation games of each level")
    args = parser.parse_args(argv)
    with Run.open(args.run) as run:
        force, config = run.incumbent(), run.config
        made = next(
            one for one in run.ledger.updates(run.id, kind="weights")
            if one.payload["adapter"] == force.adapter
        )  # fmt: skip
        update = run.ledger.get_update(run.id, made.generation, "memory")
        assert update is not None
        credit: Any = update.payload["credit"]
        played = run.ledger.episodes(run.id, generation=made.generation, purpose="acquisition")
        whole = run.snapshot(force.memory_version, "")
        names = proposed(
            whole.lessons, [one for one in played if one.lessons],
            {key: Utility(**worth) for key, worth in credit.items()}, min_traces=MIN_TRACES,
        )  # fmt: skip
        less = whole
        for name in names:
            less = less.without(name)
        folder, common, n_all = (
            run.adapter_folder(force.adapter),
            run.boilerplate(),
            len(whole.lessons),
        )
    plain = backbones.load(config.backbone)
    tuned = plain.with_adapter(force.adapter, folder)
    benchmark = benchmarks.load(config.benchmark)
    tasks = benchmark.tasks("validation", args.n)
    benchmark.prepare(tasks, workers=2)
    arms: dict[str, dict[str, Trajectory]] = {}
    for name, snapshot in (("all lessons", whole), ("without those", less)):
        recall = SnapshotRecaller(snapshot, config.memory, tuned.count_tokens, common=common)
        arms[name] = asyncio.run(play(Player(tuned, recall), tasks, name))

    def lesson_tokens(one: Trajectory) -> int:
        return one.n_steps * sum(tuned.count_tokens(text) for text in one.lessons)

    table = Table("arm", "games", "score", "won", "prompt tokens", "of these, lessons", "steps")
    figures: dict[str, Any] = {}
    for name, episodes in arms.items():
        some = list(episodes.values())
        row = {
            "n": len(some), "score": fmean(one.score for one in some),
            "success": fmean(one.success for one in some),
            "prompt_tokens": fmean(one.n_prompt_tokens for one in some),
            "lesson_tokens": fmean(map(lesson_tokens, some)),
            "steps": fmean(one.n_steps for one in some),
        }  # fmt: skip
        figures[name] = row
        table.add_row(
            name, str(row["n"]), f"{row['score']:.3f}", f"{row['success']:.2f}",
            f"{row['prompt_tokens']:,.0f}", f"{row['lesson_tokens']:,.0f}", f"{row['steps']:.1f}",
        )  # fmt: skip
    outcomes = [[Outcome.of(one) for one in arm.values()] for arm in arms.values()]
    verdict = judge_no_worse(outcomes[0], outcomes[1], GateSettings())
    before, after = (row["lesson_tokens"] for row in figures.values())
    gone = 1 - after / before if before else 0.0
    Console().print(
        table, f"{len(names)} of {n_all} lessons taken out; {100 * gone:.0f} % of the tokens that "
        f"lessons cost are gone. Gate: {verdict.decision}. {verdict.evidence.reason}",
    )  # fmt: skip
    write("consolidation", {"n_lessons": n_all, "n_taken_out": len(names), "arms": figures,
                            "lesson_tokens_gone": gone, "gate": verdict.to_json()})  # fmt: skip


if __name__ == "__main__":
    main()
