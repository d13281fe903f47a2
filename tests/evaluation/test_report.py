"""What a report shows of a run: the ledger's figures, as one reckons them by hand."""

from dataclasses import replace

import pytest

from agentevo.evaluation.ablation import four_arms
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.report import arms_table
from agentevo.experience import Recall
from agentevo.memory import Memory, utilities
from agentevo.run import Run
from agentevo.settings import EndpointSettings
from agentevo.updating.in_context import uses_of

from .conftest import Embedder, acquire, episode, page_text, play, read, remember


def test_the_arms_have_the_figures_that_one_reckons_by_hand(whole: Run) -> None:
    data, page = read(whole)
    plain, memory, weights, both = data["arms"]["rows"]
    assert [one["arm"] for one in data["arms"]["rows"]] == ["plain", "memory", "weights", "both"]
    assert plain["score"]["estimate"] == pytest.approx((0 + 0.5 + 0 + 1) / 4)
    assert plain["gain"] is None
    assert memory["score"]["estimate"] == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert memory["gain"]["estimate"] == pytest.approx((1 + 0 + 1 + 0) / 4)
    assert memory["gain"]["low"] <= 0.5 <= memory["gain"]["high"]
    assert memory["success"]["estimate"] == pytest.approx(3 / 4)
    assert (memory["tokens"], memory["steps"], memory["seconds"]) == (200, 2, 1.5)
    assert "87.5 %" in page_text(page)
    assert weights["score"] == plain["score"]
    assert both["score"] == memory["score"]


def test_arms_that_are_the_same_are_said_to_be_the_same(whole: Run) -> None:
    data, page = read(whole)
    assert data["arms"]["same_as"] == {"weights": "plain", "both": "memory"}
    said = (
        "Since no adapter is part of this pair, weights is the same as plain and both is the "
        "same as memory."
    )
    assert data["same"] == said
    assert said in page_text(page)
    assert "both (= memory)" in page_text(page)


def test_the_table_of_arms_is_the_reports(whole: Run) -> None:
    rows = arms_table(whole)
    assert [(row.arm, row.n, row.score.estimate) for row in rows] == [
        ("plain", 4, 0.375),
        ("memory", 4, 0.875),
        ("weights", 4, 0.375),
        ("both", 4, 0.875),
    ]


def test_levels_are_counted_for_each_arm(whole: Run) -> None:
    levels = read(whole)[0]["arms"]["levels"]
    # Plain scored 0 and 0 on level 1, 0.5 and 1 on level 2.
    assert [(one["level"], one["n"], one["n_successes"]) for one in levels["plain"]] == [
        (1, 2, 0),
        (2, 2, 1),
    ]
    assert [one["score"]["estimate"] for one in levels["plain"]] == [0, 0.75]
    assert [one["score"]["estimate"] for one in levels["memory"]] == [1, 0.75]


def test_the_curve_has_acquisition_and_validation_by_generation(whole: Run) -> None:
    first, second = read(whole)[0]["curve"]
    assert (first["generation"], first["n_tasks"], first["score"]) == (0, 0, None)
    assert first["validation_score"]["estimate"] == pytest.approx(0.25)
    assert (second["generation"], second["n_tasks"]) == (1, 4)
    assert second["success"]["estimate"] == pytest.approx(1 / 4)
    assert second["score"]["estimate"] == pytest.approx(1.5 / 4)
    assert (second["memory_version"], second["adapter"]) == (1, "")
    assert second["n_validation"] == 8
    assert second["validation_score"]["estimate"] == pytest.approx(7 / 8)
    assert second["validation_success"]["estimate"] == pytest.approx(6 / 8)


def test_second_attempts_do_not_count_in_the_curve(run: Run) -> None:
    acquire(run, [0, 0])
    one = episode("acquisition", "", 0, 1.0, id="again", attempt=1)
    run.ledger.add_episode(run.id, one)
    data = read(run)[0]
    assert (data["curve"][1]["n_tasks"], data["curve"][1]["success"]["estimate"]) == (2, 0)
    assert data["endings"] == {"acquisition": {"failure": 2, "success": 1}}


