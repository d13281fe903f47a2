"""A contest of recipes: the same backbone, tasks, seeds and budget for each, and a fair table.

A contest is a folder with its plan; each recipe under each seed is an ordinary run, or, on several
benchmarks, one for each, which begins with what the one before it has in force. Runs are played in
processes of their own, seed by seed, so that what is there at any moment can be compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from agentevo import recipes
from agentevo.api import check_strategies, settle
from agentevo.backbones.registry import weights_of
from agentevo.backbones.speaker import load_benchmark
from agentevo.config import ConfigError, RunConfig
from agentevo.evaluation.attempts import by_task
from agentevo.evaluation.comparison import played
from agentevo.evaluation.overview import overview
from agentevo.folders import RunError, home
from agentevo.run import Run
from agentevo.strategies import hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentevo.ledger import EpisodeSummary

    Episodes = dict[str, EpisodeSummary]
    """By task."""

BASELINE = "react"
N_GENERATIONS = 4
"""At most, where nothing else is said: the gate shares its alpha over all that were planned."""


@dataclass(frozen=True)
class Entrant:
    """One recipe under one seed on one benchmark: one run."""

    recipe: str
    """Its name, or the path of its file."""
    seed: int
    stage: int = 0
    """Which of the benchmarks, in their order."""

    @property
    def title(self) -> str:
        """The recipe's name."""
        return Path(self.recipe).stem if self.recipe.endswith(".toml") else self.recipe


@dataclass(frozen=True)
class Plan:
    """What is compared, and under which conditions."""

    name: str
    recipes: tuple[str, ...]
    n_seeds: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Common to all, over what a recipe says: the budget of tokens among them."""
    benchmarks: tuple[str, ...] = ()
    """One after the other, for every recipe. Empty: the one of the settings."""

    @property
    def n_stages(self) -> int:
        """Runs of a recipe under one seed."""
        return max(1, len(self.benchmarks))

    def config(self, entrant: Entrant) -> RunConfig:
        """Return the settings of one run."""
        own: dict[str, Any] = {
            "recipe": entrant.recipe, "seed": entrant.seed, "evaluation": {"arms": ("both",)},
        }  # fmt: skip
        recipe = recipes.load(entrant.recipe).settings
        fixed = {"n_generations": recipe["n_generations"]} if "n_generations" in recipe else {}
        if "tasks" not in recipe.get("acquisition", {}):
            own["acquisition"] = {"tasks": f"stream:{entrant.seed}"}
        if self.benchmarks:
            own["benchmark"] = self.benchmarks[entrant.stage]
        if entrant.stage:
            own["origin"] = self.run_name(replace(entrant, stage=entrant.stage - 1))
        return settle({"n_generations": N_GENERATIONS}, self.settings, fixed, own)

    def entrants(self) -> Iterator[Entrant]:
        """Return all runs, seed by seed, those that follow each other in their order."""
        for seed in range(1, self.n_seeds + 1):
            for recipe in self.recipes:
                for stage in range(self.n_stages):
                    yield Entrant(recipe, seed, stage)

    def run_name(self, entrant: Entrant) -> str:
        """Return the name of an entrant's run."""
        stage = f"-b{entrant.stage + 1}" if self.n_stages > 1 else ""
        return f"{self.name}-{entrant.title}-s{entrant.seed}{stage}"

    def label(self, entrant: Entrant) -> str:
        """Return how a run is named among those of the plan: `RECIPE:SEED`, or with its stage."""
        stage = f":{entrant.stage + 1}" if self.n_stages > 1 else ""
        return f"{entrant.title}:{entrant.seed}{stage}"

    def chain(self, recipe: str, seed: int) -> list[Entrant]:
        """Return a recipe's runs under one seed, in their order."""
        return [Entrant(recipe, seed, stage) for stage in range(self.n_stages)]


