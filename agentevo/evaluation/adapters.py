"""What is known of an adapter: where it comes from, what it was trained on, what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentevo.backbones.adapter import card_of
from agentevo.files import size_of

if TYPE_CHECKING:
    from agentevo.ledger import AdapterRecord
    from agentevo.run import Run


def facts(run: Run, one: AdapterRecord) -> dict[str, Any]:
    """Return what is known of an adapter, ready for JSON."""
    folder = run.adapter_folder(one.name)
    card = card_of(folder) if folder.is_dir() else {}
    outcomes = run.ledger.updates(run.id, kind="outcome")
    trained = run.ledger.get_update(run.id, one.generation, "weights")
    was_judged = trained is not None and trained.payload["adapter"] == one.name
    verdicts = {
        v.kind: v.verdict
        for v in run.ledger.verdicts(run.id)
        if (was_judged and v.generation == one.generation and v.kind.startswith("weights"))
        or v.kind.startswith(f"adoption of {one.name} ")
    }
    return {
        "adapter": one.name,
        "generation": one.generation,
        "parents": list(one.parents),
        "created": one.created,
        "path": str(folder),
        "size": size_of(folder) if folder.is_dir() else None,
        "score_before": one.score_before,
        "score_after": one.score_after,
        "verdicts": verdicts,
        "used_in": [done.generation for done in outcomes if done.payload["adapter"] == one.name],
        "in_force": run.incumbent().adapter == one.name,
        "way": _way(card),
        "card": card,
    }


def _way(card: dict[str, Any]) -> str:
    """Return in words how an adapter was made."""
    if "merged" in card:
        return f"merged by {card['way']}"
    return str(card.get("trainer") or "training elsewhere")
