"""Real games, made once per test session in a cache of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentevo import benchmarks
from agentevo.benchmarks import Benchmark

WARNING = "ignore:Game '.*' is not fully supported"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # jericho warns of every game that is not one of its own; TextWorld ignores that at import,
    # which does not outlive the test that imports it first.
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.filterwarnings(WARNING))


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTEVO_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def cooking(home: Path) -> Benchmark:
    """The default benchmark, with the first training game of every level in the cache."""
    benchmark = benchmarks.load("textworld-cooking")
    benchmark.prepare(benchmark.tasks("train", 1), workers=2)
    return benchmark