@dataclass(frozen=True)
class Contest:
    """A plan, and the folder that it is kept in."""

    folder: Path
    plan: Plan

    @classmethod
    def begin(cls, plan: Plan) -> Self:
        """Keep a plan, after all that it names was checked.

        Raises:
            ConfigError: a recipe or setting is unknown, or cannot be compared with the others.
            RunError: there is a contest of that name, or the name is none.
        """
        if not re.fullmatch(r"\w[\w.-]*", plan.name):
            raise RunError(f"{plan.name!r} is no name: a letter or digit, then also '.' and '-'")
        if BASELINE not in plan.recipes:
            plan = replace(plan, recipes=(BASELINE, *plan.recipes))
        _check(plan)
        folder = _home() / plan.name
        if folder.exists():
            raise RunError(f"there is a comparison {plan.name!r} already: go on with it (--resume)")
        (folder / "logs").mkdir(parents=True)
        (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=1) + "\n")
        return cls(folder, plan)

    @classmethod
    def open(cls, name: str) -> Self:
        """Open a contest by its name or folder.

        Raises:
            RunError: there is none.
        """
        for folder in (Path(name), _home() / name):
            if (folder / "plan.json").is_file():
                told = json.loads((folder / "plan.json").read_text())
                plan = Plan(
                    told["name"], tuple(told["recipes"]), told["n_seeds"], told["settings"],
                    tuple(told.get("benchmarks", ())),
                )  # fmt: skip
                return cls(folder, plan)
        known = sorted(one.parent.name for one in _home().glob("*/plan.json"))
        raise RunError(f"there is no comparison {name!r}{hint(name, known)}")

    def run_folder(self, entrant: Entrant) -> Path:
        """Return where an entrant's run is, or will be."""
        return home() / "runs" / self.plan.run_name(entrant)

    def status(self, entrant: Entrant) -> str:
        """Return how an entrant's run stands; `new` where it was not begun.

        The last of several benchmarks is finished once those before it are played again.
        """
        folder = self.run_folder(entrant)
        if not (folder / "ledger.db").exists():
            return "new"
        status = str(overview(folder)["status"])
        if status == "finished" and 0 < entrant.stage == self.plan.n_stages - 1:
            with Run.open(folder) as run:
                whole = all(self.retried(run, one) for one in self.earlier(entrant))
            return status if whole else "interrupted"
        return status

    def earlier(self, entrant: Entrant) -> list[Entrant]:
        """Return the runs that an entrant's run goes on from, the first of them first."""
        return self.plan.chain(entrant.recipe, entrant.seed)[: entrant.stage]

    def retried(self, run: Run, earlier: Entrant) -> Episodes:
        """Return what a run has in force on the test tasks of an earlier one; empty: not all."""
        with Run.open(self.run_folder(earlier)) as before:
            tasks = played(before).keys()
        arm = run.incumbent().name
        now = by_task(run.ledger.summaries(run.id, purpose="evaluation", arm=arm))
        return {task: now[task] for task in tasks} if tasks <= now.keys() else {}

    def is_ready(self, entrant: Entrant) -> bool:
        """Say whether a run can be begun: the one that it goes on from is finished."""
        return all(self.status(one) == "finished" for one in self.earlier(entrant)[-1:])

    def entrant(self, text: str) -> Entrant:
        """Return the entrant that `RECIPE:SEED` names; on several benchmarks `RECIPE:SEED:STAGE`.

        Raises:
            ConfigError: there is none.
        """
        for one in self.plan.entrants():
            if self.plan.label(one) == text:
                return one
        known = ", ".join(Entrant(one, 0).title for one in self.plan.recipes)
        n_stages = self.plan.n_stages
        form, stage = "RECIPE:SEED", ""
        if n_stages > 1:
            form, stage = "RECIPE:SEED:STAGE", f", and a stage of 1 to {n_stages}"
        raise ConfigError(
            f"{text!r} is no run of {self.plan.name}: write {form}, with a recipe of {known} "
            f"and a seed of 1 to {self.plan.n_seeds}{stage}"
        )


def _home() -> Path:
    return home() / "comparisons"


def _check(plan: Plan) -> None:
    """Raise ConfigError where a run of the plan could not begin, or would not compare."""
    titles = [Entrant(one, 0).title for one in plan.recipes]
    twice = {one for one in titles if titles.count(one) > 1}
    if twice:
        raise ConfigError(f"recipes must have names of their own: {', '.join(sorted(twice))}")
    if len(set(plan.benchmarks)) < len(plan.benchmarks):
        raise ConfigError("a benchmark is named twice: each has its turn once")
    for recipe, stage in product(plan.recipes, range(plan.n_stages)):
        config = plan.config(Entrant(recipe, 1, stage))
        check_strategies(config, load_benchmark(config.benchmark, config.endpoint))
        if config.weights.trainer != "none" and not weights_of(config.backbone, config.endpoint):
            raise ConfigError(
                f"{recipe} trains weights, and those of {config.backbone} are not at hand"
            )
        if not config.evaluation.n_test_per_level:
            raise ConfigError("there is nothing to compare: set evaluation.n_test_per_level")
