"""Environments of verifiers (Prime Intellect, MIT), run by their own rollout and rubric.

For its classic environments, which most are written for: single turn, tools, several turns.
Version 0.4 has them no more.
"""

from __future__ import annotations

import importlib.metadata
import json
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.harnesses.bank import HostedBank, made_by
from agentevo.benchmarks.harnesses.episode import Ask, Message, Offer, Run, Turn
from agentevo.benchmarks.questions.bank import SHARES, Grade, Row, in_splits, partly_right
from agentevo.benchmarks.task import Split

if TYPE_CHECKING:
    from verifiers.legacy import Environment, Rubric

_MODEL = "agentevo"


def verifiers_environment(environment: str = "", n_steps: int = 10) -> HostedBank:
    """Return the benchmark `verifiers`.

    The score is the rubric's reward, as a part of the sum of its positive weights. Where the
    environment has data for evaluation, that is the test split; else a hash of the question cuts.

    Args:
        environment: the id of one that is installed, or `file.py:NAME` or `package.module:NAME`, a
            function that returns one and needs no argument.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: the package is missing, or what is named is no such environment.
    """
    try:
        version = importlib.metadata.version("verifiers")
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError(
            "verifiers wants a package: pip install 'agentevo[verifiers]'"
        ) from None
    if not environment:
        raise BenchmarkError("verifiers: write verifiers:ENVIRONMENT or verifiers:FILE.py:NAME")
    if threading.current_thread() is not threading.main_thread():
        raise BenchmarkError("verifiers: environments can be loaded in the main thread only")
    name = environment
    if ":" not in name:
        name = f"{name.rpartition('/')[2].replace('-', '_')}:load_environment"
    with _signals_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import verifiers.legacy as verifiers
        except ImportError as error:
            raise BenchmarkError(
                f"verifiers {version} has no classic environments ({error}): "
                "pip install 'agentevo[verifiers]'"
            ) from None
        made, digest = made_by(name, "the environment")
        if not isinstance(made, verifiers.Environment):
            kind = type(made).__name__
            raise BenchmarkError(f"verifiers: {environment} gives a {kind}, not an Environment")
        rows, records = _rows(made)
    if made.requires_group_rollouts:
        raise BenchmarkError(f"verifiers: {environment} scores rollouts in groups only")
    most = _most(made.rubric)
    if most <= 0:
        raise BenchmarkError(f"verifiers: the rubric of {environment} rewards nothing")
    title = environment.rpartition(":")[2] if ":" in environment else environment
    return HostedBank(
        f"verifiers-{title.replace('/', '-')}",
        rows,
        lambda row: _run(made, records[row.id], most),
        about=(f"The verifiers environment {title}.", "that of the environment", environment),
        version=f"{version}-{digest}",
        answers=lambda row: [str(records[row.id].get("answer") or "")],
        n_steps=n_steps,
    )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Undo what an environment does when it is made: it takes Ctrl-C and SIGTERM for itself."""
    kept = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)


def _rows(environment: Environment) -> tuple[dict[Split, list[Row]], dict[str, dict[str, Any]]]:
    """Return the rows in splits, and the records behind them by the row's id."""
    records: dict[str, dict[str, Any]] = {}
    found: dict[str, list[Row]] = {}
    parts = {"": environment.build_dataset(), "eval": environment.build_eval_dataset()}
    for part, data in parts.items():
        found[part] = []
        for number, record in enumerate(data or ()):
            name = f"{part}{number}"
            records[name] = dict(record)
            found[part].append(Row(name, _question(record["prompt"])))
    if not found["eval"] or not found[""]:
        return in_splits([*found[""], *found["eval"]]), records
    test = in_splits(found["eval"], (0.0, 0.0))["test"]
    asked = {row.question for row in test}
    rest = [row for row in found[""] if row.question not in asked]
    share = SHARES[0] / sum(SHARES)
    return in_splits(rest, (share, 1.0 - share)) | {"test": test}, records


def _question(prompt: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    return next((_text(one) for one in reversed(prompt) if one["role"] == "user"), "")


def _text(message: Any) -> str:
    content = message["content"] or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in content if part["type"] == "text")


def _most(rubric: Rubric) -> float:
    """Return the highest reward that a rubric can give, if each of its parts gives 1 at most."""
    parts = getattr(rubric, "rubrics", None)
    if parts is not None:
        return sum(map(_most, parts))
    return float(sum(weight for weight in rubric.weights if weight > 0))


def _run(environment: Environment, record: dict[str, Any], most: float) -> Run:
    """Return what runs one record: the rollout, then the rubric."""

    async def run(ask: Ask) -> Grade:
        state = await environment.rollout(record, _client()(ask), _MODEL, {})
        if state["error"] is not None:
            raise state["error"]
        await environment.rubric.score_rollout(state)
        await environment.rubric.cleanup(state)
        return partly_right(state["reward"] / most)

    return run


@cache
def _client() -> Any:
    """Return the class of clients that ask the agent."""
    from verifiers.legacy.clients import Client
    from verifiers.legacy.types import Response, ResponseMessage, ToolCall

    class Agent(Client[Any, Any, Any, Any]):  # type: ignore[misc]  # untyped
        def __init__(self, ask: Ask) -> None:
            super().__init__(ask)

        async def get_response(
            self, prompt: Any, model: str, sampling_args: Any, tools: Any = None, **_: object
        ) -> Response:
            offers = [Offer(one.name, one.description, one.parameters) for one in tools or ()]
            said = await self.client(Turn(_messages(prompt), offers))
            calls = None
            if said.tool:
                arguments = json.dumps(said.arguments)
                calls = [ToolCall(id=f"call_{len(prompt)}", name=said.tool, arguments=arguments)]
            message = ResponseMessage(
                content=said.text, tool_calls=calls, is_truncated=False,
                finish_reason="tool_calls" if calls else "stop",
            )  # fmt: skip
            return Response(id="agentevo", created=int(time.time()), model=model, message=message)

        async def _never(self, *_: object, **__: object) -> None:
            raise AssertionError("get_response is all that a rollout asks")

        setup_client = to_native_tool = to_native_prompt = get_native_response = _never
        raise_from_native_response = from_native_response = _never

        async def close(self) -> None:
            """Hold nothing."""

    return Agent


def _messages(prompt: Sequence[Any]) -> list[Message]:
    return [Message(str(one["role"]), _text(one)) for one in prompt]
