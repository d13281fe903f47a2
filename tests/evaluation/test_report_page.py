"""The page of a report: its texts are harmless, and it says what is missing."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agentevo.config import make
from agentevo.evaluation.ablation import four_arms
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.readings import MAX_CHARACTERS, MAX_LESSONS, MAX_STEPS
from agentevo.evaluation.report import arms_table, write_report
from agentevo.experience import Recall, Step
from agentevo.run import Run

from .conftest import HOSTILE, episode, page_text, play, read, remember


def test_the_page_loads_nothing_and_runs_nothing(whole: Run) -> None:
    page = read(whole)[1]
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    names = {one.tag for one in root.iter()}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action", "data", "background")
            if name == "href":
                assert value.startswith("#")
    assert "@import" not in page
    assert "url(" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_every_plot_says_in_words_what_it_shows(whole: Run) -> None:
    page = read(whole)[1]
    plots = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>")).findall(".//svg")
    assert len(plots) == 5
    told = [one.get("aria-label", "") for one in plots]
    assert "plain 37.5 %" in told[0]
    assert all(one.get("role") == "img" for one in plots)


def test_links_within_the_page_lead_somewhere(whole: Run) -> None:
    root = ElementTree.fromstring(read(whole)[1].removeprefix("<!DOCTYPE html>"))
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    links = [one.get("href", "")[1:] for one in root.iter("a")]
    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)


def test_hostile_text_of_an_episode_or_a_lesson_is_only_text(run: Run) -> None:
    (lesson,) = remember(run, [("<b>bold</b> doors", "say <script>alert(3)</script>")])
    step = Step(HOSTILE, HOSTILE, HOSTILE, 0.0)
    one = episode("acquisition", "", 0, 0.0, steps=(step,), first_observation=HOSTILE)
    run.ledger.add_episode(run.id, replace(one, instruction=HOSTILE, error=HOSTILE))
    two = episode("acquisition", "", 1, 1.0, lessons=(HOSTILE,), steps=(step,))
    run.ledger.add_episode(run.id, replace(two, recall=Recall({}, (lesson.id,))))
    data, page = read(run)
    assert len(data["readings"]) == 2
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    assert not {one.tag for one in root.iter()} & {"script", "img"}
    assert "<script" not in page
    text = page_text(page)
    assert "<script>alert(1)</script>" in text
    assert "{{ 7 * 7 }}" in text
    assert "&lt;b&gt;" in text  # it was written so, and stands so
    assert not re.search("[\x00\x1b\u202e\udc80]", page)


def test_a_run_that_has_only_begun_is_reported_with_what_is_missing(run: Run) -> None:
    data, page = read(run)
    assert data["missing"] == [
        "0 of 1 generation closed.",
        "No training task is played.",
        "No lesson is stored.",
        "The gate has given no verdict.",
        "The four arms have not begun on the test split.",
    ]
    assert all(one in page_text(page) for one in data["missing"])
    assert arms_table(run) == []
    assert "nan" not in page.lower().split("</style>")[1]


def test_an_arm_that_is_under_way_is_left_out_and_named(whole: Run) -> None:
    adapter = four_arms(Arm(1, "a1"))
    whole.promote(1, "weights", adapter["both"])
    play(whole, adapter["weights"], "report", [1, 1])
    data = read(whole)[0]
    assert [one["arm"] for one in data["arms"]["rows"]] == ["plain", "memory"]
    assert data["missing"] == [
        "Arms that have not played all test tasks yet, and are left out: "
        f"weights 2 of 4, both 0 of 4; agentevo evolve --resume {whole.folder} plays them."
    ]


def test_after_a_rollback_the_outcome_that_was_played_is_shown(whole: Run) -> None:
    whole.ledger.add_event(whole.id, "rollback", {"memory_version": 0, "adapter": ""})
    data, page = read(whole)
    assert data["arms"]["whose"] == "the outcome of generation 1"
    assert data["arms"]["memory_version"] == 1
    assert "the plain backbone acts (the run was rolled back by hand" in page_text(page)
    assert data["arms"]["unplayed"] == data["missing"] == [], "plain is all that is in force"


def test_after_a_rollback_the_arms_that_were_not_played_are_named(whole: Run) -> None:
    whole.ledger.add_event(whole.id, "rollback", {"memory_version": 0, "adapter": "a1"})
    data, page = read(whole)
    assert data["arms"]["memory_version"] == 1, "the outcome of the generation is shown"
    assert data["arms"]["unplayed"] == ["weights", "both"]
    assert data["missing"] == [
        "Arms of the pair in force (memory version 0, a1) that have not played all test tasks: "
        f"weights and both; agentevo evolve --resume {whole.folder} plays them."
    ]
    assert "Of the pair in force not all arms were played on them: weights, both." in page_text(
        page
    )


def test_the_summary_does_not_claim_what_the_interval_does_not_show(whole: Run) -> None:
    sure = read(whole)[0]["summary"]
    assert "With memory alone it scored 87.5 %: +50.0 points" in sure
    assert "not told from no change, since the interval includes 0" in sure
    assert "a gain" not in sure
    assert "The gate gave 1 verdict: 1 promote." in sure


def test_a_large_run_is_shown_in_part_and_says_so(run: Run) -> None:
    n = MAX_LESSONS + 7
    remember(run, [(f"door number {k} is shut", f"knock {k} times") for k in range(n)])
    long = Step("", "look", "x" * (MAX_CHARACTERS + 5))
    one = episode("acquisition", "", 0, 0.0, steps=(long,) * (MAX_STEPS + 3))
    run.ledger.add_episode(run.id, one)
    data, page = read(run)
    assert (len(data["lessons"]["shown"]), data["lessons"]["n"]) == (MAX_LESSONS, n)
    assert "The first 100 are shown; 7 are left out." in page_text(page)
    assert "3 further steps are left out." in page_text(page)
    assert "[5 characters left out]" in page_text(page)


def test_a_report_of_a_run_open_for_reading_changes_nothing_in_it(whole: Run) -> None:
    folder = whole.folder
    whole.close()
    before = (folder / "ledger.db").read_bytes()
    again = Run.open(folder)
    write_report(again)
    write_report(again)
    again.close()
    assert (folder / "ledger.db").read_bytes() == before
    assert not list(folder.glob(".report*"))


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = read(whole)[1]

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(whole)
    assert (whole.folder / "report.html").read_text() == old
    assert not list(whole.folder.glob(".report*"))


def test_the_cooking_games_are_set_beside_tales_with_care(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "cooking", make({"n_generations": 0}))
    play(run, Arm(0, ""), "report", [0.5, 1])
    data, page = read(run)
    run.close()
    assert "same generator and settings, not the same game files" in page_text(page)
    assert data["missing"] == []
    assert data["same"].startswith("Since no memory and no adapter is part of this pair")
