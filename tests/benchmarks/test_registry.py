import subprocess
import sys
from pathlib import Path

import pytest

from agentevo import benchmarks
from agentevo.benchmarks import BenchmarkError, registry

SHOP = """
from agentevo.benchmarks import load

def shop(max_steps=50):
    return load("textworld-cooking", max_steps=max_steps)

ready = shop(7)
number = 3
def nothing():
    return None
def wants(size):
    return shop(size)
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "my_tasks.py"
    path.write_text(SHOP)
    return str(path)


def test_the_built_in_benchmarks_are_found_without_installation() -> None:
    assert set(registry.BUILT_IN) <= set(benchmarks.names())


def test_importing_benchmarks_imports_no_engine() -> None:
    code = (
        "import sys, agentevo.benchmarks as b; b.names(); b.load('textworld-cooking');"
        "print([m for m in ('textworld', 'jericho', 'numpy', 'torch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_an_unknown_name_says_what_was_meant_and_what_exists() -> None:
    with pytest.raises(BenchmarkError, match=r"did you mean 'textworld-cooking'\?.*coin-collector"):
        benchmarks.load("textworld-coking")


def test_a_benchmark_comes_from_a_file(file: str) -> None:
    benchmark = benchmarks.load(f"{file}:shop", max_steps=9)
    assert benchmark.max_steps(benchmark.tasks("train", 1)[0]) == 9
    ready = benchmarks.load(f"{file}:ready")
    assert ready.max_steps(ready.tasks("train", 1)[0]) == 7


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shopp", "did you mean 'shop'"),
        ("number", "a int, which is no benchmark: it has no description"),
        ("nothing", "a NoneType, which is no benchmark"),
        ("wants", "cannot be made: missing a required argument: 'size'"),
    ],
)
def test_a_file_with_something_else_is_refused(file: str, name: str, message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        benchmarks.load(f"{file}:{name}")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(BenchmarkError, match=r"no file 'nowhere\.py'"):
        benchmarks.load("nowhere.py:shop")


def test_a_file_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_like_this")
    with pytest.raises(BenchmarkError, match=r"bad\.py cannot be imported: ModuleNotFoundError"):
        benchmarks.load(f"{tmp_path}/bad.py:shop")
    with pytest.raises(BenchmarkError, match=r"bad\.py:NAME"):
        benchmarks.load(f"{tmp_path}/bad.py")


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(BenchmarkError, match="max_stepz"):
        benchmarks.load("textworld-cooking", max_stepz=3)
    with pytest.raises(BenchmarkError, match="max_steps is 0"):
        benchmarks.load("textworld-cooking", max_steps=0)
    with pytest.raises(BenchmarkError, match="did you mean 'inventory'"):
        benchmarks.load("textworld-cooking", extras=["inventry"])


def test_options_of_a_ready_benchmark_are_refused(file: str) -> None:
    with pytest.raises(BenchmarkError, match="takes no options"):
        benchmarks.load(f"{file}:ready", max_steps=3)


def test_a_missing_textworld_is_one_line_with_the_extra() -> None:
    code = (
        "import importlib.metadata as m, agentevo.benchmarks as b\n"
        "real = m.version\n"
        "def version(name):\n"
        "    if name == 'textworld':\n"
        "        raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.version = version\n"
        "try:\n"
        "    b.load('textworld-cooking')\n"
        "except b.BenchmarkError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'agentevo[textworld]'" in run.stdout
    assert len(run.stdout.splitlines()) == 1