def test_verdicts_costs_and_endings_are_the_ledgers(whole: Run) -> None:
    data, page = read(whole)
    (verdict,) = data["verdicts"]
    (kept,) = whole.ledger.verdicts(whole.id)
    assert (verdict["verdict"], verdict["evidence"]) == (kept.verdict, kept.evidence)
    assert kept.evidence["reason"] in page_text(page)  # type: ignore[operator]
    assert data["costs"] == [
        {"phase": "acquisition", "n_prompt_tokens": 200, "n_reply_tokens": 20, "seconds": 5.0,
         "price": 0.0}
    ]  # fmt: skip
    assert ">price<" not in page
    assert data["endings"] == {
        "acquisition": {"failure": 3, "success": 1},
        "gate": {"failure": 10, "success": 6},
        "report": {"success": 4, "failure": 4},
    }


def test_tokens_have_a_price_where_one_is_set(whole: Run) -> None:
    prices = EndpointSettings(prompt_price=5.0, reply_price=20.0)  # a million
    whole.config = whole.config.model_copy(update={"endpoint": prices})
    data, page = read(whole)
    assert data["costs"][0]["price"] == pytest.approx((200 * 5 + 20 * 20) / 1e6)
    assert ">price<" in page
    assert "0.0014" in page_text(page)


def test_a_lesson_has_the_utility_that_withholding_shows(run: Run) -> None:
    lesson, other = remember(run, [("the door is shut", "open it"), ("it is dark", "wait")])
    for n in range(20):
        with_it = n % 4 != 3
        recall = Recall(
            {lesson.id: 0.9},
            (lesson.id,) if with_it else (),
            () if with_it else (lesson.id,),
            0.75,
        )
        one = episode("acquisition", "", n, 1.0 if with_it else 0.0, recall=recall)
        run.ledger.add_episode(run.id, replace(one, difficulty=1))
    shown = {one["id"]: one for one in read(run)[0]["lessons"]["shown"]}
    expected = utilities(uses_of(run.ledger.episodes(run.id)))[lesson.id]
    assert shown[lesson.id]["utility"]["mean"] == pytest.approx(expected.mean)
    assert shown[lesson.id]["utility"]["low"] > 0
    assert (shown[lesson.id]["n_shown"], shown[lesson.id]["n_withheld"]) == (15, 5)
    assert shown[lesson.id]["generation"] == 1
    assert shown[lesson.id]["trajectories"] == ["acquisition//1/0"]
    assert shown[other.id]["utility"] is None


def test_a_lesson_that_left_says_why(run: Run) -> None:
    (lesson,) = remember(run, [("the door is shut", "open it")])
    with Memory(run.ledger.engine, run.folder / "index", run.scope, Embedder()) as memory:
        memory.retire(lesson.id, who="generation 2", why="harmful: -0.40 (-0.60 to -0.20)")
    data, page = read(run)
    assert data["lessons"]["by_status"] == {"retired": 1}
    assert "generation 2: harmful: -0.40 (-0.60 to -0.20)" in page_text(page)


def test_three_episodes_are_there_to_read(whole: Run) -> None:
    adapter = four_arms(Arm(1, "a1"))
    play(whole, adapter["weights"], "report", [0, 0, 0, 0])
    play(whole, adapter["both"], "report", [0, 0, 1, 0])
    whole.promote(1, "weights", adapter["both"])
    data, page = read(whole)
    chosen = [(one["why"], one["task_id"], one["arm"]) for one in data["readings"]]
    assert chosen == [
        ("A failure of the plain backbone", "doors/report/2", "m0+plain"),
        ("The same task, solved with memory and weights", "doors/report/2", "m1+a1"),
        ("A success with lessons in the prompt", "doors/report/0", "m1+plain"),
    ]
    assert data["readings"][2]["lessons"] == ["When the door is shut: open it"]
    assert page_text(page).count("> open door") == 6
