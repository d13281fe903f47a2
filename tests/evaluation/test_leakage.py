"""Leakage: what was planted is found, and what is alike by nature is not called a copy."""

from dataclasses import replace

import pytest

from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.leakage import leakage
from agentevo.experience import Step
from agentevo.run import Run

from .conftest import acquire, episode, page_text, play, read, remember

ASKED = (
    "Sara has {} red marbles and her brother, who lives near the old harbour, brings her {} blue "
    "ones; then both of them sell a third of all they own at the market. How many are left?"
)
OWN = (
    "A train leaves the northern station at noon with {} passengers on board, and at every stop "
    "two get off while one gets on; it stops {} times. How many passengers arrive in the end?"
)
USUAL = "Answer the following question with a number, and nothing else, as exactly as you can."
WAYS = ("by bus to the village", "on foot across a wide field", "in a boat down the long river")


def put(run: Run, purpose: str, n: int, text: str, arm: str = "", score: float = 0.0) -> None:
    one = episode(purpose, arm, n, score, instruction=text, first_observation="")
    run.ledger.add_episode(run.id, one)


def trained(run: Run) -> None:
    for n, way in enumerate(WAYS):
        put(run, "acquisition", n, f"{USUAL} Somebody goes {way}, which takes {n} hours.")
    put(run, "acquisition", 7, f"{USUAL} {ASKED.format(12, 30)}")


def test_a_planted_copy_is_found_with_its_twin_and_what_only_opens_alike_is_not(run: Run) -> None:
    trained(run)
    put(run, "report", 0, f"{USUAL} {OWN.format(80, 9)}", Arm(0, "").name)
    put(run, "report", 1, ASKED.format(12, 30).replace("left?", "left now?"), Arm(0, "").name)
    put(run, "gate", 2, OWN.format(81, 4), Arm(0, "").name)
    found = leakage(run, Arm(0, ""))
    assert list(found.contaminated) == ["doors/report/1"]
    twin = found.contaminated["doors/report/1"]
    assert twin.trained == "doors/acquisition/7"
    assert twin.share > 0.9
    assert [(one.kind, one.n) for one in found.test] == [("clean", 1), ("copied", 1)]
    assert (found.n_trained, found.n_held_out, found.trained_on) == (4, 3, ())


def test_half_a_copy_is_partly_one(run: Run) -> None:
    trained(run)
    half = " ".join(ASKED.format(12, 30).split()[:18])
    put(run, "report", 0, f"{half} {' '.join(OWN.format(1, 2).split()[:18])}", Arm(0, "").name)
    assert [one.kind for one in leakage(run, Arm(0, "")).test] == ["partly"]


def test_worlds_put_together_of_sentences_of_several_are_no_copies(run: Run) -> None:
    sights = [" ".join(f"w{n}{i}" for i in range(15)) for n in range(6)]
    for n in range(3):
        put(run, "acquisition", n, f"{sights[2 * n]} {sights[2 * n + 1]}")
    put(run, "report", 0, f"{sights[0]} {sights[2]} {sights[4]}", Arm(0, "").name)
    (one,) = leakage(run, Arm(0, "")).test
    assert one.kind == "partly", "each half is said by another training task"


def test_a_held_out_task_that_was_played_in_acquisition_is_named(whole: Run) -> None:
    one = episode("acquisition", "", 9, 1.0, task_id="doors/report/1")
    whole.ledger.add_episode(whole.id, one)
    data, page = read(whole)
    assert data["leakage"]["trained_on"] == ["doors/report/1"]
    assert "Beware: 1 held-out task played in acquisition; see Leakage." in page_text(page)


def test_the_gain_is_told_for_clean_and_copied_tasks_apart(whole: Run) -> None:
    known = ASKED.format(12, 30)
    put(whole, "acquisition", 30, known)
    for arm, scores in ((Arm(0, ""), (0.0, 0.0)), (Arm(1, ""), (1.0, 0.0))):
        put(whole, "report", 11, known, arm.name, scores[0])
        put(whole, "report", 12, OWN.format(80, 9), arm.name, scores[1])
    data, page = read(whole)
    shares = {one["kind"]: one for one in data["leakage"]["test"]}
    assert shares["copied"]["gain"]["estimate"] == pytest.approx(1.0)
    assert shares["clean"]["plain"] == pytest.approx(1.5 / 5)
    assert shares["clean"]["gain"]["estimate"] == pytest.approx(2.0 / 5)
    assert "Beware: 1 test task whose words training tasks have; see Leakage." in page_text(page)
    assert "copied10.0 %100.0 %+100.0" in page_text(page)


def test_a_lesson_in_the_words_of_a_held_out_task_is_named_unless_it_read_them(run: Run) -> None:
    trained(run)
    told = OWN.format(80, 9)
    put(run, "report", 0, told, Arm(0, "").name)
    acquire(run, [1])
    lesson = remember(run, [("it is asked for a train", told), ("a door is shut", "open it")])[0]
    found = leakage(run, Arm(1, ""))
    assert list(found.lessons) == [lesson.id]
    assert found.lessons[lesson.id].startswith("a train leaves the northern station")
    seen = episode("acquisition", "", 5, 1.0, id=lesson.trajectories[0])
    seen = replace(seen, steps=(Step("", "look", told),))
    run.ledger.add_episode(run.id, seen)
    assert not leakage(run, Arm(1, "")).lessons


def test_nothing_is_said_where_nothing_was_found_or_played(run: Run, whole: Run) -> None:
    assert "Beware" not in read(whole)[0]["summary"]


def test_a_run_without_training_has_no_section(run: Run) -> None:
    play(run, Arm(0, ""), "report", [1, 0])
    data, page = read(run)
    assert data["leakage"]["n_trained"] == 0
    assert "Leakage" not in page_text(page)
