"""What becomes of lessons that contradict each other, over the generations of a run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentevo.config import make
from agentevo.evolution import evolve
from agentevo.memory import Lesson, Provenance, conflicts, history
from agentevo.run import Run

WORLDS = Path(__file__).parents[1] / "worlds.py"
CONFIG = make(
    {
        "benchmark": f"{WORLDS}:boxes",
        "backbone": f"{WORLDS}:scripted",
        "n_generations": 1,
        "acquisition": {"n_tasks_per_level": 30},
        "memory": {"abstain_below": -1.0, "withhold_rate": 0.3},
        "evaluation": {"n_gate_per_level": 8, "n_test_per_level": 0},
    }
)


@pytest.mark.parametrize("false_comes_later", [True, False])
def test_of_two_lessons_that_contradict_each_other_credit_keeps_the_true_one(
    tmp_path: Path, false_comes_later: bool
) -> None:
    run = Run.start(tmp_path / "run", CONFIG)
    false = Lesson(
        "you face a box", "use the lever, not the button", run.scope, (Provenance("user:x"),)
    )
    if false_comes_later:
        asyncio.run(evolve(run, lambda news: None))
    with run.editing() as memory:
        memory.insert([false], who="user:x", why="I believe it")
    run.config = run.config.model_copy(update={"n_generations": 3})
    asyncio.run(evolve(run, lambda news: None))
    by_words = {one.advice: one for one in memory.lessons}
    true = by_words["use the button, not the lever"]
    assert conflicts([true, false])
    assert true.status == "active"
    assert by_words[false.advice].status == "retired"
    (last,) = [
        one for one in history(run.ledger.engine, run.scope, false.id) if one.kind == "retire"
    ]
    assert last.why.startswith(f"{true.id} contradicts it and does better: -")
    assert run.incumbent().memory_version >= last.version
    run.close()


def test_while_it_is_not_settled_a_prompt_has_one_of_them(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", CONFIG)
    advices = ("use the lever, not the button", "use the button, not the lever")
    with run.editing() as memory:
        memory.insert(
            [Lesson("you face a box", one, run.scope, (Provenance("user:x"),)) for one in advices],
            who="user:x",
        )
    asyncio.run(evolve(run, lambda news: None))
    first = list(run.ledger.episodes(run.id, generation=1, purpose="acquisition"))
    shown = [one.recall.injected for one in first]
    assert {len(some) for some in shown} == {0, 1}
    assert len({some for some in shown if some}) == 2, "each of them is tried"
    assert all(one.recall.rivals for one in first if one.recall.injected)
    run.close()
