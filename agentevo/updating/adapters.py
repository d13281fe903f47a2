"""Adapters as folders: what is known of one, two compared, merged, and taken out of the house."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentevo.backbones.adapter import CARD, card_of, check_base
from agentevo.config import ConfigError
from agentevo.files import fingerprint_of
from agentevo.updating.likelihood import loss_of
from agentevo.updating.traces import TrainingSet


@dataclass(frozen=True)
class Comparison:
    """Two adapters, as differences from the plain weights."""

    norms: tuple[float, float]
    """Of the two differences (Frobenius, over all matrices)."""
    cosine: float
    """Between them: 1 the same direction, 0 nothing in common."""
    layers: dict[str, tuple[float, float, float]]
    """By layer: the two norms, and the norm of what lies between the adapters."""


def compare(one: Path, other: Path, weights: Path) -> Comparison:
    """Compare two adapters of one plain model, LoRA or full."""
    import torch

    from agentevo.updating.merging import difference

    a, b = difference(one, weights).changes, difference(other, weights).changes
    total = torch.zeros(3)
    layers: dict[str, torch.Tensor] = {}
    for name in sorted(a.keys() | b.keys()):
        like = a.get(name, b.get(name))
        assert like is not None
        x, y = (changes.get(name, torch.zeros_like(like)) for changes in (a, b))
        squares = torch.stack([(x**2).sum(), (y**2).sum(), ((x - y) ** 2).sum()])
        parts = name.split(".")
        layer = f"layer {parts[parts.index('layers') + 1]}" if "layers" in parts else "the rest"
        layers[layer] = layers.get(layer, torch.zeros(3)) + squares
        total += squares
    product = (total[0] + total[1] - total[2]) / 2
    lengths = (total[0] * total[1]).sqrt()
    told = {name: tuple(sums.sqrt().tolist()) for name, sums in layers.items()}
    return Comparison(
        (float(total[0].sqrt()), float(total[1].sqrt())),
        float(product / lengths) if lengths > 0 else 0.0,
        told,
    )


def merge(
    folders: Sequence[Path],
    weights: Path,
    out: Path,
    *,
    way: str,
    shares: Sequence[float] = (),
    density: float = 0.5,
    rank: int = 0,
    loss: Callable[[Sequence[Path]], float] | None = None,
) -> dict[str, Any]:
    """Make one adapter of several; return how, for its card.

    Args:
        folders: of the adapters.
        weights: of the plain model.
        out: the folder that is made.
        way: `mean`, `dare`, `ties`, or `soup`, which takes in those that do not raise the loss.
        shares: of each; empty: all alike, and 1 together.
        density: of `dare` and `ties`: the share of entries that is kept.
        rank: of LoRA at most; 0: what is needed to lose nothing.
        loss: of the mean of some; wanted by `soup`.

    Raises:
        ConfigError: the shares do not fit, or the adapters are not of one kind.
    """
    from agentevo.updating.merging import difference, greedy_soup, merged, save

    if shares and len(shares) != len(folders):
        raise ConfigError(f"{len(folders)} adapters want {len(folders)} shares, not {len(shares)}")
    taken = list(folders)
    if way == "soup":
        assert loss is not None
        taken = greedy_soup(folders, loss)
    weighed = list(shares) if shares and way != "soup" else [1 / len(taken)] * len(taken)
    made = merged(
        [difference(one, weights) for one in taken], weighed,
        way="mean" if way == "soup" else way,  # type: ignore[arg-type]
        density=density,
    )  # fmt: skip
    lost = save(made, taken[0], weights, out, rank=rank)
    card: dict[str, Any] = {
        "base": fingerprint_of(weights),
        "merged": {one.name: share for one, share in zip(taken, weighed, strict=True)},
        "way": way,
        "density": density if way in ("dare", "ties") else None,
        "lost_to_rank": lost,
    }
    (out / CARD).write_text(json.dumps(card, indent=1))
    return card


def soup_loss(
    weights: Path, data: TrainingSet, window: int, work: Path
) -> Callable[[Sequence[Path]], float]:
    """Return what measures the mean of some adapters, by its loss on dialogues.

    Args:
        weights: of the plain model.
        data: held out from the training of all of them.
        window: tokens of a dialogue.
        work: a folder for what is made on the way.
    """
    from agentevo.updating.merging import difference, merged, save

    known: dict[tuple[Path, ...], float] = {}

    def loss(folders: Sequence[Path]) -> float:
        key = tuple(sorted(folders))
        if key not in known:
            made = merged([difference(one, weights) for one in key], [1 / len(key)] * len(key))
            folder = work / f"soup{len(known)}"
            save(made, key[0], weights, folder)
            known[key] = loss_of(weights, folder, data, window=window)
            shutil.rmtree(folder)
        return known[key]

    return loss


def export(
    folder: Path, weights: Path, out: Path, *, merged: bool, base: str = "", readme: str = ""
) -> None:
    """Write an adapter as a folder that others load, on any machine.

    Args:
        folder: of the adapter.
        weights: of the plain model.
        out: must not be there, or be empty.
        merged: True: a whole model with its tokenizer, which transformers and vLLM load as any
            other. False: the adapter by itself, in PEFT's form.
        base: public name of the plain model, for PEFT. Empty: it has none, and whoever loads the
            adapter names it.
        readme: its text. Empty: there is none.

    Raises:
        ConfigError: there is something at `out`, or the adapter has no PEFT form.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already")
    is_lora = (folder / "adapter_config.json").is_file()
    if not merged and not is_lora:
        raise ConfigError(f"{folder.name} has full weights, no PEFT form: export it with --merged")
    if not merged:
        shutil.copytree(folder, out, dirs_exist_ok=True)
        config = json.loads((out / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = base or None
        (out / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
        (out / "README.md").unlink(missing_ok=True)  # PEFT's, with nothing in it but this machine
        if readme:
            (out / "README.md").write_text(readme, encoding="utf-8")
        return
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if is_lora:
        plain = AutoModelForCausalLM.from_pretrained(weights, dtype="auto", local_files_only=True)
        whole: Any = PeftModel.from_pretrained(plain, folder).merge_and_unload()
    else:
        whole = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", local_files_only=True)
    whole.save_pretrained(out)
    AutoTokenizer.from_pretrained(weights, local_files_only=True).save_pretrained(out)
    for name in ("chat_template.jinja", "generation_config.json"):
        if (weights / name).is_file():
            shutil.copy(weights / name, out / name)
    noted = card_of(folder)
    (out / CARD).write_text(json.dumps(noted, indent=1))
    if readme:
        (out / "README.md").write_text(readme, encoding="utf-8")


def take_in(source: Path, weights: Path, folder: Path) -> None:
    """Copy an adapter of elsewhere into the house.

    Raises:
        ConfigError: it is no adapter's folder.
        BackboneError: it was trained for another model.
    """
    if not any((source / name).is_file() for name in ("adapter_config.json", "config.json")):
        raise ConfigError(f"{source} is no adapter: it has no adapter_config.json")
    check_base(source, weights)
    partial = folder.parent / f"{folder.name}.new"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    if not card_of(partial):
        (partial / CARD).write_text(json.dumps({"base": fingerprint_of(weights)}, indent=1))
    partial.rename(folder)
