"""Looking into a run, judging it by hand, and going back: on one finished run."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agentevo.cli.live import View
from agentevo.cli.progress import Progress, clock, n_episodes
from agentevo.cli.values import parse_levels
from agentevo.config import make
from agentevo.cycle import News
from agentevo.experience import Trajectory

from .conftest import BOXES, CLI


def read(cli: CLI, *arguments: str) -> Any:
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_runs_list_knows_the_run(cli: CLI, boxes: str) -> None:
    row = next(row for row in read(cli, "runs", "list") if row["run"] == boxes)
    assert (row["status"], row["n_closed"], row["recipe"]) == ("finished", 2, "memory-only")
    assert boxes in cli("runs", "list").stdout


def test_runs_show_tells_settings_verdicts_lessons_and_costs(cli: CLI, boxes: str) -> None:
    shown = read(cli, "runs", "show", boxes)
    assert shown["settings"]["n_generations"] == 2
    assert shown["verdicts"][0]["verdict"] == "promote"
    assert shown["verdicts"][0]["evidence"]["n_pairs"] == 16
    assert shown["lessons"] == {"active": 1}
    assert shown["in_force"]["memory_version"] > 0
    assert {row["phase"] for row in shown["usage"]} >= {"acquisition", "refinement"}
    arms = {row["arm"]: row["score"]["estimate"] for row in shown["arms"]}
    assert arms == {"plain": 0.0, "memory": 1.0, "weights": 0.0, "both": 1.0}
    text = cli("runs", "show", boxes).stdout
    assert "promote" in text
    assert "1 active" in text


def test_lessons_are_listed_with_their_worth(cli: CLI, boxes: str) -> None:
    (lesson,) = read(cli, "memory", "list", boxes)
    assert lesson["text"] == "When you face a box: use the button, not the lever"
    assert lesson["n_shown"] + lesson["n_withheld"] == 8, "all of the second generation"
    assert lesson["n_withheld"] > 0
    worth = lesson["utility"]
    assert worth["low"] <= worth["mean"] <= worth["high"]
    assert "use the button" in cli("memory", "list", boxes).stdout
    assert read(cli, "memory", "list", boxes, "--status", "retired") == []
    assert "known: active" in cli("memory", "list", boxes, "--status", "dead").stderr


def test_a_lesson_is_found_by_its_situation(cli: CLI, boxes: str) -> None:
    (found,) = read(cli, "memory", "search", boxes, "standing before a box")
    assert found["similarity"] > 0.3
    assert found["advice"] == "use the button, not the lever"


def test_a_lesson_is_shown_by_the_beginning_of_its_id(cli: CLI, boxes: str) -> None:
    (lesson,) = read(cli, "memory", "list", boxes)
    shown = read(cli, "memory", "show", boxes, lesson["id"][:5])
    assert shown["id"] == lesson["id"]
    assert shown["events"][0]["kind"] == "insert"
    assert shown["provenance"][0]["trajectories"]
    text = cli("memory", "show", boxes, lesson["id"]).stdout
    assert "distilled" in text
    assert lesson["provenance"][0]["trajectories"][0] in text
    done = cli("memory", "show", boxes, "Lx")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_an_ambiguous_beginning_of_an_id_is_refused() -> None:
    from agentevo.cli.memory import pick
    from agentevo.memory import Lesson, LessonNotFoundError, Provenance

    source = (Provenance("user:me"),)
    one, two = (
        Lesson("a box", advice, "boxes", source, id=id_)
        for advice, id_ in (("push", "Lab1"), ("pull", "Lab12"))
    )
    assert pick("Lab12", (one, two)) == two
    assert pick("Lab1", (one, two)) == one, "a whole id is never ambiguous"
    with pytest.raises(LessonNotFoundError, match="2 lessons begin with 'La': Lab1, Lab12"):
        pick("La", (one, two))
    with pytest.raises(LessonNotFoundError, match="no lesson ''"):
        pick("", (one, two))


def test_an_episode_is_found_and_read(cli: CLI, boxes: str) -> None:
    (lesson,) = read(cli, "memory", "list", boxes)
    source = lesson["provenance"][0]["trajectories"][0]
    listed = read(cli, "runs", "episodes", boxes, "--generation", "1", "--purpose", "acquisition")
    assert source in {one["trajectory_id"] for one in listed}
    assert {one["key"]["generation"] for one in listed} == {1}
    text = cli("runs", "episodes", boxes, source).stdout
    assert "> push button" in text
    assert "The box opens." in text
    assert source in cli("runs", "episodes", boxes).stdout
    assert "no trajectory '1'" in cli("runs", "episodes", boxes, "1").stderr


def test_a_recipe_says_what_its_settings_mean_and_who_set_them(cli: CLI) -> None:
    lines = cli("recipes", "show", "default").stdout.splitlines()
    (rank,) = (line for line in lines if "weights.trainer" in line)
    assert "recipe" in rank
    (steps,) = (line for line in lines if "agent.max_steps" in line)
    assert "budget" in steps
    assert "Calls of the model" in steps


def test_a_run_of_files_goes_on_from_any_folder(place: Path, cli: CLI) -> None:
    done = cli(
        "evolve", "--benchmark", "shop.py:shop", *BOXES[2:], "--recipe", "react", "--name", "far",
        "--set", "evaluation.n_test_per_level=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    settings = read(cli, "runs", "show", "far")["settings"]
    assert settings["benchmark"] == f"{place}/shop.py:shop"
    assert "Test split" in cli("runs", "show", "far").stdout, "also where no generation is played"


def test_the_report_is_written_anew(cli: CLI, boxes: str) -> None:
    path = read(cli, "runs", "report", boxes)["report"]
    assert cli("runs", "report", boxes).stdout.strip() == path


def test_two_generations_are_judged_by_hand(cli: CLI, boxes: str) -> None:
    verdict = read(cli, "gate", boxes, "0", "1")
    assert verdict["decision"] == "promote"
    assert verdict["evidence"]["candidate_mean"] == 1.0
    assert cli("gate", boxes, "1", "0").stdout.startswith("reject: The candidate is worse")
    assert "there is: 0, 1, 2" in cli("gate", boxes, "0", "9").stderr


def test_the_incumbent_against_itself_gives_a_rate_with_its_interval(cli: CLI, boxes: str) -> None:
    rates = read(cli, "gate", boxes, "--aa", "4")
    assert rates["n_verdicts"] == 2
    assert 0 <= rates["rate"]["low"] <= rates["rate"]["estimate"] <= rates["rate"]["high"] <= 1


def test_an_arm_of_a_run_is_evaluated_and_recorded_once(cli: CLI, boxes: str) -> None:
    arguments = ("evaluate", "--run", boxes, "--split", "train", "--n-per-level", "2")
    now = read(cli, *arguments)
    assert now["all"]["score"]["estimate"] == 1.0
    assert [level["n"] for level in now["levels"]] == [2, 2]
    before = read(cli, *arguments, "--generation", "0", "--levels", "2")
    assert before["all"]["score"]["estimate"] == 0.0
    assert before["all"]["n"] == 2
    assert "evaluation: train  4/4" in cli(*arguments).stderr.splitlines()[0], "played already"


def test_a_plain_backbone_is_evaluated_without_a_run(cli: CLI, boxes: str) -> None:
    before = {row["run"] for row in read(cli, "runs", "list")}
    done = read(
        cli, "evaluate", "--benchmark", BOXES[1], "--backbone", BOXES[3], "--n-per-level", "1"
    )
    assert done["all"]["n"] == 2
    assert done["endings"] == {"failure": 2}
    assert {row["run"] for row in read(cli, "runs", "list")} == before


def test_a_rollback_goes_back_and_forth(cli: CLI, boxes: str) -> None:
    version = read(cli, "runs", "show", boxes)["in_force"]["memory_version"]
    assert read(cli, "runs", "rollback", boxes, "--to", "0")["in_force"]["memory_version"] == 0
    shown = read(cli, "runs", "show", boxes)
    assert shown["in_force"]["memory_version"] == 0
    assert shown["arms_of"]["memory_version"] == version, "the arms that were played"
    assert f"Test split, memory {version}, plain weights" in cli("runs", "show", boxes).stdout
    assert "active" not in shown["lessons"]
    again = cli("evolve", "--resume", boxes, "-q")
    assert f"Test split, memory {version}, plain weights" in again.stdout
    assert "no adapter: 'weights' is plain, and 'both' is memory alone" in again.stdout
    assert "in force: memory version 0, plain weights" in again.stdout
    assert "promoted" not in again.stdout
    assert "no version 99" in cli("runs", "rollback", boxes, "--memory", "99").stderr
    for name in ("x", ""):
        done = cli("runs", "rollback", boxes, "--adapter", name)
        assert f"no adapter {name!r}" in done.stderr
    back = read(cli, "runs", "rollback", boxes, "--memory", str(version))
    assert back == {
        "in_force": {"memory_version": version, "adapter": ""},
        "was": {"memory_version": 0, "adapter": ""},
    }
    assert read(cli, "runs", "show", boxes)["lessons"] == {"active": 1}


def test_there_is_a_list_of_everything_to_choose_from(cli: CLI) -> None:
    assert {"default", "react"} <= {row["name"] for row in read(cli, "recipes", "list")}
    assert {"seed", "local"} <= {row["name"] for row in read(cli, "backbones", "list")}
    assert "textworld-cooking" in {row["name"] for row in read(cli, "benchmarks", "list")}
    assert read(cli, "recipes", "show", "react")["merged"]["n_generations"] == 0
    for kind in ("recipes", "backbones", "benchmarks"):
        assert cli(kind, "list").returncode == 0


def test_a_benchmark_is_shown_and_its_faults_give_status_1(cli: CLI) -> None:
    assert read(cli, "benchmarks", "show", "shop.py:shop")["levels"] == [1, 2]
    done = cli("benchmarks", "check", "shop.py:shop", "--levels", "1", "--json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)
    done = cli("benchmarks", "check", "shop.py:broken_shop", "--levels", "1")
    assert done.returncode == 1
    assert "FAULT" in done.stdout
    assert "the shop is closed" in done.stdout


def test_levels_are_read() -> None:
    assert parse_levels(None) is None
    assert parse_levels("1, 2,5-7,2") == (1, 2, 5, 6, 7)


def test_time_left_follows_from_the_rate() -> None:
    config = make({"n_generations": 1, "acquisition": {"n_tasks_per_level": 10}})
    assert n_episodes(config, 2) == 2 * (10 + 2 * 3 + 2 * 5), "played, at the gate, in the report"
    progress = Progress(n_generations=1, n_expected=100, n_before=40)
    progress.take(News("phase", 1, "acquisition", 40, 60))
    assert progress.left_s() is None, "too early to say"
    progress.n_played, progress.n_done = 10, 50
    progress.began -= 20.0
    left = progress.left_s()
    assert left is not None
    assert 99 < left < 110, "50 more at 2 s each"
    progress.take(News("phase", 1, "training"))
    progress.take(News("training", 1, "loss 1", 1, 5))
    assert progress._training_since is not None
    progress._training_since -= 30.0
    progress.began -= 30.0
    left = progress.left_s()
    assert left is not None
    assert 99 + 120 < left < 110 + 125, "the same episodes, and four more steps at 30 s each"
    assert [clock(5), clock(65), clock(3700)] == ["5 s", "1:05 min", "1:01 h"]


def test_a_run_that_goes_on_is_timed_by_what_it_plays_now() -> None:
    progress = Progress(n_generations=2, n_expected=100, n_before=60)
    progress.take(News("phase", 2, "acquisition", 10, 20))
    view = View(progress, quiet=True)
    for n in range(11, 17):
        view(News("episode", 2, "acquisition", n, 20, played(score=1.0)))
    progress.began = time.monotonic() - 12.0
    left = progress.left_s()
    assert left is not None
    assert 67 < left < 70, "34 more at 2 s each; what was played before took no time now"
    assert "acquisition  16/20  success 100 %" in view.line()
    assert "of the 6 played now" in view.line()
    progress.take(News("phase", 2, "gate of memory", 6, 12))
    progress.began = time.monotonic() - 12.0
    left = progress.left_s()
    assert left is not None
    assert 67 < left < 70, "what the ledger has of an arm is not counted twice"


def test_an_evaluation_of_which_a_part_is_known_is_timed_by_the_rest() -> None:
    progress = Progress(n_expected=20)
    progress.take(News("phase", 0, "evaluation: test", 10, 20))
    for n in range(11, 16):
        progress.take(News("episode", 0, "evaluation: test", n, 20, played(score=0.0)))
    progress.began = time.monotonic() - 10.0
    left = progress.left_s()
    assert left is not None
    assert 10 <= left < 11


def test_what_stands_at_the_gate_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    view = View(Progress(n_generations=1))
    view(News("phase", 1, "gate of adoption of a1 for m0+plain", 0, 4))
    view(News("verdict", 1, "adoption of a1 for m0+plain: It is better.", decision="promote"))
    said = capsys.readouterr().err
    assert "gate of adoption of a1 in place of the plain weights  0/4" in said
    assert "promote, adoption of a1 in place of the plain weights: It is better." in said


def played(score: float) -> Trajectory:
    return Trajectory(
        id="t", task_id="t", benchmark="b", split="train", difficulty=1, instruction="",
        first_observation="", purpose="acquisition", generation=2, attempt=0, arm="", steps=(),
        ending="success", score=score, best_score=score, success=score == 1, seed=0, seconds=1.0,
    )  # fmt: skip


def test_runs_are_compared_by_task_and_only_where_they_played_the_same(
    cli: CLI, boxes: str, place: Path
) -> None:
    done = cli(
        "evolve", *BOXES, "--recipe", "react", "--name", "unlearned",
        "--set", "evaluation.n_test_per_level=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = read(cli, "runs", "compare", "unlearned", boxes)
    assert first["difference"] is None
    assert (second["difference"]["estimate"], second["n_tasks"], second["n_played"]) == (1.0, 4, 6)
    assert (first["n_tasks"], first["n_played"]) == (4, 4)
    assert first["fingerprint"] == second["fingerprint"] == "boxes-1"
    text = cli("runs", "compare", "unlearned", boxes).stdout
    assert "+100 (+100 to +100)" in text
    assert "4 of 6" in text
    assert "scores on 4 test tasks that all of them played" in text
    other = cli(
        "evolve", "--benchmark", "shop.py:shop", "--backbone", BOXES[3], "--recipe", "react",
        "--name", "elsewhere", "--set", "evaluation.n_test_per_level=1",
    )  # fmt: skip
    assert other.returncode == 0, other.stderr
    refused = cli("runs", "compare", "unlearned", "elsewhere")
    assert refused.returncode == 2
    assert (
        "different tasks or environments (unlearned: boxes-1; elsewhere: shop-1)" in refused.stderr
    )
    apart = cli("runs", "compare", "unlearned", "elsewhere", "--anyway")
    assert (apart.returncode, "nothing is compared" in apart.stdout) == (0, True)
    assert cli("runs", "compare", "unlearned").returncode == 2
