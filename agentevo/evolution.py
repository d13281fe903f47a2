"""The cycle: acquisition, refinement, updating, evaluation, and the next generation.

    acquire ─► refine ─► remember ─► judge_memory ─► reflect ─► train ─► judge_weights ─┐
       ▲                                                                                │
       └──────────────────────── advance ◄─────────── consolidate ◄─────────────────────┘
                                    └─► end

Every node first asks the ledger what is already there, so a run may be killed at any moment
and started again: nothing is played, paid or written twice. Within a generation the memory
is frozen at the version of the incumbent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agentevo import files, reflecting
from agentevo.appraisal import appraise, lived_through
from agentevo.cycle import Cycle, News, Phase, gate, held_out, promote, sample
from agentevo.evaluation.course import is_stopped, set_course
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.gate import judge_no_worse
from agentevo.evaluation.spending import n_affordable
from agentevo.memory import Utility
from agentevo.refinement.admission import pooled
from agentevo.refinement.distill import Draft
from agentevo.refinement.distillers import distiller
from agentevo.refinement.reading import Reading
from agentevo.replays import searched
from agentevo.run import Run
from agentevo.trials import mending
from agentevo.updating.consolidation import UPDATES, internalise, proposed
from agentevo.updating.data import Material
from agentevo.updating.in_context import update_memory
from agentevo.updating.in_weights import Made, Place, update_weights

if TYPE_CHECKING:
    from agentevo.experience import Trajectory
    from agentevo.memory import Snapshot

MIN_TRACES = 3  # that a lesson stood in, before the weights are thought to know it


class State(TypedDict):
    """Where the evolution stands: a generation, and the pair in force."""

    generation: int
    incumbent: Arm


async def acquire(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Phase 1: play training tasks with the incumbent, sampling, and let them be judged."""
    await sample(runtime.context, state["generation"], state["incumbent"])
    await appraise(runtime.context, state["generation"])
    return {}


