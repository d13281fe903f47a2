"""What a run's results depend on: where it changed, the refusal says what."""

from pathlib import Path

import pytest

from agentevo.config import RunConfig, make
from agentevo.fingerprint import changes, noted_of
from agentevo.folders import RunError
from agentevo.run import Run

SHOP = """
from pathlib import Path

class Shop:
    name = description = licence = source = "shop"
    levels = (1,)
    thread_safe = True
    def max_steps(self, task): return 5
    def fingerprint(self): return Path(__file__).with_name("data.txt").read_text()
    def tasks(self, split, n_per_level, *, levels=None, start=0): return []
    def prepare(self, tasks, *, progress=None, workers=1): pass
    def open(self, task): raise RuntimeError("closed")
    def gold(self, task): return None

shop = Shop()
"""


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "data.txt").write_text("shop-1")
    return make({"benchmark": f"{tmp_path}/shop.py:shop"})


def test_a_run_whose_benchmark_changed_says_so(config: RunConfig, tmp_path: Path) -> None:
    Run.start(tmp_path / "run", config).close()
    Run.open(tmp_path / "run", write=True).close()
    (tmp_path / "data.txt").write_text("shop-2")
    words = r"\(the fingerprint of the benchmark was shop-1 and is shop-2\): what it would do"
    with pytest.raises(RunError, match=words):
        Run.open(tmp_path / "run", write=True)
    Run.open(tmp_path / "run", write=True, to_play=False).close()


def test_what_changed_is_named(config: RunConfig) -> None:
    settings, noted = config.model_dump(mode="json"), noted_of(config)
    then = {**settings, "seed": 7, "gone": True}
    assert changes(then, noted, config) == (
        "the setting gone was true and is not there; the setting seed was 7 and is 0"
    )
    assert changes(settings, {**noted, "agentevo": "0.0.1"}, config).startswith(
        "the version of agentevo was 0.0.1 and is "
    )
    assert noted_of(config)["weights"]
    told = changes(settings, {**noted, "weights": "abc"}, config)
    assert told.startswith("the hash of the weights was abc and is ")


def test_where_little_was_noted_it_is_said_what_it_may_be(config: RunConfig) -> None:
    noted = {"fingerprint": "shop-1"}
    assert changes(config.model_dump(mode="json"), noted, config) == (
        "another version of agentevo, or other weights of the backbone"
    )
