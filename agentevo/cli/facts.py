"""What a run came to, as data and as tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agentevo.cli import output
from agentevo.evaluation.words import count, gate_words

if TYPE_CHECKING:
    from agentevo.run import Run


def summary(run: Run) -> dict[str, Any]:
    """Return what a run came to, ready for JSON, from its ledger alone."""
    from agentevo.evaluation.figures import arms_figures, price
    from agentevo.evaluation.overview import status_of
    from agentevo.memory import lessons

    ledger, force = run.ledger, run.incumbent()
    found = lessons(ledger.engine, run.scope)
    statuses = [one.status for one in found]
    kept = ledger.run(run.id)
    arms = arms_figures(run)
    return {
        "run": run.id,
        "folder": str(run.folder),
        "status": status_of(run.folder, ledger.status(run.id)),
        "created": kept.created,
        "settings": run.config.model_dump(mode="json"),
        "in_force": {"memory_version": force.memory_version, "adapter": force.adapter},
        "generations": _generations(run),
        "verdicts": [
            {"generation": one.generation, "kind": one.kind, "verdict": one.verdict,
             "reason": str(one.evidence.get("reason", "")).rstrip("."), "evidence": one.evidence}
            for one in ledger.verdicts(run.id)
        ],
        "policies": [
            {"generation": one.generation} | dict(one.payload)
            for one in ledger.updates(run.id, kind="policy")
        ],
        "reflections": [
            {"generation": one.generation} | dict(one.payload)
            for one in ledger.updates(run.id, kind="reflection")
        ],
        "lessons": {status: statuses.count(status) for status in dict.fromkeys(statuses)},
        "adapters": ledger.adapters(run.id),
        "arms": arms.rows,
        "arms_of": {"memory_version": arms.memory_version, "adapter": arms.adapter},
        "arms_unplayed": arms.unplayed,
        "broken": broken(run),
        "usage": [
            asdict(one) | {"price": price(run, one.n_prompt_tokens, one.n_reply_tokens)}
            for one in ledger.usage(run.id)
        ],
    }  # fmt: skip


def _generations(run: Run) -> list[dict[str, Any]]:
    """Return what each generation played, learned and came to."""
    played: dict[int, list[Any]] = {}
    for one in run.ledger.summaries(run.id, purpose="acquisition"):
        if one.key.attempt == 0:
            played.setdefault(one.key.generation, []).append(one)
    rows = []
    for generation, episodes in sorted(played.items()):
        payloads = {one.kind: one.payload for one in run.ledger.updates(run.id)
                    if one.generation == generation}  # fmt: skip
        memory: Any = payloads.get("memory", {})
        weights: Any = payloads.get("weights", {})
        outcome = payloads.get("outcome")
        rows.append(
            {
                "generation": generation,
                "n_episodes": len(episodes),
                "success": sum(one.success for one in episodes) / len(episodes),
                "score": sum(one.score for one in episodes) / len(episodes),
                "n_new_lessons": memory.get("n_inserted"),
                "n_traces": weights.get("n_traces"),
                "outcome": dict(outcome) if outcome else None,
            }
        )
    return rows


def print_learning(facts: dict[str, Any], name: str) -> None:
    """Print, table by table, what a run that has played went through, and what that cost."""
    output.print_table(
        ["generation#", "episodes#", "success#", "score#", "new lessons#", "traces#", "outcome"],
        [
            [row["generation"], row["n_episodes"], output.percent(row["success"]),
             output.percent(row["score"]), row["n_new_lessons"], row["n_traces"],
             arm_text(row["outcome"]) if row["outcome"] else "(open)"]
            for row in facts["generations"]
        ],
    )  # fmt: skip
    output.print_table(
        ["generation#", "gate on", "verdict", "reason"],
        [
            [v["generation"], gate_words(v["kind"]), v["verdict"], v["reason"]]
            for v in facts["verdicts"]
        ],
    )
    if facts["policies"]:
        output.print_table(
            ["generation#", "score of replays#", "of the best policy found#", "which says"],
            [[one["generation"], _share(one["before"]), _share(one["best"]["payoff"]),
              one["best"]["text"] or "(no policy)"] for one in facts["policies"]],
        )  # fmt: skip
    rules = [(one["generation"], rule) for one in facts["reflections"] for rule in one["rules"]]
    if rules:
        output.print_table(
            ["generation#", "lessons#", "rule that was to stand for them"],
            [[number, len(rule["parts"]), f"When {rule['situation']}: {rule['advice']}"]
             for number, rule in rules],
        )  # fmt: skip
    print_test(facts, name)
    print_broken(facts, name)
    paid = any(one["price"] for one in facts["usage"])
    output.print_table(
        ["generation#", "phase", "prompt tokens#", "reply tokens#", *(["price#"] if paid else []),
         "time#"],
        [
            [one["generation"], gate_words(one["phase"]), f"{one['n_prompt_tokens']:,}",
             f"{one['n_reply_tokens']:,}", *([f"{one['price']:,.4g}"] if paid else []),
             f"{one['seconds']:,.0f} s"]
            for one in facts["usage"]
        ],
    )  # fmt: skip


def _share(value: float | None) -> str:
    return "all broke" if value is None else output.percent(value)


def print_test(facts: dict[str, Any], name: str) -> None:
    """Print the arms on the test split, whose they are, and which are not played."""
    if not facts["arms"]:
        return
    pair = facts["arms_of"]
    title = "Test split" if pair == facts["in_force"] else f"Test split, {arm_text(pair)}"
    output.print_arms(facts["arms"], title)
    if same := output.same_arms(pair["memory_version"], pair["adapter"]):
        print(same)
    if facts["arms_unplayed"]:
        print(f"of what is in force, not played: {', '.join(facts['arms_unplayed'])}; "
              f"to play them: {output.program()} evolve --resume {name}")  # fmt: skip


def broken(run: Run) -> dict[str, dict[str, Any]]:
    """Return how many episodes ended by an error, by what they were played for, and the first."""
    found: dict[str, dict[str, Any]] = {}
    for one in run.ledger.summaries(run.id, ending="error"):
        told = found.setdefault(one.key.purpose, {"n": 0, "first": one.trajectory_id})
        told["n"] += 1
    return found


def print_broken(facts: dict[str, Any], name: str) -> None:
    """Print how many episodes ended by an error, and where to look; nothing where none did."""
    for purpose, one in facts["broken"].items():
        print(f"{count(one['n'], 'episode')} of {purpose} broke: {output.program()} runs failures "
              f"{name} --purpose {purpose}; the first: {output.program()} runs episodes {name} "
              f"{one['first']}")  # fmt: skip


def arm_text(outcome: dict[str, Any]) -> str:
    """Return a pair in words."""
    return f"memory {outcome['memory_version']}, {outcome['adapter'] or 'plain weights'}"
