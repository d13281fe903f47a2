"""The context window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentevo.dialogue.context import Turn, first_shown, n_tokens_of_head, shown
from agentevo.experience import Given, ToolCall


def count(text: str) -> int:
    return len(text.split())


def test_nothing_is_dropped_while_everything_fits() -> None:
    turns = [Turn("a b", "c d")] * 3
    assert first_shown(turns, 0, head=4, budget=16, count=count) == 0


def test_an_overflow_drops_the_oldest_turns_down_to_half_of_the_budget() -> None:
    turns = [Turn("a b", "c d")] * 5
    start = first_shown(turns, 0, head=2, budget=20, count=count)
    assert start == 3  # 2 + 2 * 4 tokens are half of 20


def test_turns_that_are_to_be_kept_stay() -> None:
    turns = [Turn("read", "the recipe", keep=True), *[Turn("a b", "c d")] * 9]
    start = first_shown(turns, 0, head=2, budget=20, count=count)
    assert start > 1
    assert turns[0] in shown(turns, start)


def test_what_is_to_be_kept_and_came_again_is_shown_once() -> None:
    turns = [Turn("read", "the recipe", keep=True), Turn("a b", "c d")] * 8
    start = first_shown(turns, 0, head=2, budget=20, count=count)
    left = shown(turns, start)
    assert 2 + sum(count(turn.reply + " " + turn.observation) for turn in left) <= 20
    assert [turn.observation for turn in left].count("the recipe") == 1


def test_earlier_replies_are_shown_by_their_actions_and_the_last_with_its_thought() -> None:
    turns = [Turn(f"Thought: so\nAction: go {i}", "gone") for i in range(3)]
    replies = [turn.reply for turn in shown(turns, 0)]
    assert replies == ["Action: go 0", "Action: go 1", "Thought: so\nAction: go 2"]
    assert shown([Turn("no form at all", "what?"), turns[0]], 0)[0].reply == "no form at all"


def test_what_a_turn_calls_and_the_schemas_of_tools_take_their_room() -> None:
    call = ToolCall("1", "stock", '{"item": "tea"}', "7")
    turns = [Turn("", "7", calls=(call, call))] * 4  # 11 words each
    assert first_shown(turns, 0, head=2, budget=46, count=count) == 0
    assert first_shown(turns, 0, head=2, budget=45, count=count) == 3
    given = Given("Act so.", ({"name": "stock"}, {"name": "price"}))
    assert n_tokens_of_head(given, "A task it is.", count) == 2 + 2 * 2 + 4


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=30),
    st.integers(10, 200),
)
def test_the_last_turn_is_always_shown_and_the_window_never_moves_back(
    sizes: list[tuple[int, bool]], budget: int
) -> None:
    turns = [Turn("r", "w " * size, keep) for size, keep in sizes]
    start = 0
    for i in range(1, len(turns) + 1):
        new = first_shown(turns[:i], start, head=3, budget=budget, count=count)
        assert start <= new < i
        assert turns[i - 1] in shown(turns[:i], new)
        start = new
