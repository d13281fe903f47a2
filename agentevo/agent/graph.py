"""One episode as a state machine; who embeds agentevo in a graph of his own starts here.

    recall ─► act ─► observe ─┬─► act …            until the environment ends, or a limit
                              └─► judge ─┬─► reflect ─┬─► recall    another attempt
                                         └─► end      └─► end

`build` returns the compiled graph. Its input is an `Episode` (the run-time context) and an
empty state; its last state holds the finished attempts. Nodes are plain functions.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any, Literal, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agentevo.agent.acting import explored, planned, reply_of
from agentevo.agent.episode import Attempt, Episode, Limits, Look, Recollection
from agentevo.agent.stepping import begun, stepped
from agentevo.agent.tools import (
    call_all,
    call_tool,
    describe_tools,
    messages_of_turn,
    tool_of,
    used,
)
from agentevo.benchmarks import Observation
from agentevo.dialogue import prompts
from agentevo.dialogue.context import Turn, first_shown, n_tokens_of_head, shown
from agentevo.experience import Ending, Given, Step

LONGEST_ROUND = 4  # actions that an agent which is stalled may do in turn


def _extend(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    return new[1:] if new[:1] == (None,) else old + new


class State(TypedDict, total=False):
    """The state of an episode.

    Updates of `steps` and `attempts` append; where they begin with None, they take the place of
    what is there.
    """

    observation: Observation
    first_observation: str
    recollection: Recollection
    steps: Annotated[tuple[Step, ...], _extend]
    attempts: Annotated[tuple[Attempt, ...], _extend]
    reflections: tuple[str, ...]
    is_over: bool
    reply: AIMessage
    given: Given
    first_given: Given
    window_start: int
    n_tokens: int
    best_score: float


async def recall(state: State, runtime: Runtime[Episode]) -> State:
    """Begin an attempt: reset the environment and ask the memory."""
    episode = runtime.context
    observation = await begun(episode.environment, episode.limits.open_timeout_s)
    recollection = Recollection()
    if episode.recall is not None:
        name = f"{episode.name}#{len(state.get('attempts', ()))}"
        recollection = await asyncio.to_thread(
            episode.recall, episode.instruction, observation.text, name
        )
    return {
        "observation": observation,
        "first_given": given_of(episode),
        "first_observation": observation.text,
        "recollection": recollection,
        "steps": (None,),  # type: ignore[typeddict-item]
        "reflections": state.get("reflections", ()),
        "window_start": 0,
        "n_tokens": 0,
        "best_score": 0.0,
    }


def system_of(episode: Episode) -> str:
    """Return the system prompt: how to act, and the tools there are."""
    system = prompts.ANSWER_SYSTEM if episode.takes_answers else prompts.ACT_SYSTEM
    system = prompts.in_manner(system, episode.manner)
    return system if episode.native else system + describe_tools(_tools(episode))


def given_of(episode: Episode) -> Given:
    """Return what the model is given now; an environment's tools may come and go."""
    tools = _tools(episode) if episode.native else []
    return Given(system_of(episode), tuple(convert_to_openai_tool(tool) for tool in tools))


def messages_of(state: State, episode: Episode, given: Given) -> tuple[list[BaseMessage], int]:
    """Return the prompt of the next call, and from which step on it shows the dialogue."""
    first = prompts.task_message(
        episode.instruction,
        state["first_observation"],
        state["recollection"].texts,
        state["reflections"],
    )
    turns = [Turn(one.reply, one.observation, one.keep, one.calls) for one in state["steps"]]
    count = episode.count_tokens
    start = first_shown(
        turns,
        state["window_start"],
        head=n_tokens_of_head(given, first, count),
        budget=episode.window - episode.limits.max_reply_tokens,
        count=count,
    )
    messages: list[BaseMessage] = [SystemMessage(given.system), HumanMessage(first)]
    for turn in shown(turns, start):
        messages += messages_of_turn(turn)
    return messages, start


async def act(state: State, runtime: Runtime[Episode]) -> State:
    """Ask the model for the next action."""
    episode = runtime.context
    given = given_of(episode)
    messages, start = messages_of(state, episode, given)
    attempt, steps = len(state.get("attempts", ())), state["steps"]
    reply = planned(state["recollection"].plan, steps)
    if reply is None:
        reply = await explored(episode, messages, len(steps), attempt)
    if reply is None:
        tools = _tools(episode) if episode.native else []
        reply = await reply_of(episode, episode.chat(attempt), messages, tools)
    return {"reply": reply, "window_start": start, "given": given}


async def observe(state: State, runtime: Runtime[Episode]) -> State:
    """Carry out the action: a tool call, or a step of the environment."""
    episode, message = runtime.context, state["reply"]
    usage = message.usage_metadata
    text = str(message.text)
    reply = prompts.parse_reply(text)
    before, action = state["observation"], reply.action
    keep, tools = False, _tools(episode)
    is_call = not episode.native and tool_of(tools, action or "") is not None
    n_used = used(state["steps"])
    calls, uses = await call_all(tools, message, episode.rules, n_used)
    if calls:
        action = "\n".join(f"{one.name} {one.arguments}" for one in calls)
        observation = _said(before, "\n".join(one.result for one in calls))
    elif is_call and action is not None:
        called = await call_tool(tools, action, episode.rules, n_used)
        observation, uses = _said(before, called.result), (called.use,)
    else:
        if episode.takes_answers:
            action = prompts.answer_of(text) or None
        if action is None:
            observation = _said(before, prompts.MALFORMED)
        else:
            observation = await stepped(episode.environment, action, episode.limits.step_timeout_s)
            keep = bool(observation.info.get("keep"))
    step = Step(
        thought="" if reply.thought == action else reply.thought,
        action=action,
        observation=observation.text,
        reward=observation.reward,
        n_prompt_tokens=usage["input_tokens"] if usage else 0,
        n_reply_tokens=usage["output_tokens"] if usage else 0,
        keep=keep,
        reply=text,
        tool=" ".join(one.name for one in uses),
        calls=calls,
        uses=uses,
        reply_ids=tuple(message.response_metadata.get("token_ids", ())),
        reply_logprobs=tuple(message.response_metadata.get("token_logprobs", ())),
        given=None if state["given"] == _given_before(state) else state["given"],
    )
    return {
        "observation": observation,
        "steps": (step,),
        "n_tokens": state["n_tokens"] + step.n_prompt_tokens + step.n_reply_tokens,
        "best_score": max(state["best_score"], observation.score),
    }


