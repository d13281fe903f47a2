"""Tasks of inspect_ai (UK AI Security Institute, MIT), run by their own solver and scorer.

What asks a model in them asks the agent: `generate`, multiple choice, critique, and the agents
`basic_agent` and `react`. Their tools run in this process; a task that wants a sandbox of
inspect_ai's, or another model to grade, is refused.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.harnesses.bank import HostedBank, made_by
from agentevo.benchmarks.harnesses.episode import Ask, Message, Offer, Run, Turn
from agentevo.benchmarks.questions.bank import Grade, Row, in_splits, partly_right

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import Model
    from inspect_ai.solver import TaskState

_MODEL = "agentevo/agent"
_N_AT_ONCE = 1000  # inspect_ai would let ten episodes wait for their agent


def inspect_task(task: str = "", n_steps: int = 10) -> HostedBank:
    """Return the benchmark `inspect`.

    Args:
        task: `file.py:NAME` or `package.module:NAME`, a function that returns an inspect_ai Task
            and needs no argument.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: the package is missing, or the task is none that can be run here.
    """
    try:
        version = importlib.metadata.version("inspect_ai")
    except importlib.metadata.PackageNotFoundError:
        raise BenchmarkError("inspect wants a package: pip install 'agentevo[inspect]'") from None
    if not task:
        raise BenchmarkError("inspect: write inspect:FILE.py:NAME or inspect:PACKAGE.MODULE:NAME")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic's, of old ways in inspect_ai
        import inspect_ai

        made, digest = made_by(task, "the task")
    if not isinstance(made, inspect_ai.Task):
        raise BenchmarkError(f"inspect: {task} gives a {type(made).__name__}, not an inspect Task")
    samples = {str(n): one.model_copy(update={"id": n}) for n, one in enumerate(made.dataset)}
    if made.sandbox or any(one.sandbox or one.files for one in samples.values()):
        raise BenchmarkError(f"inspect: {task} wants a sandbox of inspect_ai's, which is not there")
    if not made.scorer:
        raise BenchmarkError(f"inspect: {task} has no scorer")
    name = task.rpartition(":")[2]
    return HostedBank(
        f"inspect-{name}",
        in_splits([Row(number, _question(one)) for number, one in samples.items()]),
        lambda row: _run(made, samples[row.id]),
        about=(f"The inspect_ai task {name}.", "that of the task", task),
        version=f"{version}-{digest}",
        answers=lambda row: _answers(samples[row.id]),
        n_steps=n_steps,
    )


def _question(sample: Sample) -> str:
    if isinstance(sample.input, str):
        return sample.input
    return next((one.text for one in reversed(sample.input) if one.role == "user"), "")


def _answers(sample: Sample) -> Sequence[str]:
    """Return the target as it stands, and in the form that multiple choice asks for."""
    targets = [sample.target] if isinstance(sample.target, str) else sample.target
    return [*targets, f"ANSWER: {', '.join(targets)}"]


def _run(task: Task, sample: Sample) -> Run:
    """Return what runs one sample: setup, solver, scorers."""

    async def run(ask: Ask) -> Grade:
        from inspect_ai.log._samples import active_sample
        from inspect_ai.log._transcript import Transcript, init_transcript
        from inspect_ai.model import ChatMessageUser, ModelName
        from inspect_ai.model._model import init_active_model, init_sample_model_data
        from inspect_ai.scorer import Target
        from inspect_ai.solver import TaskState
        from inspect_ai.solver._task_state import set_sample_state
        from inspect_ai.util import LimitExceededError
        from inspect_ai.util._store import init_subtask_store

        model = _model(ask)
        messages = (
            [ChatMessageUser(content=sample.input)]
            if isinstance(sample.input, str)
            else [one.model_copy(deep=True) for one in sample.input]
        )
        state = TaskState(
            ModelName(_MODEL), sample.id, 1, sample.input, messages, Target(sample.target),
            sample.choices, metadata=dict(sample.metadata or {}),
            message_limit=task.message_limit,
        )  # fmt: skip
        init_active_model(model, task.config)
        init_sample_model_data()
        init_subtask_store(state.store)
        set_sample_state(state)

        async def generate(
            state: TaskState, tool_calls: Literal["loop", "single", "none"] = "loop", **_: object
        ) -> TaskState:
            return await _generated(model, state, tool_calls)

        transcript = Transcript()
        init_transcript(transcript)
        async with active_sample(
            task=task.name, log_location="", model=_MODEL, sample=sample, epoch=1,
            message_limit=task.message_limit, token_limit=None, cost_limit=None, time_limit=None,
            working_limit=None, fails_on_error=False, transcript=transcript, eval_id="agentevo",
            sample_uuid=state.uuid,
        ):  # fmt: skip
            for solver in (task.setup, task.solver):
                if solver is not None:
                    with suppress(LimitExceededError):  # what was said up to there is scored
                        state = await solver(state, generate)
            model.api.is_scoring = True
            return await _graded(task, state)

    return run


async def _generated(
    model: Model, state: TaskState, tool_calls: Literal["loop", "single", "none"]
) -> TaskState:
    """Ask until no tool is called any more; inspect_ai's own loop is not public."""
    from inspect_ai.model import execute_tools

    while True:
        state.output = await model.generate(
            state.messages, tools=state.tools, tool_choice=state.tool_choice
        )
        state.messages.append(state.output.message)
        if state.completed or tool_calls == "none" or not state.output.message.tool_calls:
            return state
        done = await execute_tools(state.messages, state.tools)
        state.messages.extend(done.messages)
        if done.output is not None:
            state.output = done.output
        if state.completed or tool_calls == "single":
            return state


async def _graded(task: Task, state: TaskState) -> Grade:
    """Return the mean of the scorers; a score of several values counts by their mean."""
    from inspect_ai.scorer import value_to_float

    as_number, found = value_to_float(), list[float]()
    for scorer in task.scorer or ():
        score = await scorer(state, state.target)
        if score is None:
            continue
        value: Any = score.value
        values = list(value.values()) if isinstance(value, dict) else value
        values = list(values) if isinstance(values, list | tuple) else [values]
        found.append(sum(map(as_number, values)) / len(values))
    if not found:
        raise BenchmarkError("no scorer of the task gave a score")
    return partly_right(sum(found) / len(found))


def _model(ask: Ask) -> Any:
    """Return the agent as a model of inspect_ai's."""
    from inspect_ai.model import GenerateConfig, Model

    return Model(_provider()(_MODEL, ask), GenerateConfig(max_connections=_N_AT_ONCE))


@cache
def _provider() -> Any:
    """Return the class of such models, which inspect_ai wants to be registered."""
    from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, modelapi

    class Agent(ModelAPI):  # type: ignore[misc]  # untyped
        def __init__(self, model_name: str, ask: Ask) -> None:
            super().__init__(model_name)
            self._ask = ask
            self.is_scoring = False

        async def generate(
            self, input: Any, tools: Any, tool_choice: Any, config: GenerateConfig
        ) -> ModelOutput:
            if self.is_scoring:
                raise BenchmarkError("the task's scorer asks a model, and there is none to grade")
            messages = [Message(one.role, one.text) for one in input]
            offers = [
                Offer(one.name, one.description, one.parameters.model_dump(exclude_none=True))
                for one in tools
            ]
            said = await self._ask(Turn(messages, offers))
            if said.tool:
                return ModelOutput.for_tool_call(_MODEL, said.tool, dict(said.arguments))
            return ModelOutput.from_content(_MODEL, said.text)

    return modelapi(name=_MODEL.partition("/")[0])(Agent)
