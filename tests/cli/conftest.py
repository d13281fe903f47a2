"""A shop whose tasks take a step or two, a tiny model, and the command line over both."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

Result = subprocess.CompletedProcess[str]
CLI = Callable[..., Result]

Start = Callable[[Sequence[str]], subprocess.Popen[str]]

ROOT = Path(__file__).parents[2]
BOXES = (
    *("--benchmark", f"{ROOT}/tests/worlds.py:boxes"),
    *("--backbone", f"{ROOT}/tests/worlds.py:scripted"),
)

SHOP = '''
import errno
import time

from agentevo.benchmarks import SPLITS, BenchmarkError, Observation, Task


class Counter:
    """Two commands of the right length, odd or even by the level, sell a kettle."""

    tools = ()

    def __init__(self, task):
        self.task, self.score, self.n = task, 0.0, 0

    def reset(self):
        self.score, self.n = 0.0, 0
        return Observation(f"Customer {self.task.seed} waits for a kettle.")

    def step(self, action):
        if self.score >= 1.0 or self.n >= 3:
            raise RuntimeError("the customer has left")
        self.n += 1
        wanted = len(action) % 2 == self.task.difficulty % 2
        reward = 0.5 if wanted else 0.0
        self.score += reward
        won = self.score >= 1.0
        return Observation(
            f"You said {action[:20]}.", reward, terminated=won, truncated=not won and self.n >= 3,
            score=self.score, success=won,
        )

    def close(self):
        pass


class Shop:
    name = "shop"
    description = "Sell kettles."
    licence = "Apache-2.0"
    source = "tests/cli"
    levels = (1, 2)
    thread_safe = True

    def max_steps(self, task):
        return 3

    def fingerprint(self):
        return "shop-1"

    def tasks(self, split, n_per_level, *, levels=None, start=0):
        if split not in SPLITS:
            raise BenchmarkError(f"shop has no split {split!r}")
        for level in levels or ():
            if level not in self.levels:
                raise BenchmarkError(f"shop has no level {level}; there are: 1, 2")
        return [
            Task(
                f"shop/{split}/{level}/{i}", "shop", split, "Sell what is asked for.",
                seed=1000 * SPLITS.index(split) + 10 * i + level, difficulty=level,
            )
            for i in range(start, start + n_per_level)
            for level in levels or self.levels
        ]

    def prepare(self, tasks, *, progress=None, workers=1):
        pass

    def open(self, task):
        return Counter(task)

    def gold(self, task):
        return ["sel" if task.difficulty == 1 else "sell"] * 2


class SmallShop(Shop):
    """Two tasks a level."""

    def tasks(self, split, n_per_level, *, levels=None, start=0):
        n = max(0, min(n_per_level, 2 - start))
        return super().tasks(split, n, levels=levels, start=start)


class SlowCounter(Counter):
    def step(self, action):
        time.sleep(0.5)
        return super().step(action)


class SlowShop(Shop):
    def open(self, task):
        return SlowCounter(task)


class FullShop(Shop):
    def prepare(self, tasks, *, progress=None, workers=1):
        raise OSError(errno.ENOSPC, "No space left on device")


class BrokenShop(Shop):
    def open(self, task):
        raise RuntimeError("the shop is closed")


class FaultyShop(Shop):
    """The first task of each level breaks."""

    def open(self, task):
        if task.id.endswith("/0"):
            raise RuntimeError("the shop is closed")
        return super().open(task)


shop, slow_shop, broken_shop, full_shop = Shop(), SlowShop(), BrokenShop(), FullShop()
small_shop, faulty_shop = SmallShop(), FaultyShop()
'''


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the benchmark's file, and with AGENTEVO_HOME in `home`."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "shop.py").write_text(SHOP)
    (folder / "torn.py").write_text("shop = (")
    (folder / "bytes.toml").write_bytes(b"\xff\xfe")
    (folder / "odd.toml").write_text("[memry]\nenabled = true\n")
    return folder


@pytest.fixture(scope="session")
def model(place: Path) -> Path:
    """A tiny Llama that has learned to say one of three commands, as a Hugging Face folder."""
    import torch

    from agentevo.backbones.seed.plan import Plan
    from agentevo.backbones.seed.pretrain import new_model
    from agentevo.backbones.seed.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(100, 600)
    torch.manual_seed(0)
    llama: Any = new_model(Plan(n_dim=32, n_layers=1, n_heads=2), tokenizer)
    replies = [
        tokenizer(f"<|assistant|>Action: {command}<|end|>", add_special_tokens=False)["input_ids"]
        for command in ("sell it", "sell", "give it")
    ]
    optimizer = torch.optim.AdamW(llama.parameters(), lr=1e-2)
    rng = random.Random(0)
    for _ in range(300):
        before, reply = rng.choices(range(600), k=rng.choice([20, 100, 200])), rng.choice(replies)
        ids = torch.tensor([before + reply])
        labels = ids.clone()
        labels[:, : len(before) + 1] = -100
        llama(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = place / "model"
    llama.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def environment(place: Path) -> dict[str, str]:
    return os.environ | {
        "AGENTEVO_HOME": str(place / "home"), "PYTHONPATH": str(ROOT), "COLUMNS": "160",
        "OMP_NUM_THREADS": "1", "TERM": "dumb", "NO_COLOR": "1",
    }  # fmt: skip


@pytest.fixture(scope="session")
def cli(place: Path) -> CLI:
    """Runs `python -m agentevo` in the folder with the benchmark's file."""

    def run(*arguments: str) -> Result:
        return subprocess.run(
            [sys.executable, "-m", "agentevo", *arguments], cwd=place, env=environment(place),
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def cli_here(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CLI:
    """Runs the command line in this process: the same, without the cost of a new one."""
    from agentevo.cli import main

    monkeypatch.chdir(place)
    monkeypatch.setenv("AGENTEVO_HOME", str(place / "home"))

    def run(*arguments: str) -> Result:
        monkeypatch.setattr("sys.argv", ["agentevo", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Result(arguments, int(end.value.code or 0), said.out, said.err)

    return run


@pytest.fixture(scope="session")
def start(place: Path) -> Iterator[Start]:
    """Starts `python -m agentevo` and does not wait for it."""
    children = []

    def begin(arguments: Sequence[str]) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", "agentevo", *arguments], cwd=place, env=environment(place),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        children.append(child)
        return child

    yield begin
    for child in children:
        if child.poll() is None:
            child.kill()
            child.communicate()


@pytest.fixture(scope="session")
def boxes(cli: CLI) -> str:
    """The name of a finished run in which the memory was promoted in the first generation."""
    done = cli(
        "evolve", *BOXES, "--recipe", "memory-only", "--name", "boxes", "--generations", "2",
        "--set", "memory.abstain_below=-1", "--set", "memory.withhold_rate=0.5",
        "--set", "evaluation.n_gate_per_level=8", "--set", "evaluation.n_test_per_level=3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return "boxes"
