"""Two scopes in one log and one index: no call that reads tells of the other's lessons."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from agentevo.memory import (
    LessonError,
    LessonNotFoundError,
    Memory,
    MemoryUseError,
    RecallSettings,
    connect,
    difference,
    events,
    exchange,
    history,
    latest,
    lessons,
    take_snapshot,
)
from agentevo.memory.langgraph import LessonStore, memory_tools

from .conftest import HashEmbedder, lesson

ANNA, BERT = "anna", "bert"
SECRET = "the key lies under the mat"
EVERYTHING = RecallSettings(abstain_below=-1, keep_above=-1, keep_share=0)

Reads = Callable[[sa.Engine, Memory], Any]

READS: dict[str, Reads] = {
    "Memory.lessons": lambda engine, bert: bert.lessons,
    "Memory.version": lambda engine, bert: bert.version,
    "Memory.search": lambda engine, bert: bert.search("you come home", 10),
    "Memory.recall": lambda engine, bert: bert.recall("you come home", EVERYTHING),
    "Memory.snapshot": lambda engine, bert: bert.snapshot().lessons,
    "Memory.check": lambda engine, bert: bert.check(),
    "Snapshot.recall": lambda engine, bert: bert.snapshot().recall("you come home", EVERYTHING),
    "take_snapshot": lambda engine, bert: take_snapshot(engine, BERT, HashEmbedder()).lessons,
    "lessons": lambda engine, bert: lessons(engine, BERT),
    "events": lambda engine, bert: events(engine, BERT),
    "latest": lambda engine, bert: latest(engine, BERT),
    "difference": lambda engine, bert: difference(engine, BERT, 0, latest(engine, BERT)),
    "to_jsonl": lambda engine, bert: list(exchange.to_jsonl(bert.lessons)),
    "recall tool": lambda engine, bert: memory_tools(bert, EVERYTHING)[1].invoke(
        {"situation": "you come home"}
    ),
}


@pytest.fixture
def shared(tmp_path: Path) -> tuple[sa.Engine, str, str]:
    """Lessons of Anna and Bert, side by side; returns the log and an id of each."""
    engine, ids = connect(tmp_path / "log.db"), []
    for scope, advice in ((ANNA, SECRET), (BERT, "ring the bell")):
        with Memory(engine, tmp_path / "index", scope, HashEmbedder()) as memory:
            (written,) = memory.insert([lesson("you come home", advice, scope=scope)], who=scope)
            memory.insert([lesson("you come home", "wipe your feet", scope=scope)], who=scope)
            ids.append(written.lesson.id)
            if scope == ANNA:  # what differs between the two is known to be Anna's
                memory.pin(written.lesson.id, who=scope)
    return engine, ids[0], ids[1]


@pytest.mark.parametrize("call", READS)
def test_nothing_of_another_scope_is_read(
    shared: tuple[sa.Engine, str, str], tmp_path: Path, call: str
) -> None:
    engine, annas, _ = shared
    with Memory(engine, tmp_path / "index", BERT, HashEmbedder()) as bert:
        found = READS[call](engine, bert)
        assert SECRET not in repr(found)
        assert annas not in repr(found)
        assert ANNA not in repr(found)
        if isinstance(found, int):
            assert found == 2


def test_another_scopes_lesson_does_not_exist(
    shared: tuple[sa.Engine, str, str], tmp_path: Path
) -> None:
    engine, annas, berts = shared
    with Memory(engine, tmp_path / "index", BERT, HashEmbedder()) as bert:
        for call in (
            lambda: bert.get(annas),
            lambda: history(engine, BERT, annas),
            lambda: bert.retire(annas, who="b", why="x"),
            lambda: bert.revise(annas, advice="x", who="b", why="x"),
            lambda: bert.merge(annas, berts, who="b", why="x"),
            lambda: bert.merge(berts, annas, who="b", why="x"),
            lambda: bert.pin(annas, who="b"),
        ):
            with pytest.raises(LessonNotFoundError):
                call()
        with pytest.raises(LessonError, match="scope 'anna'"):
            bert.insert([lesson("you sleep", "lock up", scope=ANNA)], who="b")
        with pytest.raises(MemoryUseError, match="no version 3"):
            bert.snapshot(3)  # Anna's memory has one


def test_a_store_keeps_equal_keys_apart(shared: tuple[sa.Engine, str, str], tmp_path: Path) -> None:
    store = LessonStore(shared[0], tmp_path / "index", HashEmbedder())
    store.put(("carl",), "home", {"situation": "you come home", "advice": "knock twice"})
    before = store.get(("carl",), "home")
    store.put(("dora",), "home", {"situation": "you come home", "advice": "ring once"})
    assert store.get(("carl",), "home") == before
    (found,) = store.search(("dora",), query="you come home")
    assert found.value["advice"] == "ring once"
    assert before is not None
    assert found.created_at > before.created_at
    store.delete(("dora",), "home")
    assert store.get(("carl",), "home") == before
    store.close()
