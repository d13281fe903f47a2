"""Updating in weights: ways of training by name, alone or several one after the other.

A trainer says what it learns from and what it minimises; replay, rehearsal, anchoring, running
means and averaging go with any of them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentevo.backbones.adapter import CARD
from agentevo.refinement.sieve import Answer
from agentevo.strategies import find
from agentevo.updating import objectives
from agentevo.updating.data import (
    Builder,
    Material,
    imitated,
    preferred,
    reinforced,
    with_rehearsal,
    with_replay,
)
from agentevo.updating.objectives import Objective
from agentevo.updating.traces import Card, TrainingSet
from agentevo.updating.training import Job, TrainProgress, train


@dataclass(frozen=True)
class Trainer:
    """A way of training."""

    build: Builder
    """Makes the training set."""
    objective: Objective
    """What is minimised."""
    from_plain: bool = False
    """True: each training starts from the plain weights, and what earlier ones taught comes back by
    replay. False: it goes on from the adapter in force."""
    needs_before: bool = True
    """Whether the objective looks at the log-probabilities before the training."""
    needs_samples: bool = False
    """Whether it compares episodes at the same task."""
    on_policy: bool = False
    """Whether probabilities count as they were when the episodes were sampled."""


STRATEGIES: dict[str, Trainer] = {
    "sft": Trainer(imitated, objectives.likelihood, from_plain=True, needs_before=False),
    "dpo": Trainer(preferred, objectives.preference, needs_samples=True),
    "grpo": Trainer(reinforced, objectives.policy, needs_samples=True, on_policy=True),
}


def trainers(name: str) -> list[Trainer]:
    """Return the trainers that a name lists, such as `sft` or `sft+dpo`, in their order.

    Raises:
        ConfigError: there is no such trainer.
    """
    parts = [name] if ".py:" in name else name.split("+")
    return [find("weights.trainer", part, STRATEGIES) for part in parts]


def training_set(trainer: Trainer, material: Material) -> TrainingSet:
    """Return what a trainer learns from, with what keeps it from forgetting."""
    data = trainer.build(material)
    if trainer.build is not imitated and material.settings.replay_share and data.examples:
        data = with_replay(data, material)
    return data


@dataclass(frozen=True)
class Made:
    """What one trainer of an update came to."""

    adapter: str
    """Empty: there was too little to train on."""
    parents: tuple[str, ...]
    card: Card
    figures: dict[str, float]
    traces: tuple[str, ...] = ()
    """Ids of the trajectories that were learned from."""


@dataclass(frozen=True)
class Place:
    """Where an update of the weights takes place."""

    weights: Path
    """Folder of the plain model."""
    adapters: Path
    """Folder of all adapters of the run."""
    name: str
    """Of the adapter that is to be made."""
    incumbent: str
    """Name of the adapter in force; empty: the plain weights are."""
    temperature: float
    """At which the episodes were sampled."""
    answer: Callable[[str], Answer]
    """By name of an adapter: what asks the model with it."""


def update_weights(material: Material, place: Place, progress: TrainProgress) -> list[Made]:
    """Train by all trainers of the settings, each from where the one before it ended.

    The last one's adapter has the update's name; those before it have the trainer's name added.
    What is there already from a run that was cut short is not trained again.

    Args:
        material: what may be learned from.
        place: from what, and where to.
        progress: told of each step.
    """
    settings, found = material.settings, list[Made]()
    parts = [settings.trainer] if ".py:" in settings.trainer else settings.trainer.split("+")
    for i, part in enumerate(parts):
        (way,) = trainers(part)
        came = found[-1].adapter if found and found[-1].adapter else place.incumbent
        start = "" if way.from_plain else came
        name = place.name if i == len(parts) - 1 else f"{place.name}-{part}"
        data = training_set(way, replace(material, answer=place.answer(start)))
        if data.card.n_traces < settings.min_traces or not data.examples:
            found.append(Made("", (), data.card, {}))
            continue
        job = Job(
            place.weights, place.adapters / start if start else None, data, settings,
            place.adapters / name, material.window, material.seed,
            place.temperature if way.on_policy else 1.0,
        )  # fmt: skip
        figures = tune(part, job, progress)
        card = Card(**json.loads((job.out / CARD).read_text())["data"])
        traces = tuple(dict.fromkeys(one.trace for one in data.examples if one.trace))
        found.append(Made(name, (start,) if start else (), card, figures, traces))
    return found


def with_made_up(data: TrainingSet, job: Job) -> TrainingSet:
    """Add the share of dialogues that the plain model makes up itself."""
    from agentevo.updating.rehearsal import made_up

    share = job.settings.rehearse_share
    n = round(data.card.n_turns * share / (1 - share))
    shown = [call.dialogue for one in data.examples for call in one.calls[:1]]
    return with_rehearsal(data, made_up(job.weights, shown, n, window=job.window, seed=job.seed))


def tune(name: str, job: Job, progress: TrainProgress) -> dict[str, float]:
    """Train by one trainer; return figures to be recorded.

    Where several trainings are averaged, each has a seed of its own (WARM, Ramé et al. 2024, arXiv
    2401.12187; of reward models there, of policies here). Where only a part of the way is wanted,
    the result lies between the plain weights and the trained ones (Wortsman et al. 2022, Robust
    fine-tuning of zero-shot models, arXiv 2109.01903).

    Args:
        name: of one trainer.
        job: what is trained from what.
        progress: told of each step.
    """
    from agentevo.updating.launch import run_apart

    job, settings = replace(job, trainer=name), job.settings
    if job.out.exists():  # of a run that was cut short right after
        return dict(json.loads((job.out / CARD).read_text())["figures"])
    if settings.rehearse_share:
        job = replace(job, data=with_made_up(job.data, job))
    if settings.n_averaged == 1 and settings.keep_share == 1:
        outs = [job]
    else:
        outs = [
            replace(job, seed=job.seed + i, out=job.out.parent / f"{job.out.name}.{i}")
            for i in range(settings.n_averaged)
        ]
    figures: dict[str, float] = {}
    for one in outs:
        if not one.out.exists():
            if settings.launch:
                run_apart(name, one, progress)
            else:
                way = trainers(name)[0]
                train(one, way.objective, progress, needs_before=way.needs_before)
        figures = json.loads((one.out / CARD).read_text())["figures"]
    if outs != [job]:
        _average(job, outs)
    return figures


def _average(job: Job, outs: Sequence[Job]) -> None:
    """Make one adapter of several trainings, or of a part of the way."""
    from agentevo.updating.adapters import soup_loss
    from agentevo.updating.encoding import measured_groups
    from agentevo.updating.merging import difference, greedy_soup, merged, save

    folders = [one.out for one in outs]
    if job.settings.soup == "greedy":
        measured = measured_groups(job.data.examples, job.settings.validation_share)
        held_out = tuple(
            one for one in job.data.examples if one.group in measured and one.side >= 0
        )
        loss = soup_loss(job.weights, TrainingSet(held_out, Card()), job.window, job.out.parent)
        folders = greedy_soup(folders, loss)
    some = [difference(one, job.weights) for one in folders]
    share = job.settings.keep_share / len(some)
    made = merged(some, [share] * len(some))
    save(made, folders[0], job.weights, job.out)
    for one in outs:
        shutil.rmtree(one.out)
