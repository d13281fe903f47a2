"""Where the next reply comes from: the model, a workflow that is known, or an exploration."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from agentevo.agent.episode import Episode, Plan
from agentevo.dialogue import prompts
from agentevo.experience import Step

REASON = (
    "The next action is going to be: {action}\n"
    "Say in one line, beginning with 'Thought:', why it may be right."
)


async def reply_of(
    episode: Episode,
    model: BaseChatModel,
    messages: list[BaseMessage],
    tools: Sequence[BaseTool] = (),
) -> AIMessage:
    """Return a model's reply; tools are given to it in its own form.

    Raises:
        TimeoutError: it took too long.
    """
    timeout = episode.limits.reply_timeout_s
    asked: Runnable[Any, AIMessage] = model.bind_tools(tools) if tools else model
    try:
        return await asyncio.wait_for(asked.ainvoke(messages), timeout)
    except TimeoutError:
        raise TimeoutError(f"no reply within {timeout:g} s") from None


def planned(plan: Plan, steps: Sequence[Step]) -> AIMessage | None:
    """Return the next action of a workflow, without asking the model, while all went as in it.

    The pipeline of ICE, Qian et al. 2024 (arXiv 2401.13996).

    Args:
        plan: (action, observation) pairs of an episode that succeeded at this very task.
        steps: so far.

    Returns:
        None: there is none, or something came out otherwise; then the model is asked.
    """
    if len(steps) >= len(plan):
        return None
    same = all(
        (step.action, step.observation) == known
        for step, known in zip(steps, plan[: len(steps)], strict=True)
    )
    return AIMessage(f"Action: {plan[len(steps)][0]}") if same else None


async def explored(
    episode: Episode, messages: list[BaseMessage], n_steps: int, attempt: int
) -> AIMessage | None:
    """Return an action that was drawn from outside the policy, with a reason that came after it.

    A3T's ActRe, Yang et al. 2024 (arXiv 2403.14589). There the action is drawn from those that the
    environment admits; here it is the model's at a high temperature, since not every environment
    tells.

    Returns:
        None: this step explores nothing.
    """
    if episode.explore is None:
        return None
    rng = random.Random(f"{episode.name}#{attempt}/{n_steps}")
    if rng.random() >= episode.explore.rate:
        return None
    other = await reply_of(episode, episode.explore.chat(attempt), messages)
    action = prompts.parse_reply(str(other.text)).action
    if action is None:
        return None
    asked = [*messages, HumanMessage(REASON.format(action=action))]
    said = await reply_of(episode, episode.chat(attempt), asked)
    reason = prompts.parse_reply(str(said.text)).thought.splitlines()
    text = f"Thought: {reason[0] if reason else 'to see what happens'}\nAction: {action}"
    usage = [one.usage_metadata for one in (other, said) if one.usage_metadata]
    total: Any = {
        key: sum(one[key] for one in usage)
        for key in ("input_tokens", "output_tokens", "total_tokens")
    }
    return AIMessage(text, usage_metadata=total if usage else None)
