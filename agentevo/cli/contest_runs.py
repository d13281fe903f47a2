"""Plays the runs of a comparison: one here, or all of them in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO

import typer

from agentevo.cli import output
from agentevo.cli.progress import clock

if TYPE_CHECKING:
    from agentevo.contest import Contest, Entrant

EVERY_S = 10.0
"""Between two lines on how it stands."""
END_S = 60.0
"""That a run is given to end, once it is interrupted."""


def play_one(contest: Contest, entrant: Entrant, *, quiet: bool = False) -> None:
    """Begin a run, or go on with it, in this process; one that is finished is left as it is.

    What the last of several benchmarks left in force is played on the others, too.

    Raises:
        RunError: the run that it goes on from is not finished.
    """
    from agentevo.api import begin, carry_out, stoppable
    from agentevo.cli.live import View
    from agentevo.cli.progress import Progress, n_episodes
    from agentevo.folders import RunError
    from agentevo.run import Run
    from agentevo.sequence import play_test_of

    status = contest.status(entrant)
    if status == "finished":
        return
    if not contest.is_ready(entrant):
        raise RunError(f"the run before {contest.plan.label(entrant)} is not finished")
    if status == "new":
        run = begin(contest.plan.config(entrant), contest.plan.run_name(entrant))
    else:
        run = Run.open(contest.run_folder(entrant), write=True)
    run.replies = contest.folder / "replies.db"  # the same weights say the same to the same prompt
    config = run.config
    n_levels = len(config.levels or run.benchmark().levels)
    n_expected = 0 if config.token_budget else n_episodes(config, n_levels)
    progress = Progress(n_generations=config.n_generations, n_expected=n_expected)
    is_last = entrant.stage == contest.plan.n_stages - 1
    earlier = contest.earlier(entrant) if is_last else []
    try:
        with View(progress, quiet=quiet) as view:
            asyncio.run(carry_out(run, view))
            for one in earlier:
                again = partial(play_test_of, run, contest.run_folder(one))
                asyncio.run(stoppable(again, view))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        run.close()


@dataclass
class _Child:
    """A run that is being played in a process of its own."""

    entrant: Entrant
    process: subprocess.Popen[bytes]
    log: Path
    file: BinaryIO

    def last_line(self) -> str:
        """Return what it said last."""
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1].strip() if lines else "starting"


def play_all(contest: Contest, *, at_once: int, quiet: bool) -> list[str]:
    """Play all runs that are not finished; return the names of those that failed."""
    entrants = list(contest.plan.entrants())
    waiting = [one for one in entrants if contest.status(one) != "finished"]
    n_all, n_before = len(entrants), len(entrants) - len(waiting)
    running: list[_Child] = []
    failed: list[str] = []
    began = last = time.monotonic()
    n_done, blocked = 0, False  # blocked: what is left waits for the runs before it
    before = signal.signal(signal.SIGTERM, _interrupt)  # no run is to be left behind
    try:
        while waiting or running:
            while not blocked and len(running) < at_once:
                ready = next((one for one in waiting if contest.is_ready(one)), None)
                if blocked := ready is None:
                    break
                waiting.remove(ready)
                running.append(_started(contest, ready, at_once))
            if not running:  # what is left goes on from runs that failed
                break
            time.sleep(0.2)
            for child in [one for one in running if one.process.poll() is not None]:
                running.remove(child)
                child.file.close()
                blocked = False
                n_done += 1
                if child.process.returncode:
                    failed.append(contest.plan.run_name(child.entrant))
                    _say(f"failed: {failed[-1]}: {child.last_line()}", quiet)
            if time.monotonic() - last >= EVERY_S:
                last = time.monotonic()
                gone = last - began
                left = gone / n_done * (len(waiting) + len(running)) if n_done else None
                about = "" if left is None else f"  about {clock(left)} left"
                _say(f"[{clock(gone)}]  {n_before + n_done}/{n_all} runs{about}", quiet)
                for child in running:
                    _say(f"    {contest.plan.label(child.entrant)}: {child.last_line()}", quiet)
    except KeyboardInterrupt:
        _end(running)
        from agentevo.cli.contest import resume_line

        _say(f"interrupted; all that was done is kept. Go on with: {resume_line(contest)}", False)
        raise typer.Exit(130) from None
    except BaseException:
        _end(running)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    return failed


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _started(contest: Contest, entrant: Entrant, at_once: int) -> _Child:
    """Start a run in a process of its own, which writes to its log and has its share of cores."""
    log = contest.folder / "logs" / f"{contest.plan.run_name(entrant)}.log"
    file = log.open("ab")
    command = [sys.executable, "-m", "agentevo", "compare", "--resume", str(contest.folder),
               "--only", contest.plan.label(entrant)]  # fmt: skip
    share = max(1, (os.cpu_count() or 1) // at_once)
    told = {"OMP_NUM_THREADS": str(share), **os.environ}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=told
    )
    return _Child(entrant, process, log, file)


def _end(running: list[_Child]) -> None:
    """Let the runs end as on Ctrl-C, and wait for them; what does not end in time is killed."""
    for child in running:
        if child.process.poll() is None:
            child.process.send_signal(signal.SIGINT)
    for child in running:
        try:
            child.process.wait(END_S)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
        child.file.close()


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        output.stderr().print(text, markup=False, soft_wrap=True)
