"""A class of the user's that promises what it does not keep: one line, before time is spent."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from .conftest import BOXES, CLI

OWN = '''
from agentevo.benchmarks import Observation


class {name}:
    """Push the button."""

    levels = {levels}
    max_steps = 3

    def __init__(self, seed, level):
        self.n, self.seed = 0, seed

    def reset(self):
        return Observation(f"A box number {{self.seed}}, with a lever and a button.")

    def step(self, action):
        return Observation("It opens.", 1.0, terminated=True, score={score}, success=True)
'''


@pytest.mark.parametrize("score", ["100", "float('nan')"])
def test_a_score_that_is_none_stops_a_run_at_its_first_episode(
    cli_here: CLI, place: Path, score: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = "Hundred" if score == "100" else "Nothing"
    (place / f"{name}.py").write_text(OWN.format(name=name, levels="(1,)", score=score))
    done = cli_here(
        "evolve", "--benchmark", f"{name}.py:{name}", *BOXES[2:], "--recipe", "memory-only",
        "--name", name, "--quiet",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last == (
        f"agentevo: {name.lower()} states the score {eval(score)!r}: a score is a number in 0..1"
    )
    assert "Traceback" not in done.stderr
    gc.collect()
    assert "never retrieved" not in caplog.text, "siblings broke as well, which is one line"
    shown = cli_here("runs", "show", name, "--json")
    assert '"ending"' not in shown.stdout


@pytest.mark.parametrize("command", ["evolve", "check", "show"])
def test_levels_that_are_none_are_one_line(cli_here: CLI, place: Path, command: str) -> None:
    (place / "odd_levels.py").write_text(OWN.format(name="Odd", levels="3", score="1.0"))
    asked = ["benchmarks", command, "odd_levels.py:Odd"]
    if command == "evolve":
        asked = ["evolve", "--benchmark", "odd_levels.py:Odd", *BOXES[2:]]
    done = cli_here(*asked)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("agentevo: Odd: levels is 3: write whole numbers")


def test_what_the_checker_could_not_judge_is_counted(cli_here: CLI, place: Path) -> None:
    (place / "goldless.py").write_text(OWN.format(name="Goldless", levels="(1,)", score="1.0"))
    done = cli_here("benchmarks", "check", "goldless.py:Goldless")
    assert done.returncode == 1, "idling wins"
    assert "not judged: no gold is known of it" in done.stdout
    assert "6 not judged" in done.stdout.splitlines()[-1]
