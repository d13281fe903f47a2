"""A training in processes of its own, as `accelerate launch` or `torchrun` start them.

`python -m agentevo.updating.launch FOLDER` does what `FOLDER/job.json` says; the first process
tells of its steps on stdout, a line of JSON each.
"""

from __future__ import annotations

import json
import logging
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from agentevo.settings import WeightSettings
from agentevo.updating.traces import TrainingSet
from agentevo.updating.training import Job, Pace, TrainingError, TrainProgress, train

logger = logging.getLogger(__name__)

N_LAST_LINES = 5  # of what the processes said, where they fail


def run_apart(name: str, job: Job, progress: TrainProgress) -> None:
    """Train by the command that the settings name.

    Raises:
        TrainingError: it does not start, or fails, with its last words.
    """
    folder = job.out.parent / f"{job.out.name}.job"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps(_to_json(name, job)))
    first, *rest = job.settings.launch
    beside = shutil.which(first, path=str(Path(sys.executable).parent))
    command = [beside or first, *rest]
    command += ["-m", "agentevo.updating.launch", str(folder)]
    logger.info("training by: %s", shlex.join(command))
    said: list[str] = []
    try:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if not _told(line, progress):
                        said.append(line.strip())
            except BaseException:  # whoever is told may want to stop
                process.terminate()
                raise
    except OSError as error:
        raise TrainingError(f"weights.launch: {command[0]}: {error.strerror}") from None
    if process.returncode or not job.out.exists():
        last = " / ".join([line for line in said if line][-N_LAST_LINES:])
        raise TrainingError(f"{shlex.join(command)} failed: {last or process.returncode}")
    shutil.rmtree(folder)


def _told(line: str, progress: TrainProgress) -> bool:
    """Pass a line on, where it tells of a step."""
    if not line.startswith('{"step"'):
        return False
    progress(Pace(**json.loads(line)))
    return True


def _to_json(name: str, job: Job) -> dict[str, object]:
    return {
        "trainer": name,
        "weights": str(job.weights.absolute()),
        "start": str(job.start.absolute()) if job.start else "",
        "data": job.data.to_json(),
        "settings": job.settings.model_dump(mode="json"),
        "out": str(job.out.absolute()),
        "window": job.window,
        "seed": job.seed,
        "temperature": job.temperature,
    }


def main(folder: Path) -> None:
    """Do what the folder's job says; called in each of the processes."""
    from agentevo.updating.in_weights import trainers

    told = json.loads((folder / "job.json").read_text())
    job = Job(
        weights=Path(told["weights"]),
        start=Path(told["start"]) if told["start"] else None,
        data=TrainingSet.from_json(told["data"]),
        settings=WeightSettings.model_validate(told["settings"]),
        out=Path(told["out"]),
        window=told["window"],
        seed=told["seed"],
        temperature=told["temperature"],
        trainer=told["trainer"],
    )
    way = trainers(told["trainer"])[0]
    train(
        job, way.objective, lambda pace: print(json.dumps(asdict(pace)), flush=True),
        needs_before=way.needs_before,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
