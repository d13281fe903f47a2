"""The simulated systems of one conversation, and how a function of theirs is called.

Nothing that a model wrote is ever evaluated: a function is found by its documented name, and
gets its arguments as they were parsed from JSON.
"""

from __future__ import annotations

import copy
import decimal
import inspect
import json
import threading
from collections.abc import Callable, Sequence

from agentevo.benchmarks.bfcl.package import Call, Entry, functions, system

# The package's vehicle shares a table, and mpmath its precision, over the whole process.
_calling = threading.Lock()

# A call cannot be stopped; with greater numbers these arguments would keep it busy for hours.
_LARGEST = {"precision": 1_000, "exponent": 1_000, "decimal_places": 1_000, "base": 10**30}


class Systems:
    """One set of systems, in a state of their own."""

    def __init__(self, entry: Entry) -> None:
        """Bring the systems into the state in which the conversation begins."""
        from bfcl_eval.constants.executable_backend_config import STATELESS_CLASSES

        self.instances: dict[str, object] = {}
        self._methods: dict[str, Callable[..., object]] = {}
        for name in entry.classes:
            made = system(name)()
            if name not in STATELESS_CLASSES:
                state = copy.deepcopy(entry.config.get(name, {}))
                made._load_scenario(state, long_context=entry.category == "long_context")
            # The package puts dictionaries of its modules into the state; a copy cuts that tie.
            instance = copy.deepcopy(made)
            self.instances[name] = instance
            for function in functions(name):
                self._methods[function.name] = getattr(instance, function.name)

    def call(self, call: Call) -> str:
        """Call a function and return what it says, errors included, as the package words it."""
        try:
            # Through text: only JSON passes, and nothing is shared with the caller.
            arguments = json.loads(json.dumps(call.arguments, allow_nan=False))
            for name, value in arguments.items():
                _refuse_endless(name, value)
            method = self._methods[call.name]
            with _calling, decimal.localcontext():
                return _as_text(method(**{**_defaults(method), **arguments}))
        except Exception as error:  # whatever a function raises is for the agent to read
            return f"Error during execution: {error}"


def passes(
    model: Systems,
    truth: Systems,
    expected: Sequence[Call],
    *,
    results: Sequence[str],
    n_before: int,
) -> bool:
    """Play the solution of a turn, and say whether the package's checker lets the turn pass.

    Args:
        model: the systems that the agent used.
        truth: the systems in which only solutions are played.
        expected: the solution of the turn; not empty.
        results: of all calls that the agent made so far.
        n_before: how many of them it made before this turn.
    """
    from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_checker as checker

    wanted = [truth.call(call) for call in expected]
    if len(results) == n_before:
        return False
    state = checker.state_checker(model.instances, truth.instances)
    response = checker.response_checker(list(results), wanted, 0)  # 0 stands in its message only
    return bool(state["valid"] and response["valid"])


def _refuse_endless(name: str, value: object) -> None:
    largest = _LARGEST.get(name)
    if largest is not None and isinstance(value, int | float) and abs(value) > largest:
        raise ValueError(f"{name} must lie between {-largest} and {largest}")


def _defaults(method: Callable[..., object]) -> dict[str, object]:
    """Return copies of a function's defaults: some of the package's lists change when used."""
    known = inspect.signature(method).parameters.values()
    return {one.name: copy.copy(one.default) for one in known if one.default is not one.empty}


def _as_text(result: object) -> str:
    """Return a result as the package shows it to a model, and as its checker compares it."""
    if isinstance(result, dict):
        try:
            return json.dumps(result)
        except (TypeError, ValueError):
            return str(result)
    return str(result)
