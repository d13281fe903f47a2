"""Whatever the user must change is one line on stderr and status 2, and nothing is lost."""

import shutil
from pathlib import Path

import pytest

from agentevo.ledger import Ledger

from .conftest import BOXES, CLI, Result

EVOLVE = ("evolve", *BOXES, "--recipe", "memory-only")
SHOP = ("evolve", "--benchmark", "shop.py:shop", *BOXES[2:], "--recipe", "memory-only")


def refused(done: Result, *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert not done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("agentevo: ")
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("evolve", "--benchmark", "textworld-coking"), ["did you mean 'textworld-cooking'"]),
        (("evolve", "--benchmark", "nowhere.py:shop"), ["no file 'nowhere.py'"]),
        ((*EVOLVE[:-1], "reakt"), ["did you mean 'react'", "weights-only"]),
        ((*EVOLVE, "--budget", "tiny"), ["budget", "'medium'"]),
        ((*EVOLVE, "--set", "memory.n_lesons=3"), ["did you mean 'memory.n_lessons'"]),
        ((*EVOLVE, "--set", "memory.n_lessons=no"), ["memory.n_lessons", "integer"]),
        ((*EVOLVE, "--set", "memory"), ["key=value"]),
        ((*EVOLVE, "--set", "acquisition.tasks=bogus"), ["bogus", "fresh"]),
        ((*EVOLVE, "--set", "refinement.filters=['bogus']"), ["bogus", "near_duplicate"]),
        ((*EVOLVE, "--set", "agent.tools=['bogus']"), ["no tool 'bogus'"]),
        ((*EVOLVE, "--config", "nowhere.toml"), ["nowhere.toml"]),
        ((*EVOLVE, "--name", "a/b"), ["no name for a run"]),
        ((*SHOP, "--levels", "1,7"), ["no level 7"]),
        (
            (*SHOP[:2], "shop.py:small_shop", *SHOP[3:]),
            ["no training tasks for generation 2", "repeated"],
        ),
        ((*SHOP, "--levels", "one"), ["write 1,2,3"]),
        (("evolve", *BOXES[:2], "--backbone", "sed"), ["did you mean 'seed'"]),
        (("evolve", *BOXES[:2], "--backbone", "local:nowhere"), ["config.json"]),
        (("evolve", *BOXES), ["cannot be trained", "memory-only"]),
        (("evolve", *BOXES[:2], "--backbone", "shop.py:SPLITS"), ["not a tuple"]),
        (
            ("evolve", *BOXES[:2], "--backbone", "shop.py:Shop"),
            ["must be a chat model, or a function of"],
        ),
        (("evolve", "--backbone", "shop.py"), ["write shop.py:NAME"]),
        (("evolve", "--resume", "nowhere"), ["no run 'nowhere'"]),
        (("evolve", "--resume", ""), ["a run's name is empty"]),
        (("evolve", "--config", "bytes.toml"), ["bytes.toml is no TOML"]),
        (("evolve", "--recipe", "odd.toml"), ["odd.toml: there is no setting 'memry'"]),
        (("evolve", "--config", "odd.toml"), ["odd.toml: there is no setting 'memry'"]),
        ((*EVOLVE, "--set", "weights=8"), ["such as weights.trainer"]),
        ((*EVOLVE, "--set", "agent.tools=shop.py:x"), ["write a list"]),
        ((*EVOLVE, "--name", ".."), ["no name for a run"]),
        (("evaluate", "--backbone", "sed", *BOXES[:2]), ["did you mean 'seed'"]),
        (("benchmarks", "check", "shop.py:Counter"), ["Counter must take a seed and a level"]),
        (("benchmarks", "check", "torn.py:shop"), ["torn.py cannot be imported: SyntaxError"]),
        (("evolve", *BOXES[:2], "--backbone", "torn.py:x"), ["cannot be imported: SyntaxError"]),
        (("evaluate", "--backbone", "seed", "--split", "tests"), ["did you mean 'test'"]),
        (("evaluate", "--run", "nowhere"), ["no run 'nowhere'"]),
        (("memory", "list", "nowhere"), ["no run 'nowhere'"]),
        (("runs", "show", "nowhere"), ["no run 'nowhere'"]),
        (("benchmarks", "show", "nothing"), ["unknown benchmark 'nothing'"]),
        (("benchmarks", "check", "shop.py:shop", "--levels", "9"), ["no level 9"]),
        (("recipes", "show", "nothing"), ["no recipe 'nothing'"]),
    ],
)
def test_what_does_not_exist_is_named_in_one_line(
    cli_here: CLI, place: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    before = set(place.glob("home/runs/*"))
    refused(cli_here(*arguments), *words)
    assert set(place.glob("home/runs/*")) == before, "a run that cannot begin leaves no folder"


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "rollback", "boxes"),
        ("gate", "boxes"),
        ("gate", "boxes", "1"),
        ("gate", "boxes", "0", "1", "--aa", "4"),
        ("evaluate",),
        ("evolve", "--generations", "-1"),
        ("memory", "show", "boxes"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(
    cli_here: CLI, arguments: tuple[str, ...]
) -> None:
    done = cli_here(*arguments)
    assert done.returncode == 2
    assert "Usage:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_is_not_begun_twice(cli: CLI, boxes: str) -> None:
    refused(cli(*EVOLVE, "--name", boxes), "there is a run 'boxes' already")


def test_a_run_is_resumed_with_its_own_settings_only(cli: CLI, boxes: str) -> None:
    refused(cli("evolve", "--resume", boxes, "--seed", "2"), "leave out --seed")


def test_a_foreign_folder_is_no_run(cli: CLI, place: Path) -> None:
    (place / "foreign").mkdir()
    (place / "foreign" / "notes.txt").write_text("mine")
    for command in (("runs", "show"), ("evolve", "--resume"), ("memory", "list")):
        refused(cli(*command, "foreign"), "foreign is no run")


def test_a_corrupt_ledger_is_told_of_and_left_alone(cli: CLI, place: Path, boxes: str) -> None:
    for name, start in (("junk", 0), ("torn", 3000)):
        folder = place / "home" / "runs" / name
        shutil.copytree(place / "home" / "runs" / boxes, folder)
        file = folder / "ledger.db"
        for log in folder.glob("ledger.db-*"):
            log.unlink()
        whole = file.read_bytes()
        file.write_bytes(whole[:start] + b"\x5a" * (len(whole) - start))
        torn = file.read_bytes()
        for command in (("runs", "show"), ("evolve", "--resume"), ("memory", "list")):
            refused(cli(*command, name), "ledger")
        assert file.read_bytes() == torn
        assert f"{name} " in cli("runs", "list").stdout, "one bad run must not hide the others"
        shutil.rmtree(folder)


def test_a_renamed_run_is_told_of(cli: CLI, place: Path, boxes: str) -> None:
    shutil.copytree(place / "home" / "runs" / boxes, place / "home" / "runs" / "other")
    refused(cli("runs", "show", "other"), "renamed", "boxes")
    shutil.rmtree(place / "home" / "runs" / "other")


def test_a_run_that_another_process_writes_can_be_read_only(
    cli: CLI, place: Path, boxes: str
) -> None:
    with Ledger.open(place / "home" / "runs" / boxes, write=True):
        refused(cli("evolve", "--resume", boxes), "open in another process")
        refused(cli("runs", "rollback", boxes, "--to", "0"), "open in another process")
        assert cli("memory", "list", boxes).returncode == 0
        assert cli("runs", "show", boxes).returncode == 0


def test_a_full_disk_is_one_line_and_the_run_can_go_on(cli: CLI) -> None:
    arguments = [*SHOP, "--name", "full"]
    arguments[2] = "shop.py:full_shop"
    done = cli(*arguments)
    assert done.returncode == 2
    assert "agentevo: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert "agentevo evolve --resume full" in done.stderr


def test_a_plain_bug_keeps_its_traceback(cli: CLI, place: Path) -> None:
    (place / "bug.py").write_text("def shop():\n    raise KeyError('mine')\n")
    done = cli("benchmarks", "show", "bug.py:shop")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
