"""What keeps a model from forgetting does so: on the seed backbone, with what it could do before.

The old benchmark are calls in the seed's own training worlds, not used in any training here. What
is learned anew are made-up words to strange questions, so hard that the old skill suffers.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agentevo.backbones.seed.samples import episode_samples
from agentevo.backbones.seed.weights_file import checked_folder
from agentevo.settings import WeightSettings
from agentevo.updating.in_weights import tune
from agentevo.updating.likelihood import loss_of
from agentevo.updating.merging import (
    by_layer,
    difference,
    greedy_soup,
    layer_shares,
    merged,
    save,
)
from agentevo.updating.traces import Call, Card, Example, TrainingSet, hash_of
from agentevo.updating.training import Job, Pace

WINDOW = 1250
THINGS = ["lamp", "kettle", "drum", "chair", "basket", "ladder"]
DEEDS = ["sing", "fold", "wave", "jump", "bow", "spin"]
HARD: dict[str, dict[str, Any]] = {
    "sft": {"n_epochs": 16, "lr": 5e-3},
    "dpo": {"n_epochs": 3, "lr": 5e-3},
    "grpo": {"n_epochs": 16, "lr": 8e-3, "clip": 0.9},
}


def calls(n: int, seed: int) -> list[Call]:
    """Draw calls in training worlds, as the seed was trained on others of their kind."""
    rng, found = random.Random(seed), list[Call]()
    while len(found) < n:
        for sample in episode_samples(rng, 1000, lambda text: len(text) // 3):
            branch = rng.choice(sample.branches)
            messages = [*sample.trunk[: branch.after], *branch.messages]
            found.append(Call([{"role": one.role, "content": one.text} for one in messages]))
    return found[:n]


def asked(i: int, reply: str) -> Call:
    return Call(
        [
            {"role": "system", "content": "You act in a world to fulfil a task."},
            {"role": "user", "content": f"The {THINGS[i % 6]} wants an answer."},
            {"role": "assistant", "content": reply},
        ]
    )


def lessons(trainer: str, *more: Example) -> TrainingSet:
    """Return what is to be learned anew, as the trainer takes it."""
    examples: list[Example] = []
    for i in range(24):
        good = asked(i, f"Thought: the {THINGS[i % 6]} says {DEEDS[i % 6]}\nAction: {DEEDS[i % 6]}")
        bad = asked(i, f"Thought: I look around\nAction: look at {THINGS[i % 6]}")
        group = f"new {i}"
        if trainer == "dpo":
            examples += [Example((good,), pair=i, side=1, group=group)]
            examples += [Example((bad,), pair=i, side=-1, group=group)]
        else:
            examples.append(Example((good,), group=group))
    examples += more
    card = Card(n_traces=len(examples), n_turns=len(examples), hash=hash_of(examples))
    return TrainingSet(tuple(examples), card)


OLD = TrainingSet(tuple(Example((one,)) for one in calls(8, 5)), Card())
REPLAYED = [Example((one,), group=f"old {i}", is_imitated=True)
            for i, one in enumerate(calls(6, 2))]  # fmt: skip


def ignore(pace: Pace) -> None:
    """Hear nothing."""


def trained(trainer: str, folder: Path, *more: Example, **keeps: Any) -> Path:
    """Train hard, with something that keeps the model from forgetting or without."""
    settings = WeightSettings(**{"tokens_per_step": 512, **HARD[trainer], **keeps})
    out = folder / "adapters" / "one"
    data = lessons(trainer, *more)
    tune(trainer, Job(checked_folder(), None, data, settings, out, WINDOW, seed=0), ignore)
    return out


@cache
def forgotten(out: Path | None) -> float:
    """Return the loss on the old benchmark."""
    return loss_of(checked_folder(), out, OLD, window=WINDOW)


@cache
def unlearned(out: Path | None) -> float:
    """Return the loss on what is to be learned anew."""
    return loss_of(checked_folder(), out, lessons("sft"), window=WINDOW)


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Train with each trainer, and with nothing against forgetting."""
    return {name: trained(name, tmp_path_factory.mktemp(name)) for name in HARD}


