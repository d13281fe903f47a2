"""What becomes of lessons that contradict each other, over the generations of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentevo.config import make
from agentevo.evaluation.evaluate import Arm
from agentevo.evolution import evolve
from agentevo.experience import Recall, Trajectory
from agentevo.memory import Lesson, Provenance, conflicts, history
from agentevo.refinement.distill import Draft
from agentevo.run import Run
from agentevo.updating.in_context import MemoryUpdate, update_memory

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


BAD, GOOD = "use the oven", "use the stove"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run.start(tmp_path / "run", CONFIG)
    yield run
    run.close()


def lived(run: Run, lesson: str, version: int, n: int, *, generation: int = 1) -> None:
    """Record episodes in which a lesson did harm: half of them had it."""
    for i in range(n):
        shown = i % 2 == 0
        recall = Recall({lesson: 0.9}, (lesson,) if shown else (), () if shown else (lesson,), 0.5)
        episode = Trajectory(
            id=f"{generation}/{version}/{i}", task_id=f"t{generation}/{version}/{i}",
            benchmark="boxes", split="train", difficulty=1, instruction="i", first_observation="o",
            purpose="acquisition", generation=generation, attempt=0, arm="", steps=(),
            ending="failure", score=0.0 if shown else 1.0, best_score=0.0, success=not shown,
            seed=0, recall=recall, memory_version=version,
        )  # fmt: skip
        run.ledger.add_episode(run.id, episode)


def update(
    run: Run, generation: int, drafts: tuple[Draft, ...] = (), since: int = -1
) -> MemoryUpdate:
    episodes = run.ledger.episodes(run.id, purpose="acquisition")
    return update_memory(
        run.memory(), drafts, episodes, since=since if since >= 0 else run.memory().version,
        generation=generation, distiller="x", settings=run.config.memory,
    )[0]  # fmt: skip


def taught(run: Run, *advices: str) -> list[str]:
    lessons = [Lesson("you fry", one, run.scope, (Provenance("x", ("t",)),)) for one in advices]
    return [one.lesson.id for one in run.memory().insert(lessons, who="x")]


def status(run: Run, lesson: str) -> str:
    return run.memory().get(lesson).status


def test_what_a_person_put_right_or_back_is_not_judged_by_what_was_before(run: Run) -> None:
    edited, restored = taught(run, BAD, "wait for an hour")
    lived(run, edited, run.memory().version, 60)
    run.memory().revise(edited, advice=GOOD, who="user:me", why="wrong")
    assert update(run, 2).retired == ()
    assert status(run, edited) == "active"
    lived(run, restored, run.memory().version, 60, generation=3)
    assert update(run, 3).retired == (restored,)
    run.memory().restore(restored, who="user:me", why="I know better")
    assert update(run, 4).retired == ()
    lived(run, restored, run.memory().version, 60, generation=5)
    assert update(run, 5).retired == (restored,)


def test_a_merged_lessons_uses_count_for_the_one_that_speaks_for_it(run: Run) -> None:
    gone, kept = taught(run, BAD, "wait for an hour")
    lived(run, gone, run.memory().version, 60)
    run.memory().merge(gone, kept, who="user:me", why="the same")
    assert update(run, 2).retired == (kept,)


def test_an_update_that_was_cut_short_remembers_what_it_retired(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad,) = taught(run, BAD)
    since = run.memory().version
    lived(run, bad, since, 60)
    drafts = (Draft("it rains", "stay inside", ("t",)),)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run.memory(), "insert", killed)
        with pytest.raises(KeyboardInterrupt):
            update(run, 2, drafts, since)
    assert status(run, bad) == "retired"
    again = update(run, 2, drafts, since)
    assert (again.retired, again.n_inserted) == ((bad,), 1)
    assert update(run, 2, drafts, since) == again


def test_where_nothing_was_drawn_nothing_is_judged(run: Run) -> None:
    one, other = taught(run, BAD, GOOD)
    for i in range(40):
        first = i < 20  # the other came into its place later, when all went better
        shown, away = (one, other) if first else (other, one)
        recall = Recall({}, (shown,), (), 1.0, {shown: (away,)})
        run.ledger.add_episode(
            run.id,
            Trajectory(
                id=str(i), task_id=str(i), benchmark="boxes", split="train", difficulty=1,
                instruction="i", first_observation="o", purpose="acquisition", generation=1,
                attempt=0, arm="", steps=(), ending="failure", score=0.2 if first else 0.9,
                best_score=0.0, success=False, seed=0, recall=recall, memory_version=2,
            ),
        )  # fmt: skip
    assert update(run, 2).retired == ()


def test_rolling_back_leaves_in_quarantine_what_a_person_put_there(run: Run) -> None:
    (bad,) = taught(run, BAD)
    run.promote(1, "memory", Arm(1, ""))
    with run.editing() as memory:
        memory.quarantine(bad, who="user:me", why="odd")
    assert not run.snapshot(run.incumbent().memory_version, "").lessons
    run.roll_back(Arm(1, ""))
    assert not run.snapshot(run.incumbent().memory_version, "").lessons
    with run.editing() as memory:
        memory.release(bad, who="user:me", why="it is fine")
    run.roll_back(Arm(1, ""))
    assert run.incumbent().memory_version == 1, "the same as it was then"


def test_an_edit_that_was_cut_short_is_in_force_when_the_run_is_opened(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad,) = taught(run, BAD)
    run.promote(1, "memory", Arm(1, ""))
    with monkeypatch.context() as patched:
        patched.setattr(Run, "_note_edit", lambda *_: None)  # as if it died right before
        with run.editing() as memory:
            memory.retire(bad, who="user:me", why="wrong")
    assert run.snapshot(run.incumbent().memory_version, "").lessons
    run.close()
    opened = Run.open(run.folder, write=True, to_play=False)
    assert not opened.snapshot(opened.incumbent().memory_version, "").lessons
    opened.close()
