"""A contest of recipes: the same backbone, tasks, seeds and budget for each, and a fair table.

A contest is a folder with its plan; each recipe under each seed is an ordinary run. Runs are played
in processes of their own, seed by seed, so that what is there at any moment can be compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from agentevo import recipes
from agentevo.api import check_strategies, settle
from agentevo.backbones.registry import weights_of
from agentevo.backbones.speaker import load_benchmark
from agentevo.config import ConfigError, RunConfig
from agentevo.evaluation.comparison import fingerprint_of, played
from agentevo.evaluation.contest import Entry, Table, compare
from agentevo.evaluation.overview import overview
from agentevo.evaluation.spending import spending
from agentevo.fingerprint import fingerprint
from agentevo.folders import RunError, home
from agentevo.run import Run
from agentevo.strategies import hint

if TYPE_CHECKING:
    from collections.abc import Iterator

BASELINE = "react"
N_GENERATIONS = 4
"""At most, where nothing else is said: the gate shares its alpha over all that were planned."""


@dataclass(frozen=True)
class Entrant:
    """One recipe under one seed: one run."""

    recipe: str
    """Its name, or the path of its file."""
    seed: int

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

    def config(self, entrant: Entrant) -> RunConfig:
        """Return the settings of one run."""
        own: dict[str, Any] = {
            "recipe": entrant.recipe, "seed": entrant.seed, "evaluation": {"arms": ("both",)},
        }  # fmt: skip
        recipe = recipes.load(entrant.recipe).settings
        fixed = {"n_generations": recipe["n_generations"]} if "n_generations" in recipe else {}
        if "tasks" not in recipe.get("acquisition", {}):
            own["acquisition"] = {"tasks": f"stream:{entrant.seed}"}
        return settle({"n_generations": N_GENERATIONS}, self.settings, fixed, own)

    def entrants(self) -> Iterator[Entrant]:
        """Return all runs, seed by seed."""
        for seed in range(1, self.n_seeds + 1):
            for recipe in self.recipes:
                yield Entrant(recipe, seed)

    def run_name(self, entrant: Entrant) -> str:
        """Return the name of an entrant's run."""
        return f"{self.name}-{entrant.title}-s{entrant.seed}"


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
            plan = Plan(plan.name, (BASELINE, *plan.recipes), plan.n_seeds, plan.settings)
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
                plan = Plan(told["name"], tuple(told["recipes"]), told["n_seeds"], told["settings"])
                return cls(folder, plan)
        known = sorted(one.parent.name for one in _home().glob("*/plan.json"))
        raise RunError(f"there is no comparison {name!r}{hint(name, known)}")

    def run_folder(self, entrant: Entrant) -> Path:
        """Return where an entrant's run is, or will be."""
        return home() / "runs" / self.plan.run_name(entrant)

    def status(self, entrant: Entrant) -> str:
        """Return how an entrant's run stands; `new` where it was not begun."""
        folder = self.run_folder(entrant)
        if not (folder / "ledger.db").exists():
            return "new"
        return str(overview(folder)["status"])

    def entrant(self, text: str) -> Entrant:
        """Return the entrant that `RECIPE:SEED` names.

        Raises:
            ConfigError: there is none.
        """
        name, _, seed = text.rpartition(":")
        for one in self.plan.entrants():
            if (one.title, str(one.seed)) == (name, seed):
                return one
        known = ", ".join(Entrant(one, 0).title for one in self.plan.recipes)
        raise ConfigError(
            f"{text!r} is no run of {self.plan.name}: write RECIPE:SEED, with a recipe of {known} "
            f"and a seed of 1 to {self.plan.n_seeds}"
        )


def _home() -> Path:
    return home() / "comparisons"


