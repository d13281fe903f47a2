"""Tests any benchmark against what its protocol promises, without a model.

What it finds is data: `agentevo benchmarks check` prints it, the tests assert it.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from agentevo.benchmarks.benchmark import Benchmark, absent
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.task import SPLITS, Environment, Observation, Task, check_score

_IDLE = "look"
_N_COMPARED = 50
_RESETS_DIFFER = "reset gave different first observations"


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    subject: str
    """The task's id, or the benchmark's name."""
    ok: bool
    message: str
    """What was seen."""
    judged: bool = True
    """Whether there was something to be judged by; where not, `message` says what was missing."""


class _Unjudged(Exception):
    """There is nothing to judge a check by."""


def check(
    benchmark: Benchmark, n_per_level: int = 1, *, levels: Sequence[int] | None = None
) -> list[Finding]:
    """Return one finding per check, first of the benchmark, then of sample tasks.

    The tasks are the first `n_per_level` of each level, the splits taken in turn, and each split
    at least once. A check that raises is a finding too: a plugin's fault must not hide the others'.
    """
    rules = _OF_BENCHMARKS | {
        "every level has tasks": partial(_has_tasks, levels=levels),
        "tasks can be prepared": partial(_prepares, n_per_level=n_per_level, levels=levels),
    }
    findings = [
        _finding(name, benchmark.name, partial(rule, benchmark)) for name, rule in rules.items()
    ]
    try:
        tasks = _sample(benchmark, n_per_level, levels)
    except Exception:  # found above
        tasks = []
    for task in tasks:
        findings += [
            _finding(name, task.id, partial(rule, benchmark, task))
            for name, rule in _OF_TASKS.items()
        ]
    return findings


def _sample(benchmark: Benchmark, n_per_level: int, levels: Sequence[int] | None) -> list[Task]:
    found = [benchmark.tasks(split, n_per_level, levels=levels) for split in SPLITS]
    by_split = [rows for rows in found if rows]
    if not by_split:
        return []
    places = (by_split[i % len(by_split)][i:] for i in range(max(map(len, by_split))))
    chosen = [rest[0] for rest in places if rest]
    there = {task.split for task in chosen}
    return [*chosen, *(rows[0] for rows in by_split if rows[0].split not in there)]


def _finding(name: str, subject: str, rule: Callable[[], str | None]) -> Finding:
    try:
        fault = rule()
    except _Unjudged as why:
        return Finding(name, subject, ok=True, message=f"not judged: {why}", judged=False)
    except Exception as error:  # a benchmark may be anybody's code
        known = isinstance(error, BenchmarkError)  # its message says it all
        fault = str(error) if known else f"{type(error).__name__}: {error}"
    return Finding(name, subject, ok=fault is None, message=fault or "as promised")


def _describes_itself(benchmark: Benchmark) -> str | None:
    fields = ("name", "description", "licence", "source", "levels")
    empty = [name for name in fields if not getattr(benchmark, name)]
    return f"says nothing of: {', '.join(empty)}" if empty else None


def _has_stable_fingerprint(benchmark: Benchmark) -> str | None:
    first, second = benchmark.fingerprint(), benchmark.fingerprint()
    return None if first and first == second else f"{first!r}, then {second!r}"


def _has_stable_tasks(benchmark: Benchmark) -> str | None:
    for split in SPLITS:
        three = benchmark.tasks(split, 3)
        if three != benchmark.tasks(split, 3):
            return f"{split}: the same request gave other tasks"
        pieces = benchmark.tasks(split, 1) + benchmark.tasks(split, 2, start=1)
        if {task.id for task in three} != {task.id for task in pieces}:
            return f"{split}: n_per_level and start do not cut one and the same sequence"
        if any(task.split != split or task.benchmark != benchmark.name for task in three):
            return f"{split}: a task names another split or benchmark"
    return None


def _keeps_splits_apart(benchmark: Benchmark) -> str | None:
    seen: dict[object, str] = {}
    for split in SPLITS:
        for task in benchmark.tasks(split, _N_COMPARED):
            for key in (task.id, (task.instruction, task.seed, task.difficulty, repr(task.data))):
                if key in seen:
                    return f"{task.id} is the same as {seen[key]}"
                seen[key] = task.id
    return None


def _has_tasks(benchmark: Benchmark, *, levels: Sequence[int] | None) -> str | None:
    wanted = set(benchmark.levels if levels is None else levels)
    for split in SPLITS:
        there = {task.difficulty for task in benchmark.tasks(split, 1, levels=levels)}
        if missing := wanted - there:
            return f"{split}: no task of level {', '.join(map(str, sorted(missing)))}"
        if foreign := there - wanted:
            return f"{split}: tasks of level {', '.join(map(str, sorted(foreign)))}, not asked for"
    return None


def _prepares(
    benchmark: Benchmark, *, n_per_level: int, levels: Sequence[int] | None
) -> str | None:
    tasks = _sample(benchmark, n_per_level, levels)
    benchmark.prepare(tasks)
    benchmark.prepare(tasks)
    return None


def _is_an_environment(benchmark: Benchmark, task: Task) -> str | None:
    from langchain_core.tools import BaseTool

    with closing(benchmark.open(task)) as environment:
        if missing := absent(environment, Environment):
            return f"the environment has no {', '.join(missing)}"
        if any(not isinstance(tool, BaseTool) for tool in environment.tools):
            return "a tool of the environment is no langchain_core.tools.BaseTool"
        observation = environment.reset()
        for _ in range(benchmark.max_steps(task)):
            if not isinstance(observation.text, str):
                return f"an observation's text is {observation.text!r}"
            if observation.done:
                break
            observation = environment.step(_IDLE)
        try:
            environment.step(_IDLE)
        except RuntimeError:
            environment.close()  # and once more at the end: harmless
            return None
    return "a step after the end of the episode raises no RuntimeError"


def _is_won_by_gold(benchmark: Benchmark, task: Task) -> str | None:
    gold = _gold_of(benchmark, task)
    if len(gold) > benchmark.max_steps(task):
        return f"gold takes {len(gold)} steps, {benchmark.max_steps(task)} are allowed"
    last = list(_play(benchmark, task, gold))[-1]
    check_score(last, "gold")
    if not (last.success and last.terminated and last.score == 1.0):
        return f"gold ends with score {last.score}, success {last.success}: {last.text[-100:]!r}"
    return None


def _is_not_won_by_idling(benchmark: Benchmark, task: Task) -> str | None:
    seen = list(_play(benchmark, task, [_IDLE] * benchmark.max_steps(task)))
    check_score(seen[-1], "idling")
    if seen[-1].success or seen[-1].score >= 1.0:
        return f"{_IDLE!r} alone reaches score {seen[-1].score}"
    return None if seen[-1].done else "the episode goes on after max_steps"


def _resets_alike(benchmark: Benchmark, task: Task) -> str | None:
    with closing(benchmark.open(task)) as one, closing(benchmark.open(task)) as other:
        seen = [one.reset()]
        for _ in range(2):
            one.step(_IDLE)
            seen += [one.reset(), other.reset()]
    return None if all(first == seen[0] for first in seen) else _RESETS_DIFFER


def _plays_side_by_side(benchmark: Benchmark, task: Task) -> str | None:
    actions = benchmark.gold(task) or [_IDLE] * 3
    alone, again = (list(_play(benchmark, task, actions)) for _ in range(2))
    if alone[0] != again[0]:
        if _resets_alike(benchmark, task):
            raise _Unjudged("reset itself is not deterministic, so that no two episodes are alike")
        return _RESETS_DIFFER
    if alone != again:
        return "the same actions gave another episode with nothing beside it: step draws by chance"
    beside = []
    with closing(benchmark.open(task)) as idler:
        idler.reset()
        for observation in _play(benchmark, task, actions):
            beside.append(observation)
            if idler.step(_IDLE).done:
                idler.reset()
    if alone != beside:
        return "another episode of the same task changed this one"
    if benchmark.thread_safe:
        with ThreadPoolExecutor(4) as threads:
            runs = threads.map(lambda _: list(_play(benchmark, task, actions)), range(4))
            if any(run != alone for run in runs):
                return "says it is thread-safe, but episodes in threads differ"
    return None


def _hides_gold(benchmark: Benchmark, task: Task) -> str | None:
    gold = _gold_of(benchmark, task)
    if len(gold) < 2:
        raise _Unjudged("gold is a single action, which may well be read")
    with closing(benchmark.open(task)) as environment:
        first = environment.reset()
    others = [one for one in benchmark.tasks(task.split, 2) if one.id != task.id]
    common = others and all(one.instruction == task.instruction for one in others)
    told = "" if common else task.instruction  # what every task is told betrays none
    shown = " ".join([told, first.text, repr(task.data), repr(first.info)])
    if all(action in shown for action in gold):
        return "every gold action can be read before the first step"
    return None


def _states_right_bounds(benchmark: Benchmark, task: Task) -> str | None:
    actions = benchmark.gold(task) or [_IDLE] * 3
    seen = list(_play(benchmark, task, actions))
    promised = task.data.get("max_points")
    if promised is not None and any(o.info.get("max_points") != promised for o in seen):
        return f"the task promises {promised} points at most, the game {seen[0].info}"
    for one in seen:
        check_score(one, "the environment")
    if abs(sum(o.reward for o in seen) - seen[-1].score) > 1e-9:
        return "the rewards do not add up to the score"
    return None


def _gold_of(benchmark: Benchmark, task: Task) -> list[str]:
    gold = benchmark.gold(task)
    if gold is None:
        raise _Unjudged("no gold is known of it")
    return gold


def _play(benchmark: Benchmark, task: Task, actions: Sequence[str]) -> Iterator[Observation]:
    """Yield the first observation and one per action, until the episode ends."""
    with closing(benchmark.open(task)) as environment:
        observation = environment.reset()
        yield observation
        for action in actions:
            if observation.done:
                return
            observation = environment.step(action)
            yield observation


_OF_BENCHMARKS: dict[str, Callable[[Benchmark], str | None]] = {
    "describes itself": _describes_itself,
    "fingerprint is stable": _has_stable_fingerprint,
    "tasks are stable": _has_stable_tasks,
    "splits are disjoint": _keeps_splits_apart,
}
_OF_TASKS: dict[str, Callable[[Benchmark, Task], str | None]] = {
    "environment is whole": _is_an_environment,
    "gold wins": _is_won_by_gold,
    "idling does not win": _is_not_won_by_idling,
    "reset is deterministic": _resets_alike,
    "episodes do not touch": _plays_side_by_side,
    "gold stays hidden": _hides_gold,
    "scores are in bounds": _states_right_bounds,
}
