"""Runs side by side: on the tasks that all of them played, or not at all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agentevo.config import make
from agentevo.evaluation.comparison import compare
from agentevo.evaluation.evaluate import Arm
from agentevo.folders import RunError
from agentevo.run import Run

from .conftest import BENCHMARK, episode, play

Start = Callable[[str, Sequence[float], Sequence[float]], Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Makes a run of which the plain arm and what is in force have these scores by task."""
    (tmp_path / "doors.py").write_text(BENCHMARK)
    runs = []

    def begin(name: str, plain: Sequence[float], evolved: Sequence[float]) -> Run:
        run = Run.start(tmp_path / name, make({"benchmark": f"{tmp_path}/doors.py:doors"}))
        runs.append(run)
        run.promote(1, "memory", Arm(1, ""))
        play(run, Arm(0, ""), "report", plain)
        play(run, Arm(1, ""), "report", evolved)
        return run

    yield begin
    for run in runs:
        run.close()


def test_all_figures_are_of_the_tasks_that_all_runs_played(start: Start) -> None:
    long = start("long", [0, 0, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0])
    short = start("short", [0, 1], [1, 0])
    first, second = compare([long, short])
    assert [(one.n_tasks, one.n_played) for one in (first, second)] == [(2, 6), (2, 2)]
    assert first.plain is not None
    assert first.evolved is not None
    assert first.gain is not None
    assert (first.plain.estimate, first.evolved.estimate, first.gain.estimate) == (0, 1, 1)
    assert second.evolved is not None
    assert second.difference is not None
    assert (second.evolved.estimate, second.difference.estimate) == (0.5, -0.5)
    assert first.difference is None


def test_runs_that_share_no_task_are_refused_or_stand_apart(start: Start) -> None:
    one, other = start("one", [0, 0], [1, 0]), start("other", [], [])
    for arm in ("m0+plain", "m1+plain"):
        elsewhere = replace(episode("report", arm, 1, 1.0), task_id="doors/report/99")
        other.ledger.add_episode(other.id, elsewhere)
    with pytest.raises(RunError, match=r"no test task was played by all .*one: 2; other: 1"):
        compare([one, other])
    first, second = compare([one, other], anyway=True)
    assert (first.n_tasks, second.n_tasks, second.difference) == (2, 1, None)


def test_a_run_that_played_nothing_takes_no_task_from_the_others(start: Start) -> None:
    first, second = compare([start("one", [0, 0], [1, 0]), start("empty", [], [])])
    assert (first.n_tasks, second.n_tasks) == (2, 0)
    assert second.evolved is second.difference is None
