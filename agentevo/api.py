"""The whole job for Python users and the command line: settle settings, evolve, compare, report.

Works without a terminal. Importing this imports nothing heavy.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agentevo import recipes
from agentevo.config import BUDGETS, Budget, ConfigError, RunConfig, make, merge

if TYPE_CHECKING:
    from agentevo.benchmarks import Benchmark
    from agentevo.cycle import News
    from agentevo.experience import Trajectory
    from agentevo.ledger import RunStatus
    from agentevo.run import Run
    from agentevo.solving import Agent

    Tell = Callable[[News], None]

T = TypeVar("T")


def settle(*layers: Mapping[str, Any]) -> RunConfig:
    """Return all settings of a run.

    The budget gives the scale, the recipe the method, which may fix a scale of its own (`react`
    runs no generation); then come the layers, later over earlier.

    Raises:
        ConfigError: a recipe or a key is unknown, or a value is not allowed.
    """
    said: dict[str, Any] = {}
    for layer in layers:
        said = merge(said, layer)
    checked = make(said)
    recipe = recipes.load(checked.recipe)
    return make(BUDGETS[checked.budget], recipe.settings, said)


def evolve(
    agent: Agent | None = None,
    *,
    benchmark: str = "textworld-cooking",
    backbone: str | None = None,
    recipe: str = "default",
    budget: Budget = "small",
    name: str | None = None,
    tell: Tell | None = None,
    **settings: object,
) -> Run:
    """Evolve an agent on a benchmark, compare the four arms, and write the report.

    Where an event loop runs already, as in a notebook, it is `await aevolve(...)`.

    Args:
        agent: whose backbone, tools and settings evolve; None: those that follow.
        benchmark: a registered name, or `path/to/file.py:name`.
        backbone: the model that acts; None: the agent's, or the seed.
        recipe: the method.
        budget: the scale.
        name: of the run; None: made of the benchmark, the recipe and the time.
        tell: hears of all that happens; may be called from other threads.
        **settings: any other settings, such as `n_generations=1` or `memory={"n_lessons": 4}`.

    Returns:
        The finished run, open for reading; close it after use. `report_of(run)` is the path of
        its report, `agentevo.evaluation.report.arms_table(run)` the table of its arms.

    Raises:
        RuntimeError: an event loop runs already.
    """
    said: dict[str, Any] = {"benchmark": benchmark, "recipe": recipe, "budget": budget}
    own = agent.as_settings() if agent is not None else {}
    if backbone is not None:
        own["backbone"] = backbone
    settings = merge(own, settings)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(aevolve(name=name, tell=tell, **said, **settings))
    raise RuntimeError("an event loop runs already, as in a notebook: await aevolve(...) instead")


async def aevolve(*, name: str | None = None, tell: Tell | None = None, **settings: object) -> Run:
    """Do what `evolve` does, where an event loop runs already."""
    run = begin(settle(settings), name)
    try:
        await carry_out(run, tell or (lambda news: None))
    finally:
        run.close()
    return type(run).open(run.folder)


def _located(value: Any) -> Any:
    """Return settings whose files have whole paths: a run may go on from any folder."""
    if isinstance(value, dict):
        return {key: _located(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_located(one) for one in value]
    if not isinstance(value, str):
        return value
    file, sign, name = value.rpartition(".py:")
    if sign and Path(f"{file}.py").expanduser().is_file():
        return f"{Path(f'{file}.py').expanduser().resolve()}:{name}"
    kind, sign, rest = value.partition(":")
    path, mark, part = rest.partition("#")
    if sign and path and kind != "vllm" and Path(path).expanduser().exists():
        return f"{kind}:{Path(path).expanduser().resolve()}{mark}{part}"
    return value


def begin(config: RunConfig, name: str | None = None) -> Run:
    """Start a new run after checking all that its settings name.

    A run that cannot begin leaves no folder behind.

    Raises:
        ConfigError: a strategy is unknown, or the backbone cannot be trained as asked.
        ToolError: a tool is not there, or cannot be opened.
        RunError: there is a run of that name already.
    """
    from agentevo.backbones.speaker import load_benchmark
    from agentevo.folders import folder_of, new_folder
    from agentevo.run import Run, check_levels
    from agentevo.sequence import inherit

    config = make(_located(config.model_dump()))
    benchmark = load_benchmark(config.benchmark, config.endpoint)
    check_levels(benchmark, config.levels)
    check_strategies(config, benchmark)
    if "ask" in config.toolbox.approval.values():
        raise ConfigError("toolbox.approval: nobody can be asked in a run: say allow or deny")
    if config.origin:
        folder_of(config.origin)  # it is there
    folder = new_folder(config, name)
    run = Run.start(folder, config)
    try:
        check_tools(run)
        inherit(run)
        if run.backbone().weights is None and config.weights.trainer != "none":
            raise ConfigError(
                f"{config.backbone} cannot be trained here: take --recipe memory-only, or set "
                "weights.trainer to none"
            )
    except BaseException:
        run.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return run


def check_tools(run: Run) -> None:
    """Open a run's tools, and see that what bounds them names tools that there are.

    Raises:
        ToolError: a tool is not there, or cannot be opened.
        ConfigError: a limit or an approval is for a tool that nobody has.
    """
    from agentevo.agent.equipment import check_names, names_in_tasks

    check_names(
        run.config.toolbox, [one.name for one in run.toolbox().tools],
        lambda: names_in_tasks(run.benchmark(), run.config.levels),
    )  # fmt: skip


def extend(run: Run, n_generations: int) -> None:
    """Let a run go on to so many generations in all, finished or not.

    Raises:
        RunError: it has finished more of them already.
        ConfigError: there are not enough training tasks.
    """
    from agentevo.folders import RunError

    n_done = len(run.ledger.updates(run.id, kind="outcome"))
    if n_generations < n_done:
        raise RunError(f"run {run.id} has finished {n_done} generations already")
    config = run.config.model_copy(update={"n_generations": n_generations})
    if config != run.config:
        check_strategies(config, run.benchmark())
        run.ledger.add_event(run.id, "extension", {"n_generations": n_generations})
        run.config = config


def check_strategies(config: RunConfig, benchmark: Benchmark) -> None:
    """Raise ConfigError where a strategy is unknown or runs out, before anything is played."""
    from agentevo.acquisition.demand import Demand
    from agentevo.acquisition.feedback import source
    from agentevo.acquisition.makers import maker
    from agentevo.acquisition.tasks import AUTO, FORESEEN, chooser
    from agentevo.evaluation.objectives import check
    from agentevo.memory import FORGETTING
    from agentevo.refinement import filters
    from agentevo.refinement.correctors import corrector
    from agentevo.refinement.distillers import distiller
    from agentevo.strategies import configured, find
    from agentevo.updating.policies import searcher
    from agentevo.updating.reflection import reflector

    if config.objective.policy != "all":
        check(config.objective.autonomy, "objective")
    name, n = config.acquisition.tasks, config.acquisition.n_tasks_per_level
    if name == AUTO:
        check(config.objective.autonomy, "strategy")
        name = "fresh"
    choose, levels = chooser(name), tuple(config.levels or benchmark.levels)
    foreseen = name.partition(":")[0] in FORESEEN
    for generation in range(1, config.n_generations + 1 if foreseen else 1):
        if not choose(Demand(benchmark, n, generation, levels)):
            raise ConfigError(
                f"{config.benchmark} has no training tasks for generation {generation}: set "
                "acquisition.tasks to repeated, or take fewer generations or tasks a level"
            )
    for name in config.refinement.filters:
        configured("refinement.filters", name, filters.STRATEGIES)
    if config.acquisition.make:
        maker(config.acquisition.make)
    if config.acquisition.feedback != "environment":
        source(config.acquisition.feedback)
    corrector(config.refinement.corrector)
    distiller(config.refinement.distiller)
    find("memory.forgetting", config.memory.forgetting, FORGETTING)
    if config.memory.policy:
        searcher(config.memory.policy)
    if config.memory.reflect:
        reflector(config.memory.reflect)
    if config.weights.trainer != "none":
        from agentevo.updating.in_weights import trainers

        for trainer in trainers(config.weights.trainer):
            if trainer.needs_samples and config.acquisition.n_samples < 2:
                alone = config.weights.pairs == "own" and not trainer.on_policy
                if not alone:
                    raise ConfigError(
                        f"weights.trainer={config.weights.trainer} compares episodes at the same "
                        "task: set acquisition.n_samples to 2 or more"
                    )
    if config.weights.soup == "greedy" and not config.weights.validation_share:
        raise ConfigError("weights.soup=greedy measures on tasks: set weights.validation_share")
    if config.weights.reset_every and not config.weights.ema:
        raise ConfigError("weights.reset_every wants a running mean: set weights.ema, such as 0.95")


async def carry_out(run: Run, tell: Tell) -> None:
    """Bring a run to its end from wherever it stands, compare its arms, and write its report.

    Keeps the run's status: `running`, then `finished`, `interrupted` or `failed`.
    """
    from agentevo import evolution
    from agentevo.evaluation.report import write_report
    from agentevo.sequence import inherit

    async def all_of_it(told: Tell) -> None:
        await evolution.evolve(run, told)
        await play_four_arms(run, told)

    run.ledger.set_status(run.id, "running")
    try:
        inherit(run)  # where it was killed before it had
        await stoppable(all_of_it, tell)
        run.ledger.set_status(run.id, "finished")
        write_report(run)
    except (asyncio.CancelledError, KeyboardInterrupt):
        _keep(run, "interrupted")
        raise
    except BaseException:
        _keep(run, "failed")
        raise


async def stoppable(work: Callable[[Tell], Awaitable[T]], tell: Tell) -> T:
    """Do work that tells of its progress; once it is cancelled, its threads end when they tell.

    Without this, Ctrl-C would wait until a training or the making of games has come to its end.
    """
    told = _Stoppable(tell)
    try:
        return await work(told)
    except asyncio.CancelledError:
        told.stop()
        raise


async def play_four_arms(run: Run, tell: Tell) -> dict[str, list[Trajectory]]:
    """Play the arms of the pair in force on the test split; equal arms are played once.

    Returns:
        The episodes of each arm, on the same tasks in one order; empty without test tasks.
    """
    from agentevo.cycle import Cycle, play_arms
    from agentevo.evaluation.ablation import four_arms

    n = run.config.evaluation.n_test_per_level
    if not n:
        return {}
    benchmark = run.benchmark()
    tasks = run.tasks(benchmark, "test", n)
    force = run.incumbent()
    arms = {name: four_arms(force)[name] for name in run.config.evaluation.arms}
    played = await play_arms(
        Cycle(run, benchmark, tell), list(arms.values()), tasks,
        run.config.n_generations, "test", "report",
    )  # fmt: skip
    return dict(zip(arms, played, strict=True))


async def adopt(run: Run, adapter: str, tell: Tell) -> str:
    """Let an adapter of a run stand at the gate against the one in force; return the verdict.

    Where it is promoted, it is in force. It is judged once: the verdict is kept.

    Raises:
        LedgerError: the run has no such adapter.
    """
    from agentevo.cycle import Cycle, gate
    from agentevo.evaluation.evaluate import Arm

    run.ledger.adapter(adapter)
    old = run.incumbent()
    new = Arm(old.memory_version, adapter)
    if new == old:
        return "promote"
    n_closed = len(run.ledger.updates(run.id, kind="outcome"))
    cycle = Cycle(run, run.benchmark(), tell)
    kind = f"adoption of {adapter} for {old.name}"
    n_tried = sum(one.kind.startswith("adoption") for one in run.ledger.verdicts(run.id))
    verdict = await gate(cycle, n_closed, kind, old, new, n_more=n_tried + 1)
    told = run.ledger.get_verdict(run.id, n_closed, kind)
    if told is not None:
        means: Any = told.evidence
        run.ledger.add_adapter_scores(
            adapter, before=means["incumbent_mean"], after=means["candidate_mean"]
        )
    if verdict == "promote":
        run.promote(n_closed, "weights", new)
    return verdict


def report_of(run: Run) -> Path:
    """Return where the report of a run is, or will be."""
    return run.folder / "report.html"


def _keep(run: Run, status: RunStatus) -> None:
    """Record a bad ending as far as the ledger still takes it; the cause goes on its way."""
    with suppress(Exception):
        run.ledger.set_status(run.id, status)


class _Stopped(Exception):
    """Ends a worker thread whose run was interrupted."""


class _Stoppable:
    """Passes news on until it is stopped; whoever tells afterwards, in a thread, is ended."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._stopped = threading.Event()

    def __call__(self, news: News) -> None:
        if self._stopped.is_set():
            raise _Stopped
        self._tell(news)

    def stop(self) -> None:
        self._stopped.set()
