"""Finds benchmarks by name or by `path/to/file.py:name`; ours and anybody's by the same door.

A name leads, through the entry point group `agentevo.benchmarks`, to a Benchmark or to a
function that returns one and takes its options as keywords. After a colon come its first option,
or several as `key=value,key=value`. Nothing is imported before `load`.
"""

import difflib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from agentevo.benchmarks.benchmark import Benchmark, absent, check_levels
from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.own import Own, is_environment
from agentevo.benchmarks.task import JSON

GROUP = "agentevo.benchmarks"

_HERE = "agentevo.benchmarks"

# pyproject.toml declares the same; here they are also found in a bare checkout.
BUILT_IN = {
    "alfworld": f"{_HERE}.alfworld.benchmark:alfworld",
    "alfworld-gen": f"{_HERE}.alfworld.benchmark:alfworld_gen",
    "babyai": f"{_HERE}.babyai.benchmark:babyai",
    "bfcl-multi-turn": f"{_HERE}.bfcl.benchmark:multi_turn",
    "gsm8k": f"{_HERE}.questions.gsm8k:gsm8k",
    "hotpotqa": f"{_HERE}.questions.hotpotqa:hotpotqa",
    "humaneval": f"{_HERE}.questions.code:humaneval",
    "inspect": f"{_HERE}.harnesses.inspect_ai:inspect_task",
    "jsonl": f"{_HERE}.questions.jsonl:jsonl",
    "mbpp": f"{_HERE}.questions.code:mbpp",
    "miniwob": f"{_HERE}.miniwob.benchmark:MiniWoB",
    "reasoning-gym": f"{_HERE}.questions.reasoning:reasoning_gym",
    "scienceworld": f"{_HERE}.scienceworld.benchmark:ScienceWorld",
    "tau2": f"{_HERE}.tau2.benchmark:tau2",
    "textworld-coin-collector": f"{_HERE}.textworld.benchmark:coin_collector",
    "textworld-cooking": f"{_HERE}.textworld.benchmark:cooking",
    "textworld-treasure-hunter": f"{_HERE}.textworld.benchmark:treasure_hunter",
    "verifiers": f"{_HERE}.harnesses.verifiers:verifiers_environment",
}


def names() -> tuple[str, ...]:
    """Return every known name, sorted."""
    return tuple(sorted(_entry_points()))


def load(name: str, **options: JSON) -> Benchmark:
    """Return the benchmark of that name.

    Args:
        name: A registered name, such as `gsm8k:FOLDER` or `textworld-cooking:max_steps=80` with
            options, or `path/to/file.py:name`.
        **options: Passed to the function behind the name; e.g. `max_steps=100`.

    Raises:
        BenchmarkError: The name, the file or an option is unknown, a package is missing, or
            what was found is no benchmark.
    """
    known = _entry_points()
    kind, _, rest = name.partition(":")
    if kind not in known and ".py:" in name:
        found = from_file(name)
    else:
        if name.endswith(".py"):
            raise BenchmarkError(f"{name} is a file: write {name}:NAME, a name that it defines")
        if kind not in known:
            raise BenchmarkError(f"unknown benchmark {kind!r}{_suggest(kind, known)}")
        found = _from_entry_point(known[kind])
        options = _options(kind, found, rest) | options
    return _build(name, found, options)


def _options(kind: str, found: object, rest: str) -> dict[str, JSON]:
    """Return what stands after a benchmark's name as its options."""
    if not rest:
        return {}
    if not callable(found):
        raise BenchmarkError(f"benchmark {kind!r} takes no options, got {rest!r}")
    names = list(inspect.signature(found).parameters)
    parts = rest.split(",")
    if not all(part.partition("=")[0] in names for part in parts):
        if not names or re.match(r"\w+=", rest):
            known = ", ".join(names) or "none"
            raise BenchmarkError(f"benchmark {kind!r} has no option {rest!r} (known: {known})")
        return {names[0]: rest}
    made: dict[str, JSON] = {}
    for part in parts:
        key, _, value = part.partition("=")
        try:
            made[key] = json.loads(value)
        except ValueError:
            made[key] = value
    return made


def _entry_points() -> dict[str, EntryPoint]:
    """Return the entry points by name, the built-ins among them."""
    known = {name: EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()}
    for point in entry_points(group=GROUP):
        ours = known.get(point.name)
        if ours is not None and ours.value != point.value:
            raise BenchmarkError(
                f"two packages declare the benchmark {point.name!r}: {ours.value} and {point.value}"
            )
        known[point.name] = point
    return known


def _from_entry_point(point: EntryPoint) -> object:
    try:
        found: object = point.load()
    except (ImportError, AttributeError) as error:
        raise BenchmarkError(f"benchmark {point.name!r} cannot be loaded: {error}") from error
    return found


def from_file(name: str, what: str = "the benchmark") -> object:
    """Return what a file defines, by `path/to/file.py:name`.

    Args:
        name: the file and the name.
        what: it is wanted for, for the message.

    Raises:
        BenchmarkError: there is no such file or name, or it cannot be imported.
    """
    text, _, attribute = name.rpartition(":")
    path = Path(text).expanduser().resolve()
    if not path.is_file():
        raise BenchmarkError(f"no file {text!r} for {what} {name!r}")
    module = _import_file(path)
    if not hasattr(module, attribute):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise BenchmarkError(f"{text} has no {attribute!r}{_suggest(attribute, public)}")
    return getattr(module, attribute)


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, once per process."""
    key = f"agentevo_benchmark_{sha256(str(path).encode()).hexdigest()[:12]}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module  # dataclasses and pickle look their own module up
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[key]
        if not isinstance(error, Exception):
            raise
        why = f"{type(error).__name__}: {error}"
        raise BenchmarkError(f"{path} cannot be imported: {why}") from error
    return module


def _build(name: str, found: object, options: dict[str, JSON]) -> Benchmark:
    built = _built(name, found, options)
    check_levels(name, built.levels)
    return built


def _built(name: str, found: object, options: dict[str, JSON]) -> Benchmark:
    if isinstance(found, Benchmark) and not isinstance(found, type):
        if options:
            raise BenchmarkError(f"benchmark {name!r} takes no options, got {', '.join(options)}")
        return found
    if is_environment(found) and not isinstance(found, Benchmark):
        assert isinstance(found, type)
        return Own(found)
    if not callable(found):
        raise BenchmarkError(_no_benchmark(name, found))
    try:
        inspect.signature(found).bind(**options)
    except TypeError as error:
        raise BenchmarkError(f"benchmark {name!r} cannot be made: {error}") from error
    built: object = found(**options)
    if not isinstance(built, Benchmark):
        raise BenchmarkError(_no_benchmark(name, built))
    return built


def _no_benchmark(name: str, found: object) -> str:
    lacks = ", ".join(absent(found, Benchmark))
    return f"{name!r} gives a {type(found).__name__}, which is no benchmark: it has no {lacks}"


def _suggest(name: str, known: Iterable[str]) -> str:
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint} (known: {', '.join(choices) or 'none'})"
