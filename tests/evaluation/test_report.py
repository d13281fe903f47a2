"""What a report shows of a run: the ledger's figures, its texts harmless, and what is missing."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from agentevo.config import make
from agentevo.evaluation.ablation import four_arms
from agentevo.evaluation.evaluate import Arm
from agentevo.evaluation.gate import Outcome, judge
from agentevo.evaluation.readings import MAX_CHARACTERS, MAX_LESSONS, MAX_STEPS
from agentevo.evaluation.report import arms_table, write_report
from agentevo.experience import Recall, Step, Trajectory
from agentevo.memory import Lesson, Memory, Provenance, utilities
from agentevo.memory.embedding import Vectors
from agentevo.run import Run
from agentevo.updating.in_context import uses_of

BENCHMARK = """
class Doors:
    name = description = licence = source = "doors"
    levels = (1, 2)
    thread_safe = True
    def max_steps(self, task): return 5
    def fingerprint(self): return "doors-1"
    def tasks(self, split, n_per_level, *, levels=None, start=0): return []
    def prepare(self, tasks, *, progress=None, workers=1): pass
    def open(self, task): raise RuntimeError("a report opens no environment")
    def gold(self, task): return None

doors = Doors()
"""

HOSTILE = (
    '<script>alert(1)</script><img src="https://evil.example/x.png" onerror="alert(2)"/>'
    " {{ 7 * 7 }} </div></details>\x1b[31m\x00 \u202egnitset \udc80 & &lt;b&gt;"
)


class Embedder:
    """A fixed random direction for each text."""

    name, dimension = "hash-16", 16

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = []
        for text in texts:
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
            row = np.random.default_rng(seed).standard_normal(self.dimension)
            rows.append(row / np.linalg.norm(row))
        return np.array(rows, np.float32)


def episode(purpose: Any, arm: str, n: int, score: float, **changes: Any) -> Trajectory:
    """Return an episode of task n; tasks alternate between levels 1 and 2."""
    one = Trajectory(
        id=f"{purpose}/{arm}/{changes.get('generation', 1)}/{n}",
        task_id=f"doors/{purpose}/{n}",
        benchmark="doors",
        split="train" if purpose == "acquisition" else "test",
        difficulty=1 + n % 2,
        instruction="Open the door.",
        first_observation="A door.",
        purpose=purpose,
        generation=1,
        attempt=0,
        arm=arm,
        steps=(Step("It is shut.", "open door", "It opens.", score, 90, 10),) * 2,
        ending="success" if score == 1 else "failure",
        score=score,
        best_score=score,
        success=score == 1,
        seed=0,
        seconds=1.5,
    )
    return replace(one, **changes)


def play(run: Run, arm: Arm, purpose: Any, scores: Sequence[float], **changes: Any) -> None:
    changes = {"memory_version": arm.memory_version, "adapter": arm.adapter, **changes}
    for n, score in enumerate(scores):
        run.ledger.add_episode(run.id, episode(purpose, arm.name, n, score, **changes))


def acquire(run: Run, scores: Sequence[float], generation: int = 1, **changes: Any) -> None:
    for n, score in enumerate(scores):
        one = episode("acquisition", "", n, score, generation=generation, **changes)
        run.ledger.add_episode(run.id, one)


def remember(run: Run, texts: Sequence[tuple[str, str]]) -> tuple[Lesson, ...]:
    source = Provenance("seed+plain", trajectories=("acquisition//1/0",), generation=1)
    with Memory(run.ledger.engine, run.folder / "index", run.scope, Embedder()) as memory:
        memory.insert(
            [Lesson(situation, advice, run.scope, (source,)) for situation, advice in texts],
            who="generation 1",
        )
        return memory.lessons


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    (tmp_path / "doors.py").write_text(BENCHMARK)
    config = make({"benchmark": f"{tmp_path}/doors.py:doors", "n_generations": 1})
    run = Run.start(tmp_path / "one-run", config)
    yield run
    run.close()


@pytest.fixture
def whole(run: Run) -> Run:
    """A run with one generation: the memory was promoted, an adapter held back."""
    acquire(run, [1, 0, 0.5, 0])
    lesson = remember(run, [("the door is shut", "open it")])[0]
    new = Arm(1, "")
    plain = [0, 0.5, 0, 0.5] * 2
    better = [1, 1, 1, 0.5] * 2
    play(run, Arm(0, ""), "gate", plain)
    play(run, new, "gate", better)
    verdict = judge(
        [Outcome(f"t{n}", 0, score, score == 1) for n, score in enumerate(plain)],
        [Outcome(f"t{n}", 0, score, score == 1) for n, score in enumerate(better)],
    ).to_json()
    decision, evidence = str(verdict["decision"]), verdict["evidence"]
    run.ledger.add_verdict(run.id, 1, "memory", decision, evidence)  # type: ignore[arg-type]
    run.promote(1, "memory", new)
    run.ledger.add_update(run.id, 1, "outcome", {"memory_version": 1, "adapter": ""})
    for seconds in (2.0, 3.0):
        run.ledger.add_usage(
            run.id, 1, "acquisition", n_prompt_tokens=100, n_reply_tokens=10, seconds=seconds
        )
    play(run, Arm(0, ""), "report", [0, 0.5, 0, 1])
    shown = Recall({lesson.id: 0.9}, (lesson.id,), (), 1.0)
    play(run, new, "report", [1, 0.5, 1, 1], recall=shown, lessons=(lesson.text,))
    run.ledger.set_status(run.id, "finished")
    return run


def read(run: Run) -> tuple[dict[str, Any], str]:
    """Write a report and return it as data and as a page."""
    path = write_report(run)
    assert path == run.folder / "report.html"
    return json.loads((run.folder / "report.json").read_text()), path.read_text()


def page_text(page: str) -> str:
    """Return what a reader of the page reads; fails where the page is not well-formed."""
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    return " ".join("".join(root.itertext()).split())


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
        {"phase": "acquisition", "n_prompt_tokens": 200, "n_reply_tokens": 20, "seconds": 5.0}
    ]
    assert data["endings"] == {
        "acquisition": {"failure": 3, "success": 1},
        "gate": {"failure": 10, "success": 6},
        "report": {"success": 4, "failure": 4},
    }


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
    assert (shown[lesson.id]["n_injected"], shown[lesson.id]["n_withheld"]) == (15, 5)
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
    adapter = four_arms(1, "a1")
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
    adapter = four_arms(1, "a1")
    whole.promote(1, "weights", adapter["both"])
    play(whole, adapter["weights"], "report", [1, 1])
    data = read(whole)[0]
    assert [one["arm"] for one in data["arms"]["rows"]] == ["plain", "memory"]
    assert data["missing"] == [
        "Arms that have not played all test tasks yet, and are left out: "
        "weights 2 of 4, both 0 of 4."
    ]


def test_after_a_rollback_the_outcome_that_was_played_is_shown(whole: Run) -> None:
    whole.ledger.add_event(whole.id, "rollback", {"memory_version": 0, "adapter": ""})
    data, page = read(whole)
    assert data["arms"]["whose"] == "the outcome of generation 1"
    assert data["arms"]["memory_version"] == 1
    assert "the plain backbone acts (the run was rolled back by hand" in page_text(page)


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
