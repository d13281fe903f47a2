"""Several candidates for a held-out task, of which one is handed in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from agentevo.api import play_four_arms, settle
from agentevo.backbones.seed.weights_file import checked_folder
from agentevo.evaluation.candidates import by_vote, by_worth
from agentevo.evaluation.figures import arms_table
from agentevo.experience import Step, Trajectory
from agentevo.run import Run
from agentevo.settings import WeightSettings
from agentevo.updating.in_weights import tune
from agentevo.updating.traces import Call, Card, Example, TrainingSet
from agentevo.updating.training import Job
from agentevo.updating.verifier import worth
from tests.conftest import WORLDS
from tests.refinement.test_refinement import episode


def answered(text: str, *, success: bool = False) -> Trajectory:
    return episode("t", success=success, actions=(text,))


def test_what_most_candidates_do_at_last_is_handed_in_whatever_it_scored() -> None:
    some = [answered("Ulm"), answered("Linz", success=True), answered("linz."), answered("Wien")]
    assert by_vote([some, some[:1]]) == [1, 0]
    blind = [replace(one, success=not one.success, score=1 - one.score) for one in some]
    assert by_vote([blind]) == [1]


def test_a_vote_is_right_more_often_than_a_single_candidate() -> None:
    right, wrong = answered("right"), [answered(f"wrong {i}") for i in range(9)]
    tasks = [[wrong[i % 9], right, wrong[(i + 1) % 9], right, wrong[(i + 2) % 9]] for i in range(9)]
    chosen = by_vote(tasks)
    assert all(tasks[i][which] is right for i, which in enumerate(chosen))


def test_the_worthiest_candidate_of_each_task_is_handed_in() -> None:
    some = [answered("a"), answered("b")]
    assert by_worth([some, [*some, some[0]]], [0.1, 0.2, 0.5, 0.3, 0.4]) == [1, 0]


def test_one_of_three_is_handed_in_and_the_tokens_of_all_count(tmp_path: Path) -> None:
    config = settle(
        {
            "benchmark": f"{WORLDS}:boxes", "backbone": f"{WORLDS}:scripted", "recipe": "react",
            "evaluation": {"n_test_per_level": 3, "n_candidates": 3},
        }
    )  # fmt: skip
    with Run.start(tmp_path / "three", config) as run:
        asyncio.run(play_four_arms(run, lambda news: None))
        again = asyncio.run(play_four_arms(run, lambda news: None))["plain"]
        played = list(run.ledger.episodes(run.id, purpose="report"))
        row = arms_table(run)[0]
    tried = [one for one in played if not one.copy_of]
    assert (len(played), len(tried), len(again)) == (4 * 6, 3 * 6, 6)
    for one in again:
        own = [other for other in tried if other.task_id == one.task_id]
        assert one.copy_of in {other.id for other in own}
        assert one.n_prompt_tokens == sum(other.n_prompt_tokens for other in own)
    assert row.n == 6


def test_a_verifier_prefers_what_it_was_taught_to(tmp_path: Path) -> None:
    good, bad = "Thought: the button\nAction: push button", "Thought: hm\nAction: pull lever"

    def call(reply: str) -> Call:
        return Call([
            {"role": "system", "content": "You act in a world to fulfil a task."},
            {"role": "user", "content": "Get the thing out of the box."},
            {"role": "assistant", "content": reply},
        ])  # fmt: skip

    pairs = [Example((call(reply),), pair=i, side=side, group=f"{i}")
             for i in range(6) for reply, side in ((good, 1), (bad, -1))]  # fmt: skip
    out = tmp_path / "adapters" / "verifier"
    settings = WeightSettings(n_epochs=2, tokens_per_step=256)
    job = Job(checked_folder(), None, TrainingSet(tuple(pairs), Card()), settings, out, 1250, 0)
    tune("dpo", job, lambda pace: None)
    candidates = [
        replace(episode(name, success=False), steps=(Step("", None, "ok", reply=reply),))
        for name, reply in (("good", good), ("bad", bad))
    ]
    found = worth(candidates, checked_folder(), out, None, window=1250, count=len)
    assert found[0] > 0 > found[1]
