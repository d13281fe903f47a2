"""What can be done with the weights that a run has trained, on one finished run."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentevo.evaluation.model_card import base_name
from agentevo.files import fingerprint_of
from agentevo.run import Run

from .conftest import BOXES, CLI, Start


@pytest.fixture(scope="module")
def trained(cli: CLI, model: Path) -> str:
    """The name of a run that has trained an adapter in each of two generations."""
    done = cli(
        "evolve", "--benchmark", "shop.py:shop", "--backbone", f"local:{model}", "--name",
        "trained", "--recipe", "weights-only", "--generations", "2",
        "--set", "acquisition.n_tasks_per_level=4", "--set", "weights.min_traces=1",
        "--set", "weights.rank=4", "--set", "evaluation.n_gate_per_level=2",
        "--set", "evaluation.n_test_per_level=0", "--set", "acquisition.temperature=1.0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return "trained"


def read(cli: CLI, *arguments: str) -> Any:
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_adapters_are_listed_and_shown_with_what_they_were_trained_on(
    cli_here: CLI, trained: str
) -> None:
    first, second = read(cli_here, "adapters", "list", trained)
    assert (first["adapter"], second["adapter"]) == ("trained-g1", "trained-g2")
    assert first["card"]["settings"]["rank"] == 4
    assert second["card"]["data"]["n_replayed"] > 0
    assert first["verdicts"]["weights"] in ("promote", "hold", "reject")
    listed = cli_here("adapters", "list", trained).stdout.splitlines()
    (row,) = [line for line in listed if line.startswith(" trained-g1 ")]
    assert f" {first['verdicts']['weights']} " in row
    told = cli_here("adapters", "show", trained, "trained-g2").stdout
    assert "of these, replayed" in told
    assert "the plain weights" in told
    wrong = cli_here("adapters", "show", trained, "trained-g3")
    assert wrong.returncode == 2
    assert "did you mean 'trained-g" in wrong.stderr


def test_two_adapters_are_compared(cli_here: CLI, trained: str) -> None:
    found = read(cli_here, "adapters", "diff", trained, "trained-g1", "trained-g2")
    assert all(norm > 0 for norm in found["norms"])
    assert -1 <= found["cosine"] <= 1
    same = read(cli_here, "adapters", "diff", trained, "trained-g1", "trained-g1")
    assert same["cosine"] == pytest.approx(1.0, abs=1e-3)
    assert "layer 0" in cli_here("adapters", "diff", trained, "trained-g1", "trained-g2").stdout


def test_a_merged_adapter_has_its_parents_and_is_not_in_force(cli_here: CLI, trained: str) -> None:
    both = ("trained-g1", "trained-g2")
    made = read(cli_here, "adapters", "merge", trained, *both, "--shares", "0.75,0.25")
    assert made["merged"] == {"trained-g1": 0.75, "trained-g2": 0.25}
    shown = read(cli_here, "adapters", "show", trained, made["adapter"])
    assert shown["parents"] == list(both)
    assert not shown["in_force"]
    assert shown["verdicts"] == {}, "nobody has judged it"
    assert "not at the gate yet" in cli_here("adapters", "list", trained).stdout
    refused = cli_here("adapters", "rollback", trained, made["adapter"])
    assert refused.returncode == 2
    assert f"{made['adapter']!r} never was in force" in refused.stderr
    assert f"adapters adopt {trained} {made['adapter']}" in refused.stderr
    thin = read(cli_here, "adapters", "merge", trained, *both, "--way", "dare", "--rank", "2")
    assert 0 <= thin["lost_to_rank"] < 1
    assert "in force only" in cli_here("adapters", "merge", "--help").stdout
    for wrong, words in (
        (("--way", "stew"), "known: mean, soup, dare, ties"),
        (("--shares", "a,b"), "write numbers"),
        (("--shares", "1"), "want 2 shares"),
        (("--name", "trained-g1"), "has an adapter 'trained-g1' already"),
        (("--name", "../x"), "is no name for an adapter"),
        (("--name", "plain"), "is no name for an adapter"),
        (("--shares", "2,-1"), "each is above 0"),
        (("trained-g1",), "two different adapters"),
        (("plain",), "'plain' is the model as it was, and no adapter"),
    ):
        done = cli_here("adapters", "merge", trained, *both, *wrong)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_what_is_exported_is_loaded_by_peft_and_by_transformers(
    cli_here: CLI, trained: str, model: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for out, more in ((tmp_path / "peft", ()), (tmp_path / "whole", ("--merged",))):
        done = cli_here("adapters", "export", trained, "trained-g2", str(out), *more)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(out)
    plain: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    whole: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "whole", dtype=torch.float32)
    ids = AutoTokenizer.from_pretrained(tmp_path / "whole")("sell a kettle", return_tensors="pt")
    with torch.no_grad():
        before = plain(**ids).logits
        tuned: Any = PeftModel.from_pretrained(plain, tmp_path / "peft")
        assert torch.allclose(tuned(**ids).logits, whole(**ids).logits, atol=1e-4)
        assert not torch.allclose(before, whole(**ids).logits, atol=1e-4)
    again = cli_here("adapters", "export", trained, "trained-g2", str(tmp_path / "peft"))
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    for file in (*(tmp_path / "peft").iterdir(), *(tmp_path / "whole").iterdir()):
        assert str(model.parent).encode() not in file.read_bytes(), f"{file.name} names a folder"
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None
    for folder in ("peft", "whole"):
        card = (tmp_path / folder / "README.md").read_text()
        for words in ("# trained-g2", fingerprint_of(model), "sft, out of the base model",
                      "episodes of training tasks", "shop, tests/cli; licence: Apache-2.0",
                      "weights: ", "not stated with its weights", "from_pretrained("):  # fmt: skip
            assert words in card
        assert "More Information Needed" not in card


def test_plain_is_no_adapter_and_a_folder_that_is_not_there_is_none(
    cli_here: CLI, trained: str, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    for arguments in (
        ("diff", trained, "plain", "trained-g1"), ("export", trained, "plain", out),
        ("adopt", trained, "plain"), ("show", trained, "plain"),
    ):  # fmt: skip
        done = cli_here("adapters", *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "'plain' is the model as it was, and no adapter" in done.stderr
    done = cli_here("adapters", "adopt", trained, f"{tmp_path}/nope")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"there is no folder {tmp_path}/nope" in done.stderr


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        ("seed", ""), ("local:/models/Qwen", ""), ("local:Qwen/Qwen3-4B", "Qwen/Qwen3-4B"),
        ("vllm:http://localhost:8000/v1#Qwen/Qwen3-4B", "Qwen/Qwen3-4B"), ("local:model", ""),
    ],
)  # fmt: skip
def test_a_base_model_is_named_where_it_has_a_public_name(backbone: str, name: str) -> None:
    assert base_name(backbone) == name


def test_a_folder_is_no_public_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert base_name("local:mine/model") == ""


def test_an_adapter_is_in_force_only_once_the_gate_has_promoted_it(
    cli_here: CLI, trained: str, tmp_path: Path
) -> None:
    before = read(cli_here, "runs", "show", trained)["in_force"]
    name = "trained-g1" if before["adapter"] != "trained-g1" else "trained-g2"
    done = read(cli_here, "adapters", "adopt", trained, name)
    promoted = done["verdict"] == "promote"
    assert (done["in_force"]["adapter"] == name) == promoted
    verdicts = read(cli_here, "runs", "show", trained)["verdicts"]
    assert f"adoption of {name}" in verdicts[-1]["kind"]
    shown = read(cli_here, "adapters", "show", trained, name)
    assert shown["score_after"] is not None
    assert done["verdict"] == read(cli_here, "adapters", "adopt", trained, name)["verdict"]

    outside = tmp_path / "mine"
    cli_here("adapters", "export", trained, "trained-g2", str(outside))
    taken = read(cli_here, "adapters", "adopt", trained, str(outside))
    assert taken["adapter"].startswith("trained-mine-")
    assert taken["verdict"] in ("promote", "hold", "reject")


def test_an_adapter_of_another_model_is_refused(
    cli_here: CLI, trained: str, tmp_path: Path
) -> None:
    outside = tmp_path / "other"
    cli_here("adapters", "export", trained, "trained-g1", str(outside))
    card = json.loads((outside / "training.json").read_text())
    (outside / "training.json").write_text(json.dumps({**card, "base": "0123456789abcdef"}))
    done = cli_here("adapters", "adopt", trained, str(outside))
    assert done.returncode == 2
    assert "was trained for another model" in done.stderr
    shutil.rmtree(outside)
    outside.mkdir()
    assert "is no adapter" in cli_here("adapters", "adopt", trained, str(outside)).stderr


def test_rolling_back_to_the_plain_weights_and_forth(cli_here: CLI, trained: str) -> None:
    with Run.open(trained, write=True, to_play=False) as run:
        run.promote(2, "weights", replace(run.incumbent(), adapter="trained-g1"))
    back = read(cli_here, "adapters", "rollback", trained, "plain")
    assert back["in_force"]["adapter"] == ""
    there = read(cli_here, "adapters", "rollback", trained, "trained-g1")
    assert there["in_force"]["adapter"] == "trained-g1", "it was in force before"
    again = cli_here("runs", "rollback", trained, "--adapter", "plain")
    assert again.returncode == 0, again.stderr
    assert "no adapter 'x'" in cli_here("adapters", "rollback", trained, "x").stderr


def test_a_question_is_answered_on_stdout_and_its_steps_are_shown_on_stderr(
    cli: CLI, boxes: str
) -> None:
    question = "Get the thing out of the box with a lever and a button."
    done = cli("solve", question, "--run", boxes)
    assert (done.returncode, done.stdout) == (0, "push button\n")
    assert "Thought: the button\nAction: push button\n" in done.stderr
    alone = cli("solve", question, *BOXES[2:], "--quiet")
    assert (alone.stdout, alone.stderr) == ("pull lever\n", "")


def test_a_task_is_played_and_what_is_learned_is_pending(cli: CLI, boxes: str) -> None:
    told = read(cli, "solve", "--run", boxes, "--task", "boxes/train/2/70", "--learn")
    assert (told["ending"], told["score"]) == ("success", 1.0)
    assert [one["outcome"] for one in told["learned"]] == ["merged"]
    again = cli("solve", "--run", boxes, "--task", "boxes/train/2/71", "--learn", "--quiet")
    assert "success, score 100 %, 1 step\n" in again.stdout
    assert "known already, active, and seen once more: When you face a box" in again.stderr
    assert "pending" not in again.stderr
    listed = read(cli, "memory", "list", boxes)
    assert [one["status"] for one in listed] == ["active"]
    wrong = cli("solve", "--run", boxes, "--task", "boxes/train/9/1")
    assert (wrong.returncode, "its ids are such as boxes/validation" in wrong.stderr) == (2, True)
    neither = cli("solve", "--run", boxes)
    assert neither.returncode == 2


def test_what_became_of_a_lesson_is_said_as_it_is() -> None:
    from agentevo.cli.solve import _became
    from agentevo.memory import Lesson, Provenance, Written

    lesson = Lesson("a box", "push", "boxes", (Provenance("me"),), status="pending")
    assert _became(Written(lesson, "inserted"), "r") == "learned, pending"
    assert _became(Written(lesson, "known"), "r") == "known already, pending"
    odd = replace(lesson, status="quarantined")
    assert _became(Written(odd, "inserted"), "r").startswith("learned, in quarantine (see ")
    assert "memory review r)" in _became(Written(odd, "inserted"), "r")


def test_a_run_killed_in_its_training_keeps_what_is_in_force_and_goes_on_from_there(
    cli: CLI, start: Start, model: Path, place: Path
) -> None:
    child = start(
        ["evolve", "--benchmark", "shop.py:shop", "--backbone", f"local:{model}", "--name",
         "killed-training", "--recipe", "weights-only", "--generations", "1",
         "--set", "acquisition.n_tasks_per_level=6", "--set", "weights.min_traces=1",
         "--set", "weights.n_epochs=400", "--set", "weights.checkpoint_every=5",
         "--set", "weights.tokens_per_step=256", "--set", "evaluation.n_gate_per_level=1",
         "--set", "evaluation.n_test_per_level=0", "--set", "acquisition.temperature=1.0"]
    )  # fmt: skip
    work = place / "home/runs/killed-training/adapters/killed-training-g1.work"
    deadline = time.monotonic() + 200
    while not list(work.glob("checkpoint-*/trainer_state.json")):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.kill()
    child.communicate()
    assert not (work.parent / "killed-training-g1").exists()
    shown = read(cli, "runs", "show", "killed-training")
    assert shown["in_force"] == {"memory_version": 0, "adapter": ""}
    assert read(cli, "adapters", "list", "killed-training") == []
    done = cli("evolve", "--resume", "killed-training")
    assert done.returncode == 0, done.stderr
    (one,) = read(cli, "adapters", "list", "killed-training")
    assert one["card"]["figures"]["n_steps"] > 5
    assert "tokens_per_s" not in one["card"]["figures"], "it went on, and was not begun anew"
    assert not work.exists()
