import pytest

from agentevo import benchmarks
from agentevo.benchmarks import SPLITS, Benchmark, BenchmarkError

MAX_POINTS = {1: 3, 2: 4, 3: 4, 4: 3, 5: 3, 6: 3, 7: 5, 8: 5, 9: 11, 10: 11}


@pytest.fixture
def benchmark() -> Benchmark:
    return benchmarks.load("textworld-cooking")


def test_tasks_alternate_their_levels(benchmark: Benchmark) -> None:
    tasks = benchmark.tasks("test", 2, levels=(3, 1))
    assert [task.id for task in tasks] == [
        f"textworld-cooking/test/{level}/{index}" for index in (0, 1) for level in (3, 1)
    ]


def test_no_seed_is_used_twice(benchmark: Benchmark) -> None:
    seeds = [task.seed for split in SPLITS for task in benchmark.tasks(split, 300)]
    assert len(set(seeds)) == len(seeds)


def test_tasks_promise_the_points_of_the_table(benchmark: Benchmark) -> None:
    tasks = benchmark.tasks("train", 1)
    assert {task.difficulty: task.data["max_points"] for task in tasks} == MAX_POINTS


def test_an_unknown_split_is_named(benchmark: Benchmark) -> None:
    with pytest.raises(BenchmarkError, match=r"no split 'valid'; did you mean 'validation'\?"):
        benchmark.tasks("valid", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0, 11, -1])
def test_an_unknown_level_is_named(benchmark: Benchmark, level: int) -> None:
    with pytest.raises(BenchmarkError, match=f"no level {level}; there are: 1-10"):
        benchmark.tasks("train", 1, levels=[level])


def test_numbers_out_of_range_are_refused(benchmark: Benchmark) -> None:
    with pytest.raises(BenchmarkError, match="must not be negative"):
        benchmark.tasks("train", -1)
    with pytest.raises(BenchmarkError, match="100000 is not in"):
        benchmark.tasks("train", 1, start=100_000)


def test_the_task_of_another_benchmark_is_refused(benchmark: Benchmark) -> None:
    coin = benchmarks.load("textworld-coin-collector").tasks("train", 1)[0]
    with pytest.raises(BenchmarkError, match="is a task of textworld-coin-collector"):
        benchmark.open(coin)


def test_the_fingerprint_follows_the_settings(benchmark: Benchmark) -> None:
    same = benchmarks.load("textworld-cooking")
    other = benchmarks.load("textworld-cooking", max_steps=30)
    assert benchmark.fingerprint() == same.fingerprint() != other.fingerprint()
