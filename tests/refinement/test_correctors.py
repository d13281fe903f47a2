"""Correctors: what an agent is told of its last attempt before it tries again."""

from __future__ import annotations

from typing import Any

import pytest

from agentevo.agent.episode import Attempt, Recollection
from agentevo.config import ConfigError
from agentevo.experience import Recall
from agentevo.refinement.correctors import Constitution, corrector
from agentevo.tools import tool
from tests.agent.doors import played_by, watched


def tried(
    name: str, replies: list[str], n_attempts: int = 2, **options: Any
) -> tuple[tuple[Attempt, ...], list[str]]:
    """Return the attempts, and all prompts that the model saw."""
    chat = watched(replies)
    attempts = played_by(chat, n_attempts=n_attempts, corrector=corrector(name), **options)
    return attempts, chat.seen


def test_after_a_failure_the_next_attempt_sees_what_was_noted_and_its_tokens_are_counted() -> None:
    def recall(instruction: str, observation: str, episode: str) -> Recollection:
        return Recollection(Recall(injected=("l1",)), ("When at a door: knock",))

    attempts, seen = tried(
        "reflect",
        ["Action: break door", "- When a door is shut: open it.", "Action: open door"],
        recall=recall,
    )
    assert [one.success for one in attempts] == [False, True]
    assert attempts[0].reflections == ()
    assert attempts[1].reflections == ("When a door is shut: open it",)
    assert attempts[1].recollection.facts.injected == ("l1",)
    assert "When a door is shut: open it" in seen[-1]
    assert [one.n_note_tokens for one in attempts] == [(10, 1), (0, 0)]


def test_reflections_add_up_to_a_bounded_window() -> None:
    notes = [f"- When at door {i}: knock {i} times." for i in range(9)]
    replies = [text for note in notes for text in ("Action: break door", note)]
    attempts, _ = tried("reflect", [*replies, "Action: open door"], n_attempts=10)
    assert len(attempts) == 10
    assert len(attempts[2].reflections) == 2
    assert len(attempts[-1].reflections) == 6
    assert "door 8" in attempts[-1].reflections[-1]


def test_a_success_needs_no_correction_unless_the_corrector_is_blind() -> None:
    (alone,), _ = tried("reflect", ["Action: open door"])
    assert alone.success
    attempts, seen = tried(
        "critique", ["Action: open door", "- It was rude not to knock.", "Action: break door"]
    )
    assert [one.success for one in attempts] == [True, False]
    assert "score" not in seen[1]
    assert "success" not in seen[1]
    assert "It was rude not to knock." in attempts[1].reflections


def test_a_critique_that_finds_nothing_ends_the_episode() -> None:
    attempts, seen = tried("critique", ["Action: break door", "- none"], n_attempts=4)
    assert len(attempts) == 1
    assert len(seen) == 2
    assert attempts[0].n_note_tokens == (10, 1)


def test_each_round_of_a_constitution_looks_at_another_principle() -> None:
    found = Constitution(("it knocks", "it waits"))
    chat = watched(
        [
            "Action: break door",
            "- no knock",
            "Action: break door",
            "- no wait",
            "Action: break door",
        ]
    )
    attempts = played_by(chat, n_attempts=3, corrector=found)
    critiques = [text for text in chat.seen if "Look at one thing alone" in text]
    assert len(attempts) == 3
    assert "whether it knocks" in critiques[0]
    assert "whether it waits" in critiques[1]


def test_what_a_tool_says_stands_in_the_critique() -> None:
    @tool
    def lock_state(door: str) -> str:
        """Tell whether a door is locked."""
        return f"the {door} door is not locked"

    attempts, seen = tried(
        "critic",
        ["Action: break door", 'Action: lock_state {"door": "red"}', "- Just open it.",
         "Action: open door"],
        tools=[lock_state],
    )  # fmt: skip
    assert "the red door is not locked" in seen[2]
    assert attempts[1].success


def test_without_a_tool_the_critic_is_a_critique() -> None:
    _, seen = tried("critic", ["Action: break door", "Action: think", "- none"])
    assert "A check" not in seen[-1]


def test_the_solution_is_a_hint_for_training_tasks_alone_and_costs_no_call() -> None:
    attempts, seen = tried(
        "hint", ["Action: break door", "Action: open door"], gold=lambda: ["open door"]
    )
    assert attempts[1].reflections == ("what fulfils the task: open door",)
    assert len(seen) == 2
    held_out, _ = tried("hint", ["Action: break door"])
    assert len(held_out) == 1


@pytest.mark.parametrize(
    ("name", "said"), [("error", "You hurt yourself."), ("again", "last time you did: break door")]
)
def test_critique_free_correctors_ask_no_model(name: str, said: str) -> None:
    attempts, seen = tried(name, ["Action: break door", "Action: open door"])
    assert len(seen) == 2
    assert any(said in note for note in attempts[1].reflections)
    assert ("You hurt yourself." in seen[1]) == (name == "error"), "blind ones see no verdict"


def test_trying_again_is_blind_to_success() -> None:
    attempts, _ = tried("again", ["Action: open door", "Action: break door"])
    assert [one.success for one in attempts] == [True, False]


def test_an_unknown_corrector_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'constitution'"):
        corrector("constitutional")