def _check(plan: Plan) -> None:
    """Raise ConfigError where a run of the plan could not begin, or would not compare."""
    titles = [Entrant(one, 0).title for one in plan.recipes]
    twice = {one for one in titles if titles.count(one) > 1}
    if twice:
        raise ConfigError(f"recipes must have names of their own: {', '.join(sorted(twice))}")
    for recipe in plan.recipes:
        config = plan.config(Entrant(recipe, 1))
        check_strategies(config, load_benchmark(config.benchmark, config.endpoint))
        if config.weights.trainer != "none" and not weights_of(config.backbone, config.endpoint):
            raise ConfigError(
                f"{recipe} trains weights, and those of {config.backbone} are not at hand"
            )
        if not config.evaluation.n_test_per_level:
            raise ConfigError("there is nothing to compare: set evaluation.n_test_per_level")


@dataclass(frozen=True)
class Played:
    """What one run came to."""

    run: str
    recipe: str
    seed: int
    score: float
    """Mean over the test tasks."""
    n_tokens: int
    """What learning took."""
    n_trained: int
    """Tokens that were trained on; `n_tokens` holds each three times."""
    n_generations: int
    memory_version: int
    adapter: str
    seconds: float
    fingerprint: str
    """Of the run: version, settings, benchmark and weights."""


@dataclass(frozen=True)
class Result:
    """What a contest came to so far."""

    name: str
    settings: Mapping[str, Any]
    environment: str
    """Fingerprint of the benchmark."""
    table: Table | None
    """Of the seeds under which all recipes are played. None: there is none yet."""
    seeds: tuple[int, ...]
    runs: tuple[Played, ...]
    missing: tuple[str, ...]
    """Runs that are not finished."""


def gather(contest: Contest) -> Result:
    """Return what the finished runs of a contest came to.

    Raises:
        RunError: they played different tasks or environments.
    """
    plan, found, missing = contest.plan, dict[Entrant, tuple[Played, Any]](), list[str]()
    prints: set[str] = set()
    for entrant in plan.entrants():
        if contest.status(entrant) != "finished":
            missing.append(plan.run_name(entrant))
            continue
        with Run.open(contest.run_folder(entrant)) as run:
            prints.add(fingerprint_of(run))
            found[entrant] = _played(run, entrant), played(run)
    if len(prints) > 1:
        raise RunError(f"the runs of {plan.name} played different tasks or environments")
    seeds = tuple(
        seed for seed in range(1, plan.n_seeds + 1)
        if all(Entrant(recipe, seed) in found for recipe in plan.recipes)
    )  # fmt: skip
    entries = [_entry(recipe, [found[Entrant(recipe, seed)] for seed in seeds])
               for recipe in plan.recipes]  # fmt: skip
    return Result(
        plan.name, plan.settings, next(iter(prints), ""),
        compare(entries, BASELINE) if seeds else None, seeds,
        tuple(one for one, _ in found.values()), tuple(missing),
    )  # fmt: skip


def _played(run: Run, entrant: Entrant) -> Played:
    cost, force = spending(run), run.incumbent()
    scores = [one.score for one in played(run).values()]
    return Played(
        run=run.id,
        recipe=entrant.title,
        seed=entrant.seed,
        score=sum(scores) / len(scores),
        n_tokens=cost.n_tokens,
        n_trained=cost.n_trained,
        n_generations=len(run.ledger.updates(run.id, kind="outcome")),
        memory_version=force.memory_version,
        adapter=force.adapter,
        seconds=sum(one.seconds for one in run.ledger.usage(run.id)),
        fingerprint=fingerprint(run.config),
    )


def _entry(recipe: str, runs: Sequence[tuple[Played, Any]]) -> Entry:
    episodes = [(one.seed, task) for one, own in runs for task in own.values()]
    tokens = [task.n_prompt_tokens + task.n_reply_tokens for _, task in episodes]
    return Entry(
        Entrant(recipe, 0).title,
        {(task.task_id, seed): task.score for seed, task in episodes},
        tuple(one.n_tokens for one, _ in runs),
        sum(tokens) / max(1, len(tokens)),
    )