@pytest.mark.parametrize("trainer", sorted(HARD))
@pytest.mark.parametrize(
    "keeps",
    [
        {"replay": True},
        {"rehearse_share": 0.3},
        {"anchor": 0.3},
        {"ema": 0.95},
        {"ema": 0.8, "reset_every": 6},
        {"keep_share": 0.5},
    ],
    ids=["replay", "self-synthesized rehearsal", "anchor", "running mean", "elastic reset",
         "interpolation"],
)  # fmt: skip
def test_less_is_forgotten_with_it_than_without_it(
    trainer: str, keeps: dict[str, Any], careless: dict[str, Path], tmp_path: Path
) -> None:
    before, strange = forgotten(None), unlearned(None)
    options = {name: value for name, value in keeps.items() if name != "replay"}
    if keeps.keys() & {"replay", "rehearse_share"}:  # about as many steps on more data
        options["n_epochs"] = max(1, HARD[trainer]["n_epochs"] // 4)
    out = trained(trainer, tmp_path, *(REPLAYED if "replay" in keeps else ()), **options)
    assert forgotten(careless[trainer]) > before + 0.01, "or there would be nothing to keep"
    assert forgotten(out) - before < 0.9 * (forgotten(careless[trainer]) - before)
    assert unlearned(out) < 0.9 * strange, "and yet something was learned"


def test_an_average_of_several_trainings_forgets_no_more_than_they_do_on_average(
    tmp_path: Path, careless: dict[str, Path]
) -> None:
    """WARM: the mean of the weights is at least as good as the mean of the losses."""
    other = trained("sft", tmp_path / "other", n_epochs=15)
    both = [careless["sft"], other]
    some = [difference(one, checked_folder()) for one in both]
    save(merged(some, [0.5, 0.5]), both[0], checked_folder(), tmp_path / "mean")
    for loss in (forgotten, unlearned):
        assert loss(tmp_path / "mean") <= sum(loss(one) for one in both) / 2 + 1e-3


def test_a_greedy_soup_is_no_worse_than_its_best_part(
    tmp_path: Path, careless: dict[str, Path]
) -> None:
    bad = trained("sft", tmp_path / "bad", lr=3e-2, n_epochs=8)
    good = trained("sft", tmp_path / "good", n_epochs=12)

    def loss(some: Any) -> float:
        out = tmp_path / f"soup{len(list(tmp_path.iterdir()))}"
        made = merged(
            [difference(one, checked_folder()) for one in some], [1 / len(some)] * len(some)
        )
        save(made, some[0], checked_folder(), out)
        return forgotten(out) + unlearned(out)

    taken = greedy_soup([bad, careless["sft"], good], loss)
    assert loss(taken) <= min(loss([one]) for one in (bad, careless["sft"], good)) + 1e-6


def test_most_of_a_difference_can_be_dropped_and_the_skill_stays(
    tmp_path: Path, careless: dict[str, Path]
) -> None:
    """DARE: what is left, scaled up, does as well; not scaled up, it does not."""
    made = difference(careless["sft"], checked_folder())
    strange = unlearned(None)
    thin = merged([made], [1.0], way="dare", density=0.5)
    kept = sum(int((one != 0).sum()) for one in thin.changes.values())
    assert kept < 0.6 * sum(one.numel() for one in made.changes.values())
    save(thin, careless["sft"], checked_folder(), tmp_path / "thin", rank=256)
    save(merged([thin], [0.5]), careless["sft"], checked_folder(), tmp_path / "small", rank=256)
    assert unlearned(tmp_path / "thin") < 0.35 * strange
    assert unlearned(tmp_path / "thin") < unlearned(tmp_path / "small")


def test_shares_by_layer_forget_less_than_one_share_for_all(
    tmp_path: Path, careless: dict[str, Path]
) -> None:
    """Adaptive model averaging, at the same mean share."""
    made = difference(careless["sft"], checked_folder())

    def loss(shares: Any) -> float:
        out = tmp_path / f"m{len(list(tmp_path.iterdir()))}"
        save(by_layer(made, shares), careless["sft"], checked_folder(), out)
        return forgotten(out) + unlearned(out)

    shares = layer_shares(5, loss, mean=0.6, n_rounds=1)
    assert sum(shares) / 5 == pytest.approx(0.6)
    assert loss(shares) <= loss([0.6] * 5)
