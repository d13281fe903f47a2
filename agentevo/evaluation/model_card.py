"""The README of an adapter that leaves the house: what it is, and how it is loaded.

Says what the run's ledger knows and nothing of this machine: no path, and no name of a folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentevo.benchmarks import BenchmarkError
from agentevo.evaluation.adapters import facts, in_order
from agentevo.evaluation.words import count, gate_words
from agentevo.files import fingerprint_of

if TYPE_CHECKING:
    from agentevo.ledger import AdapterRecord
    from agentevo.run import Run

_BASE, _HERE = "FOLDER-OF-THE-BASE-MODEL", "FOLDER-OF-THIS-README"


def model_card(run: Run, adapter: AdapterRecord, weights: Path, *, merged: bool) -> str:
    """Return the README of an adapter that is exported, in Markdown.

    Args:
        run: that it is of.
        adapter: which.
        weights: of the plain model.
        merged: whether it is written as a whole model.
    """
    one = facts(run, adapter)
    base = base_name(run.config.backbone)
    head = ["---", f"library_name: {'transformers' if merged else 'peft'}"]
    head += [f"base_model: {base}"] if base else []
    head += ["pipeline_tag: text-generation", "tags:", "- agentevo", "---"]
    kind = "A model: the base model with an adapter merged into it" if merged else "An adapter"
    rows = [
        ("base model", f"{_base_words(run, base)}; fingerprint of its weights in agentevo: "
                       f"`{fingerprint_of(weights)}`"),
        ("licence of the base model", _licence(weights) or "not stated with its weights"),
        ("made by", f"{one['way']}, out of {', '.join(one['parents']) or 'the base model'}, in "
                    f"generation {one['generation']} of the run {run.id}"),
        *_trained_on(one["card"]),
        ("tasks", _tasks(run)),
        ("verdicts of the gate", "; ".join(
            f"{gate_words(name)}: {verdict}" for name, verdict in one["verdicts"].items()
        ) or "none: it has not stood at the gate"),
        *_scores(one),
    ]  # fmt: skip
    return "\n".join([
        *head, "", f"# {adapter.name}", "",
        f"{kind}, trained by an agent on what it lived through (agentevo).", "",
        "| | |", "|---|---|", *(f"| {name} | {_cell(text)} |" for name, text in rows), "",
        "## How to load it", "", *_loading(base or _BASE, adapter.name, merged=merged), "",
    ])  # fmt: skip


def base_name(backbone: str) -> str:
    """Return the name of a backbone's weights on the Hugging Face Hub; empty: they have none.

    Args:
        backbone: as a run names it.
    """
    name = backbone.partition(":")[2].rpartition("#")[2]
    return name if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).exists() else ""


def _base_words(run: Run, base: str) -> str:
    if run.config.backbone == "seed":
        return "the seed backbone that ships with agentevo"
    return base or "a model in a folder, which has no public name"


def _licence(weights: Path) -> str:
    """Return the licence that a model's own README states; empty: none."""
    card = weights / "README.md"
    head = re.match(r"---\n(.*?)\n---", card.read_text("utf-8")) if card.is_file() else None
    found = re.search(r"^license:[ \t]*(\S+)", head[1], re.MULTILINE) if head else None
    return found[1] if found else ""


def _tasks(run: Run) -> str:
    """Return in words what was played, and under which licence that is."""
    asked = run.config.benchmark
    try:
        benchmark = run.benchmark()
    except BenchmarkError:
        named = asked.rpartition(":")[2] if ".py:" in asked else asked
        return f"{named} (not at hand when this was written, so its licence is not told)"
    source = Path(benchmark.source)
    named = source.name if source.is_absolute() or source.exists() else benchmark.source
    return f"{benchmark.name}, {named}; licence: {benchmark.licence}"


def _trained_on(card: dict[str, Any]) -> list[tuple[str, str]]:
    data = card.get("data", {})
    rows = []
    if data:
        levels = ", ".join(f"{n} of level {one}" for one, n in in_order(data["by_level"]).items())
        rows.append((
            "trained on",
            f"{count(data['n_traces'], 'episode')} of training tasks ({levels}), "
            f"{count(data['n_turns'], 'turn')}; hash of the data: `{data['hash']}`",
        ))  # fmt: skip
    if figures := card.get("figures"):
        told = (f"{name.removeprefix('n_').replace('_', ' ')} {value:,.4g}"
                for name, value in figures.items() if not name.endswith("_per_s"))  # fmt: skip
        rows.append(("training", ", ".join(told)))
    if parts := card.get("merged"):
        rows.append(("shares", ", ".join(f"{share:.3g} of {one}" for one, share in parts.items())))
    return rows


def _scores(one: dict[str, Any]) -> list[tuple[str, str]]:
    if one["score_after"] is None:
        return []
    before, after = (f"{100 * one[key]:.1f} %" for key in ("score_before", "score_after"))
    told = f"{before} before, {after} after"
    return [("mean score on held-out validation tasks", told)]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _loading(base: str, name: str, *, merged: bool) -> list[str]:
    if merged:
        return [
            "```python", "from transformers import AutoModelForCausalLM, AutoTokenizer", "",
            f'model = AutoModelForCausalLM.from_pretrained("{_HERE}")',
            f'tokenizer = AutoTokenizer.from_pretrained("{_HERE}")', "```", "",
            f"With vLLM: `vllm serve {_HERE}`. With agentevo: `--backbone local:{_HERE}`.",
        ]  # fmt: skip
    return [
        "It fits the base model above and no other.", "",
        "```python", "from peft import PeftModel", "from transformers import AutoModelForCausalLM",
        "", f'base = AutoModelForCausalLM.from_pretrained("{base}")',
        f'model = PeftModel.from_pretrained(base, "{_HERE}")', "```", "",
        f"With vLLM: `vllm serve {base} --enable-lora --lora-modules {name}={_HERE}`. With "
        f"agentevo: `agentevo adapters adopt RUN {_HERE}`.",
    ]  # fmt: skip
