"""Where replies come from besides the model: workflows that are known, and exploration."""

from __future__ import annotations

import pytest

from agentevo.agent.episode import Explore, Plan, Recollection
from agentevo.dialogue import prompts
from tests.agent.doors import played_by, watched

WAY: Plan = (("look", "Nothing happens."), ("open door", "It opens."))


def known(plan: Plan) -> object:
    return lambda instruction, observation, episode: Recollection(plan=plan)


def test_a_workflow_that_fits_runs_without_a_call_of_the_model() -> None:
    chat = watched([])
    (attempt,) = played_by(chat, recall=known(WAY))
    assert attempt.success
    assert chat.seen == []
    assert [step.action for step in attempt.steps] == ["look", "open door"]
    assert sum(step.n_prompt_tokens for step in attempt.steps) == 0


def test_where_something_comes_out_otherwise_the_model_goes_on() -> None:
    surprising: Plan = (("look", "The door is open already."), ("go out", "You are out."))
    chat = watched(["Action: open door"])
    (attempt,) = played_by(chat, recall=known(surprising))
    assert [step.action for step in attempt.steps] == ["look", "open door"]
    assert len(chat.seen) == 1
    assert "Action: look" in chat.seen[0], "what the workflow did stands in the dialogue"


def test_an_action_from_outside_gets_its_reason_afterwards() -> None:
    other = watched(["Thought: whatever\nAction: open door"])
    own = watched(["Thought: the door may be unlocked\nAction: sleep"])
    (attempt,) = played_by(own, name="e", explore=Explore(1.0, lambda attempt: other))
    (step,) = attempt.steps
    assert (step.action, step.thought) == ("open door", "the door may be unlocked")
    assert "The next action is going to be: open door" in own.seen[0]
    assert step.reply == "Thought: the door may be unlocked\nAction: open door"
    assert (step.n_prompt_tokens, step.n_reply_tokens) == (20, 2), "both calls are counted"


def test_exploring_succeeds_where_the_policy_never_would() -> None:
    """The reward is sparse: the policy alone does nothing but look."""

    def won(rate: float, name: str) -> bool:
        stubborn = watched(["Action: look", "Action: wait"] * 9)
        curious = watched(["Action: open door"] * 9)
        explore = Explore(rate, lambda attempt: curious) if rate else None
        (attempt,) = played_by(stubborn, name=name, explore=explore)
        return attempt.success

    names = [f"e{i}" for i in range(20)]
    assert not any(won(0.0, name) for name in names)
    assert sum(won(0.3, name) for name in names) > 10


@pytest.mark.parametrize("manner", [prompts.GOOD_MANNER, prompts.BAD_MANNER])
def test_a_manner_stands_in_the_system_prompt_and_can_be_taken_out_again(manner: str) -> None:
    chat = watched(["Action: open door"])
    (attempt,) = played_by(chat, manner=manner)
    assert chat.seen[0].startswith(f"{prompts.ACT_SYSTEM}\n{manner}\n")
    assert prompts.without_manner(attempt.given.system) == prompts.ACT_SYSTEM
