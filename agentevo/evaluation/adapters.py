"""What is known of an adapter: where it comes from, what it was trained on, what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentevo.backbones.adapter import card_of
from agentevo.files import size_of

if TYPE_CHECKING:
    from agentevo.ledger import AdapterRecord, VerdictRecord
    from agentevo.run import Run


def facts(run: Run, one: AdapterRecord) -> dict[str, Any]:
    """Return what is known of an adapter, ready for JSON."""
    folder = run.adapter_folder(one.name)
    card = card_of(folder) if folder.is_dir() else {}
    outcomes = run.ledger.updates(run.id, kind="outcome")
    judged = verdicts_on(run, one)
    before, after = one.score_before, one.score_after
    if judged and judged[-1].kind.startswith("adoption"):
        means: Any = judged[-1].evidence
        before, after = means["incumbent_mean"], means["candidate_mean"]
    return {
        "adapter": one.name,
        "generation": one.generation,
        "parents": list(one.parents),
        "created": one.created,
        "path": str(folder),
        "size": size_of(folder) if folder.is_dir() else None,
        "score_before": before,
        "score_after": after,
        "verdicts": {told.kind: told.verdict for told in judged},
        "used_in": [done.generation for done in outcomes if done.payload["adapter"] == one.name],
        "in_force": run.incumbent().adapter == one.name,
        "way": _way(card),
        "card": card,
    }


def verdicts_on(run: Run, one: AdapterRecord) -> list[VerdictRecord]:
    """Return the gate's verdicts on an adapter: of its generation, then of its adoptions."""
    trained = run.ledger.get_update(run.id, one.generation, "weights")
    was_judged = trained is not None and trained.payload["adapter"] == one.name
    return [
        told
        for told in run.ledger.verdicts(run.id)
        if (was_judged and told.generation == one.generation and told.kind.startswith("weights"))
        or told.kind.startswith(f"adoption of {one.name} for ")
    ]


def ever_in_force(run: Run) -> list[str]:
    """Return the adapters that are or were in force, in that order; empty: the plain weights."""
    found = [run.beginning().adapter]
    for event in run.ledger.events(run.id):
        told = event.payload
        if event.kind == "rollback" or (event.kind, told.get("kind")) == ("promotion", "weights"):
            found.append(str(told["adapter"]))
    return list(dict.fromkeys(["", *found]))


def _way(card: dict[str, Any]) -> str:
    """Return in words how an adapter was made."""
    if "merged" in card:
        return f"merging ({card['way']})"
    return str(card.get("trainer") or "training elsewhere")


def in_order(counts: dict[str, int]) -> dict[str, int]:
    """Return counts by level or generation in the order of these, which JSON keeps as text."""
    return {name: counts[name] for name in sorted(counts, key=lambda name: (len(name), name))}
