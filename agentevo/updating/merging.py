"""Adapters as differences from the plain weights: averaged, thinned out, taken a part of the way.

All is done on the difference of each matrix, whether LoRA or full weights hold it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft.utils.merge_utils import dare_linear, task_arithmetic, ties
from safetensors.torch import load_file, save_file

from agentevo.config import ConfigError

Way = Literal["mean", "dare", "ties"]
"""How differences become one: their weighted sum; the same after most of each was dropped at random
and the rest scaled up (DARE, Yu et al. 2024, arXiv 2311.03099); the same where they agree in sign
(TIES, Yadav et al. 2023, arXiv 2306.01708)."""

_WEIGHTS = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class Difference:
    """What an adapter adds to the plain weights: by name of a matrix, its change."""

    changes: dict[str, torch.Tensor]
    rank: int
    """Of LoRA; 0: full weights."""


def difference(folder: Path, weights: Path) -> Difference:
    """Return what an adapter adds to the plain weights.

    Args:
        folder: of the adapter.
        weights: of the plain model.
    """
    if not (folder / _CONFIG).is_file():
        plain, tuned = _all_of(weights), _all_of(folder)
        return Difference({name: tuned[name].float() - plain[name].float() for name in tuned}, 0)
    config = json.loads((folder / _CONFIG).read_text())
    held = load_file(folder / _WEIGHTS)
    scale = config["lora_alpha"] / config["r"]
    if config.get("use_rslora"):
        scale = config["lora_alpha"] / config["r"] ** 0.5
    changes = {}
    for name in sorted(held):
        if ".lora_A." not in name:
            continue
        up = held[name.replace(".lora_A.", ".lora_B.")].float()
        target = name.removeprefix(_PREFIX).replace(".lora_A.", ".")
        changes[target] = scale * up @ held[name].float()
    if not changes:
        raise ConfigError(f"{folder} is no LoRA adapter that can be merged")
    return Difference(changes, config["r"])


def _all_of(folder: Path) -> dict[str, torch.Tensor]:
    held: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        held |= load_file(path)
    return held


def merged(
    some: Sequence[Difference],
    shares: Sequence[float],
    *,
    way: Way = "mean",
    density: float = 0.5,
    seed: int = 0,
) -> Difference:
    """Return differences as one.

    Args:
        some: of the same plain model and kind.
        shares: of each, by which it is multiplied.
        way: see `Way`.
        density: of `dare` and `ties`: share of each difference's entries that are kept.
        seed: draws what is dropped.

    Raises:
        ConfigError: they are not of one kind.
    """
    if len({frozenset(one.changes) for one in some}) > 1:
        raise ConfigError("these adapters change different matrices: they cannot be merged")
    torch.manual_seed(seed)
    weights = torch.tensor(shares)
    changes = {}
    for name in some[0].changes:
        stack = [one.changes[name] for one in some]
        if way == "mean":
            changes[name] = task_arithmetic(stack, weights)
        elif way == "dare":
            changes[name] = dare_linear(stack, weights, density)
        else:
            changes[name] = ties(stack, weights, density)
    return Difference(changes, sum(one.rank for one in some))


def save(made: Difference, like: Path, weights: Path, out: Path, *, rank: int = 0) -> float:
    """Write a difference as an adapter.

    Args:
        made: what is written.
        like: folder of an adapter of the same kind, whose other files are taken over.
        weights: of the plain model.
        out: the folder to be made; must not be there.
        rank: of LoRA at most; 0: what is needed to lose nothing.

    Returns:
        The share of the difference that the rank could not hold, 0..1 (of its squared norm).
    """
    partial = out.parent / f"{out.name}.new"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(like, partial)
    lost = total = 0.0
    if made.rank:
        most = rank or made.rank
        held = {}
        for name, change in made.changes.items():
            left, size, right = torch.linalg.svd(change, full_matrices=False)
            lost += float((size[most:] ** 2).sum())
            total += float((size**2).sum())
            n = min(most, len(size))
            root = torch.zeros(most)
            root[:n] = size[:n].sqrt()
            up, down = torch.zeros(len(left), most), torch.zeros(most, right.shape[1])
            up[:, :n], down[:n] = left[:, :n] * root[:n], root[:n, None] * right[:n]
            stem, dot, last = name.rpartition(".")
            held[f"{_PREFIX}{stem}.lora_A{dot}{last}"] = down.contiguous()
            held[f"{_PREFIX}{stem}.lora_B{dot}{last}"] = up.contiguous()
        save_file(held, partial / _WEIGHTS, metadata={"format": "pt"})
        config = json.loads((partial / _CONFIG).read_text())
        config |= {"r": most, "lora_alpha": most, "use_rslora": False, "rank_pattern": {}}
        (partial / _CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True))
    else:
        plain = _all_of(weights)
        for path in sorted(partial.glob("*.safetensors")):
            held = {
                name: (plain[name].float() + made.changes[name]).to(old.dtype).contiguous()
                for name, old in load_file(path).items()
            }
            save_file(held, path, metadata={"format": "pt"})
    partial.rename(out)
    return lost / total if total else 0.0


def greedy_soup(folders: Sequence[Path], loss: Callable[[Sequence[Path]], float]) -> list[Path]:
    """Return which adapters to average: each is taken in if that does not make it worse.

    Wortsman et al. 2022, Model soups (arXiv 2203.05482).

    Args:
        folders: of adapters.
        loss: of the average of some, on what none was trained on.
    """
    ranked = sorted(folders, key=lambda one: loss([one]))
    taken, best = ranked[:1], loss(ranked[:1])
    for one in ranked[1:]:
        if (now := loss([*taken, one])) <= best:
            taken, best = [*taken, one], now
    return taken


def layer_shares(
    n_layers: int,
    loss: Callable[[Sequence[float]], float],
    *,
    mean: float,
    n_groups: int = 3,
    step: float = 0.2,
    n_rounds: int = 2,
) -> list[float]:
    """Return how far each layer goes from the plain weights to the trained ones.

    Adaptive model averaging, Lin et al. 2023 (arXiv 2309.06256): layers in groups, each with a
    share of its own whose mean stays, found by moving share between two groups while that helps.

    Args:
        n_layers: of the model.
        loss: of the model with a share a layer.
        mean: of the shares.
        n_groups: of neighbouring layers.
        step: by which shares are moved.
        n_rounds: over all pairs of groups.
    """
    n_groups = min(n_groups, n_layers)
    sizes = [n_layers // n_groups + (i < n_layers % n_groups) for i in range(n_groups)]

    def spread(shares: Sequence[float]) -> list[float]:
        return [one for one, n in zip(shares, sizes, strict=True) for _ in range(n)]

    best = [mean] * n_groups
    least = loss(spread(best))
    for _ in range(n_rounds):
        for more in range(n_groups):
            for less in range(n_groups):
                now = list(best)
                now[more] += step / sizes[more]
                now[less] -= step / sizes[less]
                if more == less or not all(0 <= one <= 1 for one in now):
                    continue
                if (value := loss(spread(now))) < least:
                    best, least = now, value
    return spread(best)


def by_layer(made: Difference, shares: Sequence[float]) -> Difference:
    """Return a difference with each layer's part multiplied by a share of its own."""
    changes: dict[str, torch.Tensor] = {}
    for name, change in made.changes.items():
        parts: list[Any] = name.split(".")
        number = parts[parts.index("layers") + 1] if "layers" in parts else None
        share = shares[int(number)] if number is not None else sum(shares) / len(shares)
        changes[name] = share * change
    return Difference(changes, made.rank)
