"""Recipes against one another on the seed and TextWorld cooking, at an equal budget of tokens.

Levels of one room or few, where the rules of cooking decide and not the search. Begun again with
the same name, it goes on where it was; figures are of the seeds that all recipes have played.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from conditions import write
from rich.console import Console

from agentevo.cli.contest_runs import play_all
from agentevo.contest import Contest, Plan
from agentevo.contest_result import gather
from agentevo.evaluation.contest_report import write_report
from agentevo.folders import RunError
from agentevo.run import Run

RECIPES = (
    "default", "memory-only", "weights-only", "reflexion", "expel", "tran", "memorybank", "ace",
    "awm", "star", "eto", "ssr",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Play what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="recipes")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--token-budget", type=int, default=2_000_000)
    parser.add_argument("--levels", default="2,3,7")
    parser.add_argument("--n-train", type=int, default=12, help="training games of each level")
    parser.add_argument("--n-gate", type=int, default=10, help="validation games of each level")
    parser.add_argument("--n", type=int, default=10, help="test games of each level")
    parser.add_argument("--generations", type=int, default=1, help="which share the gate's alpha")
    parser.add_argument("--min-traces", type=int, default=6)
    parser.add_argument("--at-once", type=int, default=2, help="runs in processes of their own")
    parser.add_argument("--tell", action="store_true", help="play nothing: of what there is")
    args = parser.parse_args(argv)
    settings = {
        "token_budget": args.token_budget,
        "n_generations": args.generations,
        "levels": tuple(int(one) for one in args.levels.split(",")),
        "acquisition": {"n_tasks_per_level": args.n_train},
        "evaluation": {"n_gate_per_level": args.n_gate, "n_test_per_level": args.n},
        "weights": {"min_traces": args.min_traces},
    }
    try:
        contest = Contest.open(args.name)
    except RunError:
        recipes = tuple(args.recipes.split(","))
        contest = Contest.begin(Plan(args.name, recipes, args.seeds, settings))
    failed = [] if args.tell else play_all(contest, at_once=args.at_once, quiet=False)
    result = gather(contest)
    print(write_report(contest.folder, result), file=sys.stderr)
    told = json.loads(json.dumps(asdict(result) | {"learned": learned(contest)}))
    table = told.pop("table")
    Console().print_json(json.dumps(table["places"] if table else None))
    write("recipes", {**told, "table": table, "failed": failed})


def learned(contest: Contest) -> list[dict[str, object]]:
    """Return what each finished run won in training, and what its gates measured."""
    rows: list[dict[str, object]] = []
    for entrant in contest.plan.entrants():
        if contest.status(entrant) != "finished":
            continue
        with Run.open(contest.run_folder(entrant)) as run:
            played = list(run.ledger.summaries(run.id, purpose="acquisition"))
            rows.append({
                "recipe": entrant.title, "seed": entrant.seed, "n_played": len(played),
                "n_won": sum(one.success for one in played),
                "gates": [
                    {"on": one.kind, "verdict": one.verdict, "p": one.evidence.get("p_value"),
                     "before": one.evidence["incumbent_mean"],
                     "after": one.evidence["candidate_mean"]}
                    for one in run.ledger.verdicts(run.id)
                ],
            })  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
