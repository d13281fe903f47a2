import pytest

from agentevo.memory import Boilerplate, MiniLM, RecallSettings

from .conftest import MakeLesson, Open

RULES = "You are the clerk of a workshop.\nBe kind to customers. Write every deed into the ledger."
TASKS = [f"{RULES}\nNow: {what}." for what in ("mend a bicycle", "sell a violin", "paint a door")]


def test_what_all_texts_have_is_left_out() -> None:
    common = Boilerplate.of(TASKS)
    assert common.remove_from(TASKS[1]) == "sell a violin."
    assert common.remove_from("Be  kind to CUSTOMERS. Mend a kettle.") == "Mend a kettle."


def test_a_text_that_is_nothing_else_stays_whole() -> None:
    assert Boilerplate.of(TASKS).remove_from(RULES) == RULES


@pytest.mark.parametrize("texts", [[], TASKS[:1], ["One thing.", "Another thing."]])
def test_where_nothing_is_known_to_be_common_nothing_is_left_out(texts: list[str]) -> None:
    assert Boilerplate.of(texts).remove_from(TASKS[0]) == TASKS[0]


def test_a_query_without_boilerplate_finds_what_is_at_hand(
    open_memory: Open, lesson: MakeLesson, minilm: MiniLM
) -> None:
    memory = open_memory(embedder=minilm)
    memory.insert(
        [
            lesson("a clerk is kind to the customers of the workshop", "smile"),
            lesson("somebody wants a violin", "show the old one first"),
        ],
        who="tests",
    )
    one = RecallSettings(n_lessons=1, abstain_below=0.3)
    stripped = Boilerplate.of(TASKS).remove_from(TASKS[1])
    assert memory.recall(TASKS[1], one).injected[0].advice == "smile"
    assert memory.recall(stripped, one).injected[0].advice == "show the old one first"