def _given_before(state: State) -> Given:
    """Return what the model was given at the step before, as the steps tell."""
    told = [step.given for step in state["steps"] if step.given is not None]
    return told[-1] if told else state["first_given"]


def ending(state: State, limits: Limits) -> Ending | None:
    """Return why the attempt ends here, or None where it goes on."""
    observation, steps = state["observation"], state["steps"]
    if observation.success:
        return "success"
    if observation.terminated:
        return "failure" if observation.info.get("judged", True) else "answered"
    if observation.truncated or len(steps) >= limits.max_steps:
        return "step_limit"
    if state["n_tokens"] >= limits.max_tokens:
        return "budget"
    if len(steps) >= limits.n_malformed and all(
        step.action is None for step in steps[-limits.n_malformed :]
    ):
        return "malformed"
    rounds = steps[-LONGEST_ROUND * limits.n_stalled :]
    done = [(step.action, step.observation) for step in rounds]
    for n in range(1, LONGEST_ROUND + 1):
        last = done[-n * limits.n_stalled :]
        if len(last) == n * limits.n_stalled and last[n:] == last[:-n]:
            return "stalled"
    return None


def judge(state: State, runtime: Runtime[Episode]) -> State:
    """Close the attempt with its ending and score, as the environment states them."""
    observation = state["observation"]
    why = ending(state, runtime.context.limits)
    assert why is not None
    attempt = Attempt(
        steps=state["steps"],
        ending=why,
        score=observation.score,
        best_score=state["best_score"],
        success=observation.success,
        recollection=state["recollection"],
        reflections=state["reflections"],
        first_observation=state["first_observation"],
        given=state["first_given"],
    )
    return {"attempts": (attempt,)}


async def reflect(state: State, runtime: Runtime[Episode]) -> State:
    """Let the corrector say what the next attempt is told, if there is to be one."""
    episode, attempt = runtime.context, state["attempts"][-1]
    assert episode.corrector is not None
    number, n_tokens = len(state["attempts"]) - 1, [0, 0]

    async def ask(system: str, text: str) -> str:
        messages = [SystemMessage(system), HumanMessage(text)]
        reply = await reply_of(episode, episode.chat(number), messages)
        if usage := reply.usage_metadata:
            n_tokens[0] += usage["input_tokens"]
            n_tokens[1] += usage["output_tokens"]
        return str(reply.text)

    async def call(action: str) -> str | None:
        if tool_of(tools, action) is None:
            return None
        return (await call_tool(tools, action, episode.rules, used(attempt.steps))).result

    tools = _tools(episode)
    look = Look(
        episode.instruction, state["attempts"], state["reflections"],
        episode.window - episode.limits.max_reply_tokens, episode.count_tokens, ask, call,
        describe_tools(tools), episode.gold,
    )  # fmt: skip
    notes = await episode.corrector(look)
    told = replace(attempt, n_note_tokens=(n_tokens[0], n_tokens[1]))
    anew: Any = (None, *state["attempts"][:-1], told)
    return {
        "attempts": anew,
        "is_over": notes is None,
        "reflections": state["reflections"] if notes is None else notes,
    }


def after_observe(state: State, runtime: Runtime[Episode]) -> Literal["act", "judge"]:
    """Go on until the attempt ends."""
    return "act" if ending(state, runtime.context.limits) is None else "judge"


def after_judge(state: State, runtime: Runtime[Episode]) -> Literal["reflect", "__end__"]:
    """Correct what can be, while attempts are left."""
    episode, attempts = runtime.context, state["attempts"]
    if episode.corrector is None or len(attempts) >= episode.n_attempts:
        return "__end__"
    is_enough = attempts[-1].success and not episode.corrector.is_blind
    return "__end__" if is_enough else "reflect"


def after_reflect(state: State) -> Literal["recall", "__end__"]:
    """Try again, if there is something to be done better."""
    return "__end__" if state["is_over"] else "recall"


def _said(before: Observation, text: str) -> Observation:
    """Return an observation that did not touch the environment."""
    return Observation(text=text, score=before.score)


def _tools(episode: Episode) -> list[BaseTool]:
    return [*episode.tools, *episode.environment.tools]


def build() -> CompiledStateGraph[State, Episode, State, State]:
    """Return the compiled graph of an episode.

    Invoke it with an empty state and the episode as context:
    `await build().ainvoke({}, context=episode, config={"recursion_limit": 1000})`.
    """
    graph = StateGraph(State, context_schema=Episode)
    graph.add_node("recall", recall)
    graph.add_node("act", act)
    graph.add_node("observe", observe)
    graph.add_node("judge", judge)
    graph.add_node("reflect", reflect)
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "act")
    graph.add_edge("act", "observe")
    graph.add_conditional_edges("observe", after_observe)
    graph.add_conditional_edges("judge", after_judge, {"reflect": "reflect", "__end__": END})
    graph.add_conditional_edges("reflect", after_reflect, {"recall": "recall", "__end__": END})
    return graph.compile()
