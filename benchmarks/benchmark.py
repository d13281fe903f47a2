"""The Benchmark protocol: a named family of tasks, and a way to open the environment of one."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import Environment, Split, Task

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (tasks ready, tasks in all)."""


@runtime_checkable
class Benchmark(Protocol):
    """A family of tasks in three disjoint splits. `checker.check` tests what is said here."""

    @property
    def name(self) -> str:
        """How it is asked for."""

    @property
    def description(self) -> str:
        """One or two sentences for `agentevo benchmarks show`."""

    @property
    def licence(self) -> str:
        """The licences of what it runs and of its data."""

    @property
    def source(self) -> str:
        """Where it comes from: package, paper or address."""

    @property
    def levels(self) -> tuple[int, ...]:
        """The difficulties that `tasks` takes when none are named."""

    @property
    def thread_safe(self) -> bool:
        """Whether episodes of one process may run side by side in threads."""

    def max_steps(self, task: Task) -> int:
        """Return after how many steps an episode is truncated."""

    def fingerprint(self) -> str:
        """Return a short text that changes when the tasks or what an agent sees may change."""

    def tasks(
        self, split: Split, n_per_level: int, *, levels: Sequence[int] | None = None, start: int = 0
    ) -> list[Task]:
        """Return tasks number `start` to `start + n_per_level - 1` of each level.

        Cheap and always the same. Levels alternate, so that any head of the list is balanced.
        A level that has no more tasks gives fewer, or none.

        Raises:
            BenchmarkError: there is no such level (where any is refused).
        """

    def prepare(
        self, tasks: Sequence[Task], *, progress: Progress | None = None, workers: int = 1
    ) -> None:
        """Make and cache what the tasks need, in `workers` processes.

        May be stopped at any point and started again; what was made is kept.
        """

    def open(self, task: Task) -> Environment:
        """Return a fresh environment, preparing the task first if need be."""

    def gold(self, task: Task) -> list[str] | None:
        """Return actions that solve the task, or None where nothing is known.

        Found in an environment of its own: nothing of it reaches the one an agent plays in.
        """


def check_levels(name: str, levels: object) -> tuple[int, ...]:
    """Return levels, each once.

    Raises:
        BenchmarkError: they are not whole numbers.
    """
    some = [one for one in levels if isinstance(one, int)] if isinstance(levels, Sequence) else []
    if not isinstance(levels, Sequence) or len(some) < len(levels):
        raise BenchmarkError(
            f"{name}: levels is {levels!r}: write whole numbers in brackets, such as (1, 2, 3)"
        )
    return tuple(dict.fromkeys(some))


def absent(found: object, protocol: type) -> list[str]:
    """Return the names that a protocol asks for and an object does not have."""
    asked = sorted(name for name in vars(protocol) if not name.startswith("_"))
    return [name for name in asked if not hasattr(found, name)]