async def refine(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Phase 2: distil the generation's episodes into drafts of lessons."""
    cycle, generation = runtime.context, state["generation"]
    run = cycle.run
    if not run.config.memory.enabled or run.ledger.get_update(run.id, generation, "drafts"):
        return {}
    phase = Phase(cycle, generation, "refinement")
    episodes = lived_through(run, generation)
    episodes.sort(key=lambda one: one.id)
    backbone = run.backbone(state["incumbent"].adapter)
    settings = run.config.refinement
    known = [
        Draft(one.situation, one.advice, one.trajectories)
        for one in run.memory().lessons
        if one.status not in ("retired", "merged", "quarantined")
    ]
    mends = run.config.memory.admission == "mends"
    earlier: list[Trajectory] = []
    if mends and generation > 1:
        told = frozenset(name for one in run.memory().lessons for name in one.trajectories)
        earlier = pooled(
            [one for one in lived_through(run) if one.generation < generation], episodes, told
        )
    made = await distiller(settings.distiller)(
        Reading([*episodes, *earlier], backbone, settings, run.config.agent.reply_timeout_s, known)
    )
    if mends:
        made = await mending(cycle, generation, state["incumbent"].adapter, made, episodes)
    if run.config.memory.policy:
        policy = await searched(cycle, generation, state["incumbent"])
        made = replace(made, drafts=(*made.drafts, *([policy] if policy else ())))
    before = {"memory_version": run.memory().version}  # an update cut short has begun to change it
    run.ledger.add_update(run.id, generation, "drafts", asdict(made) | before)
    phase.end(made.n_prompt_tokens, made.n_reply_tokens)
    return {}


async def remember(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Phase 3, in context: write the drafts into the memory; the gate has yet to agree."""
    cycle, generation = runtime.context, state["generation"]
    run = cycle.run
    if not run.config.memory.enabled or run.ledger.get_update(run.id, generation, "memory"):
        return {}
    phase = Phase(cycle, generation, "updating memory")
    found = run.ledger.get_update(run.id, generation, "drafts")
    assert found is not None
    made: Any = found.payload
    drafts = [
        Draft(
            one["situation"], one["advice"], tuple(one.get("sources", ())),
            tuple(one.get("steps", ())), tuple(one.get("taint", ())), one.get("kind", "rule"),
        )
        for one in made["drafts"]
    ]  # fmt: skip
    history = lived_through(run)
    update, credit = await asyncio.to_thread(
        update_memory,
        run.memory(),
        drafts,
        history,
        since=made["memory_version"],
        generation=generation,
        distiller=f"{run.config.backbone}+{state['incumbent'].adapter or 'plain'}",
        settings=run.config.memory,
    )
    payload = asdict(update) | {"credit": {key: asdict(one) for key, one in credit.items()}}
    run.ledger.add_update(run.id, generation, "memory", payload)
    cycle.tell(
        News(
            "lessons",
            generation,
            f"{update.n_inserted} new, {update.n_merged} merged, {len(update.retired)} retired",
            n_done=len([one for one in run.memory().lessons if one.status == "active"]),
        )
    )
    phase.end()
    return {}


async def judge_memory(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Phase 4: the memory's new version against the incumbent."""
    cycle, generation, old = runtime.context, state["generation"], state["incumbent"]
    run = cycle.run
    update = run.ledger.get_update(run.id, generation, "memory")
    if update is None:
        return {}
    version = int(str(update.payload["version_after"]))
    new = Arm(version, old.adapter)
    before = run.snapshot(int(str(update.payload["version_before"])), old.adapter)
    if _texts(run.snapshot(version, old.adapter)) == _texts(before):
        return {}  # at most, lessons have further sources
    verdict = await gate(cycle, generation, "memory", old, new)
    if verdict != "promote":
        retired: Any = update.payload["retired"]  # that stands, whatever the new ones are worth
        left = run.memory().revert(
            int(str(update.payload["version_before"])),
            who=f"generation {generation}",
            why=f"the gate said {verdict}",
            keep=retired,
        )
        if not retired:
            return {}
        less = Arm(left, old.adapter)
        if run.incumbent() != less:
            run.ledger.add_event(run.id, "retirement", {**less.pair, "generation": generation})
        return {"incumbent": less}
    return {"incumbent": promote(run, generation, "memory", new)}


def _texts(snapshot: Snapshot) -> dict[str, str]:
    return {one.id: one.text for one in snapshot.lessons}


async def reflect(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Phases 3 and 4: rules stand for several lessons in force, if nothing is lost by that."""
    old = state["incumbent"]
    return {"incumbent": await reflecting.reflect(runtime.context, state["generation"], old)}


async def train(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Phase 3, in weights: train an adapter on what succeeded."""
    cycle, generation = runtime.context, state["generation"]
    run, settings = cycle.run, cycle.run.config.weights
    if settings.trainer == "none" or run.ledger.get_update(run.id, generation, "weights"):
        return {}
    made, arm = list[Made](), state["incumbent"]
    for number in range(1, settings.n_rounds + 1):
        if number > 1:
            await sample(cycle, generation, arm, number)
        found = await _train(cycle, generation, arm.adapter, number)
        made += found
        trained = [one.adapter for one in found if one.adapter]
        if not trained:  # there was too little to train on
            break
        arm = replace(arm, adapter=trained[-1])
    for one in made:
        if one.adapter:
            folder = run.adapter_folder(one.adapter)
            run.ledger.add_adapter(
                run.id, generation, one.adapter, parents=one.parents,
                path=str(folder.relative_to(run.folder)), data_hash=one.card.hash,
            )  # fmt: skip
    acting = made[:-1] if settings.verifier and len(made) > 1 else made
    last = next((one for one in reversed(acting) if one.adapter), made[-1])
    payload = asdict(last.card) | last.figures
    payload |= {"adapter": last.adapter, "traces": list(last.traces)}
    if settings.verifier and made[-1] is not last:
        payload["verifier"] = made[-1].adapter
    payload["data_hash"] = last.card.hash
    n_trained = sum(one.figures.get("n_tokens", 0) for one in made)
    payload["n_tokens_trained"] = round(n_trained) * settings.n_averaged
    if last.adapter:
        payload["sha256"] = files.sha256_of(*files.all_in(run.adapter_folder(last.adapter)))
    run.ledger.add_update(run.id, generation, "weights", payload)
    return {}


async def _train(cycle: Cycle, generation: int, incumbent: str, number: int) -> list[Made]:
    """Train once, from an adapter or from plain, on what the run has lived through so far."""
    run, settings = cycle.run, cycle.run.config.weights
    phase = Phase(cycle, generation, "training")
    plain = run.backbone()
    if plain.weights is None:
        raise ValueError(f"{plain.name} cannot be trained here")
    material = Material(
        episodes=lived_through(run),
        generation=generation, settings=settings, window=plain.window, count=plain.count_tokens,
        seed=run.config.seed + generation, held_out=held_out(cycle),
        filters=run.config.refinement.filters, has_memory=run.config.memory.enabled,
        in_force=incumbent,
    )  # fmt: skip
    is_last = number == settings.n_rounds
    place = Place(
        plain.weights, run.adapter_folder(""),
        f"{run.id}-g{generation}" + ("" if is_last else f"-round{number}"), incumbent,
        run.config.acquisition.temperature, lambda adapter: partial(run.answer, adapter),
    )  # fmt: skip
    made = await asyncio.to_thread(update_weights, material, place, phase.training)
    phase.end(*run.take_asked())
    return made


async def judge_weights(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Phase 4: the new adapter against the incumbent's, without lessons, then with them.

    Where traces were trained on without their lessons, what the weights have learned shows
    without lessons; with them it must not have become worse.
    """
    cycle, generation, old = runtime.context, state["generation"], state["incumbent"]
    run = cycle.run
    update = run.ledger.get_update(run.id, generation, "weights")
    if update is None or not update.payload["adapter"]:
        return {}
    adapter = str(update.payload["adapter"])
    alone = Arm(0, old.adapter), Arm(0, adapter)
    verdict = await gate(cycle, generation, "weights", *alone)
    new = Arm(old.memory_version, adapter)
    if verdict == "promote" and old.memory_version:
        together = await gate(cycle, generation, "weights with lessons", old, new)
        verdict = "reject" if together == "reject" else verdict
    evidence = run.ledger.get_verdict(run.id, generation, "weights")
    assert evidence is not None
    means: Any = evidence.evidence
    run.ledger.add_adapter_scores(
        adapter, before=means["incumbent_mean"], after=means["candidate_mean"]
    )
    if verdict != "promote":
        return {}
    return {"incumbent": promote(run, generation, "weights", new)}


async def consolidate(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Phases 3 and 4: what the new weights know leaves the prompt, if nothing is lost without.

    Where all that is proposed is too much, the half with the most credit is tried.
    """
    cycle, generation, old = runtime.context, state["generation"], state["incumbent"]
    run = cycle.run
    update = run.ledger.get_update(run.id, generation, "weights")
    settings = run.config
    is_new = update is not None and update.payload["adapter"] == old.adapter != ""
    stripped = settings.weights.lessons == "strip"
    if not (is_new and stripped and old.memory_version and settings.memory.consolidate):
        return {}
    memory = run.memory()
    for attempt, kind in enumerate(UPDATES):
        known: Any = run.ledger.get_update(run.id, generation, kind)
        if known is None:
            if attempt:
                who = f"generation {generation}"
                memory.revert(old.memory_version, who=who, why="something was lost without them")
            names = _learned(run, generation)
            names = names[: len(names) // 2] if attempt else names
            if not names:
                return {}
            before = old.memory_version
            after = internalise(
                memory, names, generation=generation, attempt=attempt, adapter=old.adapter
            )
            told: dict[str, Any] = {"adapter": old.adapter, "lessons": names}
            told |= {"version_before": before, "version_after": after}
            run.ledger.add_update(run.id, generation, kind, told)
            known = run.ledger.get_update(run.id, generation, kind)
        new = Arm(int(known.payload["version_after"]), old.adapter)
        name = f"{len(known.payload['lessons'])} lessons in the weights"
        if await gate(cycle, generation, name, old, new, rule=judge_no_worse) == "promote":
            return {"incumbent": promote(run, generation, "memory", new)}
    memory.revert(
        old.memory_version, who=f"generation {generation}", why="something was lost without them"
    )
    return {}


def _learned(run: Run, generation: int) -> list[str]:
    """Return lessons that the adapter of a generation may know, from its traces."""
    weights, memory = (run.ledger.get_update(run.id, generation, k) for k in ("weights", "memory"))
    if weights is None or memory is None:
        return []
    traces: Any = weights.payload["traces"]
    credit: Any = memory.payload["credit"]
    return proposed(
        run.memory().lessons,
        [run.ledger.episode(run.id, name) for name in traces],
        {name: Utility(**worth) for name, worth in credit.items()},
        min_traces=MIN_TRACES,
    )


def advance(state: State, runtime: Runtime[Cycle]) -> dict[str, Any]:
    """Close the generation and begin the next, with what is in force."""
    run, generation = runtime.context.run, state["generation"]
    set_course(run, generation, lived_through(run, generation), runtime.context.benchmark.levels)
    incumbent = run.incumbent()  # the memory may have been edited by hand meanwhile
    run.ledger.add_update(run.id, generation, "outcome", incumbent.pair)
    return {"generation": generation + 1, "incumbent": incumbent}


def after_advance(state: State, runtime: Runtime[Cycle]) -> Literal["acquire", "__end__"]:
    """Go on until all generations are done, or the budget is."""
    run = runtime.context.run
    goes_on = state["generation"] <= n_affordable(run) and not is_stopped(run)
    return "acquire" if goes_on else "__end__"


def build() -> Any:
    """Return the compiled graph of the cycle; its input is a `State`, its context a `Cycle`."""
    graph = StateGraph(State, context_schema=Cycle)
    nodes = [
        acquire, refine, remember, judge_memory, reflect, train, judge_weights, consolidate,
        advance,
    ]  # fmt: skip
    for node in nodes:
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "acquire")
    for first, second in pairwise(nodes):
        graph.add_edge(first.__name__, second.__name__)
    graph.add_conditional_edges("advance", after_advance, {"acquire": "acquire", "__end__": END})
    return graph.compile()


async def evolve(run: Run, tell: Callable[[News], None]) -> Arm:
    """Let a run evolve to its last generation, from wherever the ledger says it stands.

    Returns:
        The pair in force at the end.
    """
    cycle = Cycle(run, run.benchmark(), tell)
    outcomes = run.ledger.updates(run.id, kind="outcome")
    incumbent, generation = run.incumbent(), len(outcomes) + 1
    begun = list(run.ledger.summaries(run.id, generation=generation, purpose="acquisition"))
    if begun:
        back = run.ledger.events(run.id, kind="rollback")
        if back and back[-1].at > min(one.created for one in begun):
            # it was begun with another pair: what it came to is what the rollback named
            if run.ledger.get_update(run.id, generation, "drafts"):  # some may be written already
                run.memory().revert(incumbent.memory_version, who="rollback", why="not judged")
            run.ledger.add_update(run.id, generation, "outcome", incumbent.pair)
            generation += 1
        else:  # it goes on with the pair that it was begun with
            incumbent = Arm(begun[0].memory_version, begun[0].adapter)
    state: State = {"generation": generation, "incumbent": incumbent}
    if state["generation"] <= n_affordable(run) and not is_stopped(run):
        n_nodes = 10 * run.config.n_generations + 8
        state = await build().ainvoke(state, context=cycle, config={"recursion_limit": n_nodes})
    return state["incumbent"]
