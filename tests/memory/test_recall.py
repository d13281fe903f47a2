import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from agentevo.memory import (
    Memory,
    MemoryUseError,
    MiniLM,
    RecallSettings,
    Snapshot,
    Withholding,
    episode_rng,
    take_snapshot,
)

from .conftest import HashEmbedder, MakeLesson, Open

RULES = [
    ("the recipe says to fry an ingredient", "use the stove"),
    ("the recipe says to roast an ingredient", "use the oven"),
    ("the recipe says to grill an ingredient", "use the barbecue"),
    ("the recipe says to chop an ingredient", "take the knife first"),
    ("you have all the prepared ingredients", "prepare the meal"),
]
KITCHEN = [
    "You are hungry! Let's cook a delicious meal. Check the cookbook in the kitchen.",
    "You find yourself in a kitchen. You make out a fridge. You can see a stove and an oven.",
]
OPEN_ALL = RecallSettings(abstain_below=-1, keep_above=-1, keep_share=0)


@pytest.fixture
def rules(memory: Memory, lesson: MakeLesson) -> Snapshot:
    memory.insert([lesson(*words) for words in RULES], who="tests")
    return memory.snapshot()


def test_the_nearest_situation_comes_first(rules: Snapshot) -> None:
    recalled = rules.recall("roast the apple", RecallSettings(abstain_below=0.2))
    assert recalled.injected[0].advice == "use the oven"
    assert recalled.candidates[0].lesson_id == recalled.injected[0].id


def test_a_foreign_question_gets_nothing(
    open_memory: Open, lesson: MakeLesson, minilm: MiniLM
) -> None:
    memory = open_memory(embedder=minilm)
    memory.insert([lesson(*words) for words in RULES], who="tests")
    snapshot = memory.snapshot()
    for query in ("What is the capital of France?", "Reset the password of user Anna", "  "):
        recalled = snapshot.recall(query)
        assert recalled.abstained
        assert (recalled.injected, recalled.withheld, recalled.candidates) == ((), (), ())
    assert not snapshot.recall(KITCHEN).abstained


def test_in_doubt_a_word_in_common_decides(
    open_memory: Open, lesson: MakeLesson, minilm: MiniLM
) -> None:
    memory = open_memory(embedder=minilm)
    memory.insert([lesson("you have to tune a violin", "begin with the A string")], who="tests")
    cosine = memory.search("how much is a cello")[0][1]
    doubtful = RecallSettings(abstain_below=cosine - 0.01, doubt=0.05)
    sure = replace(doubtful, doubt=0.0)
    for recall in (memory.recall, memory.snapshot().recall):
        assert recall("how much is a cello", doubtful).abstained
        assert recall("how much is a cello", sure).injected
        assert recall(["how much is a cello", "it has a string"], doubtful).injected


def test_a_handful_of_rules_all_reach_their_task(
    open_memory: Open, lesson: MakeLesson, minilm: MiniLM
) -> None:
    memory = open_memory(embedder=minilm)
    memory.insert([lesson(*words) for words in RULES], who="tests")
    recalled = memory.snapshot().recall(KITCHEN)
    assert {one.advice for one in recalled.injected} == {advice for _, advice in RULES}


def test_the_empty_memory_recalls_nothing_and_does_not_call_it_abstaining(memory: Memory) -> None:
    recalled = memory.snapshot().recall("you fry")
    assert recalled.injected == ()
    assert recalled.text == ""
    assert not recalled.abstained


@pytest.mark.parametrize("budget", [0, 5, 11, 12, 25, 1000])
def test_the_token_budget_holds_by_the_callers_count(rules: Snapshot, budget: int) -> None:
    recalled = rules.recall(
        "roast", replace(OPEN_ALL, n_tokens=budget), count=lambda t: len(t) // 5
    )
    assert recalled.n_tokens == sum(len(one.text) // 5 for one in recalled.injected) <= budget
    assert bool(recalled.injected) == (budget >= 8)


def test_at_most_so_many_lessons_come(rules: Snapshot) -> None:
    assert len(rules.recall("roast", replace(OPEN_ALL, n_lessons=2)).injected) == 2
    assert rules.recall("roast", RecallSettings(n_lessons=0)).injected == ()


def test_utility_decides_between_lessons_that_fit_alike(rules: Snapshot) -> None:
    fry, roast = rules.lessons[:2]
    one = replace(OPEN_ALL, n_lessons=1)
    for best in (fry, roast):
        valued = rules.with_utility({best.id: 0.9})
        assert valued.recall("the recipe", replace(one, utility_weight=2.0)).injected == (best,)


def test_diversity_puts_a_repetition_last_but_keeps_it_while_there_is_room(
    memory: Memory, lesson: MakeLesson
) -> None:
    memory.insert(
        [
            lesson("the recipe says to fry", "use the hot stove"),
            lesson("the recipe says to fry fish", "use a stove that is warm"),
            lesson("the recipe hangs on a wall", "look around"),
        ],
        who="tests",
    )
    snapshot = memory.snapshot()
    two = replace(OPEN_ALL, n_lessons=2, diversity=0.5)
    assert {one.advice for one in snapshot.recall("recipe fry", two).injected} >= {"look around"}
    plain = replace(two, diversity=0.0)
    assert "look around" not in {o.advice for o in snapshot.recall("recipe fry", plain).injected}
    assert len(snapshot.recall("recipe fry", replace(two, n_lessons=8)).injected) == 3


def test_withholding_happens_as_often_as_it_says_and_is_recorded(rules: Snapshot) -> None:
    n, rate = 2000, 0.2
    withheld: Counter[str] = Counter()
    for episode in range(n):
        draw = Withholding(rate, episode_rng("run", 1, "train", episode))
        recalled = rules.recall("recipe", OPEN_ALL, withholding=draw)
        assert len(recalled.injected) + len(recalled.withheld) == len(RULES)
        assert recalled.propensity == pytest.approx(1 - rate)
        withheld.update(one.id for one in recalled.withheld)
    assert len(withheld) == len(RULES)
    for count in withheld.values():
        assert abs(count / n - rate) < 4 * (rate * (1 - rate) / n) ** 0.5


def test_the_same_episode_withholds_the_same_lessons(rules: Snapshot) -> None:
    def draw(*key: object) -> tuple[str, ...]:
        by = Withholding(0.5, episode_rng(*key))
        return tuple(o.id for o in rules.recall("recipe", OPEN_ALL, withholding=by).withheld)

    assert draw("run", 7) == draw("run", 7)
    assert len({draw("run", n) for n in range(20)}) > 5


def test_without_withholding_everything_chosen_is_injected(rules: Snapshot) -> None:
    recalled = rules.recall("recipe", OPEN_ALL)
    assert recalled.withheld == ()
    assert recalled.propensity == 1
    never = Withholding(0.0, episode_rng("x"))
    assert rules.recall("recipe", OPEN_ALL, withholding=never) == recalled


def test_a_withheld_lessons_place_stays_empty(rules: Snapshot) -> None:
    two = replace(OPEN_ALL, n_lessons=2)
    chosen = rules.recall("recipe", two).injected
    for n in range(30):
        recalled = rules.recall("recipe", two, withholding=Withholding(0.5, episode_rng(n)))
        assert set(recalled.injected) | set(recalled.withheld) == set(chosen)


def test_a_snapshot_shows_its_version_whatever_comes_later(
    memory: Memory, lesson: MakeLesson
) -> None:
    first = memory.insert([lesson(*RULES[0])], who="tests")[0].lesson
    early = memory.snapshot()
    memory.insert([lesson(*RULES[1])], who="tests")
    memory.retire(first.id, who="tests", why="x")
    assert early.lessons == (first,)
    assert memory.snapshot(1).lessons == (first,)
    assert np.array_equal(memory.snapshot(1).vectors, early.vectors)
    assert [one.advice for one in memory.snapshot().lessons] == ["use the oven"]
    assert memory.snapshot(0).lessons == ()
    with pytest.raises(MemoryUseError, match="no version 9"):
        memory.snapshot(9)


def test_a_snapshot_travels_by_pickle(rules: Snapshot) -> None:
    there = pickle.loads(pickle.dumps(rules))
    assert there.lessons == rules.lessons
    assert there.recall("roast", OPEN_ALL) == rules.recall("roast", OPEN_ALL)


def test_a_reader_takes_the_same_snapshot_from_the_log_alone(
    rules: Snapshot, engine: sa.Engine, embedder: HashEmbedder
) -> None:
    n_embedded = embedder.n_embedded
    read = take_snapshot(engine, "kitchen", embedder)
    assert read.lessons == rules.lessons
    assert np.array_equal(read.vectors, rules.vectors)
    assert embedder.n_embedded == n_embedded


@pytest.mark.parametrize("settings", [{"keep_above": 0.5}, {"n_tokens": -1}, {"diversity": 2.0}])
def test_settings_that_contradict_themselves_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(MemoryUseError):
        RecallSettings(**settings)  # type: ignore[arg-type]


def test_withholding_everything_is_refused() -> None:
    with pytest.raises(MemoryUseError):
        Withholding(1.0, episode_rng("x"))


def test_recall_through_the_index_chooses_what_a_snapshot_chooses(
    memory: Memory, lesson: MakeLesson
) -> None:
    some = [lesson(f"you meet {name}", f"greet {name}") for name in ("anna", "bert", "cleo")]
    memory.insert([*some, lesson("you fry", "use the stove")], who="x")
    worth = {some[1].id: 0.4}
    settings = RecallSettings(n_lessons=2, abstain_below=0.0, keep_above=0.0)
    for query in (
        "you meet cleo",
        ("you fry", "you meet anna and more"),
        "",
        "quite another thing",
    ):
        from_all = memory.snapshot().with_utility(worth).recall(query, settings)
        from_index = memory.recall(query, settings, utility=worth)
        assert from_index.injected == from_all.injected
        assert {c.lesson_id for c in from_index.candidates} == {
            c.lesson_id for c in from_all.candidates
        }


def test_recall_sees_a_lesson_that_was_inserted_a_moment_ago(
    memory: Memory, lesson: MakeLesson
) -> None:
    fry = lesson("you fry", "use the stove")
    memory.insert([fry], who="x", wait=False)
    assert [one.id for one in memory.recall("you fry").injected] == [fry.id]


def test_of_lessons_that_contradict_each_other_one_is_shown(
    memory: Memory, lesson: MakeLesson
) -> None:
    old, new = lesson("you fry", "use the stove"), lesson("you fry", "use the oven", "t2")
    memory.insert([old, new, lesson("you fry", "wear an apron")], who="x")
    snapshot = memory.snapshot()
    chosen = snapshot.recall("you fry", OPEN_ALL)
    assert {one.advice for one in chosen.injected} == {"use the oven", "wear an apron"}
    assert chosen.rivals == {new.id: (old.id,)}, "the newer, where nothing is known"
    proven = snapshot.with_utility({old.id: 0.2}).recall("you fry", OPEN_ALL)
    assert proven.rivals == {old.id: (new.id,)}
    drawn = Counter(
        next(iter(snapshot.recall("you fry", OPEN_ALL, withholding=Withholding(
            0.0, episode_rng(i))).rivals))
        for i in range(400)
    )  # fmt: skip
    assert 160 < drawn[old.id] < 240


def test_what_is_much_farther_than_the_nearest_stays_away(
    open_memory: Open, lesson: MakeLesson, minilm: MiniLM
) -> None:
    memory = open_memory(embedder=minilm)
    kept = [("the printer does not print", "clean its head"), ("the pasta water boils over", "lift "
            "the lid"), ("a customer asks for a refund", "look up the order first")]  # fmt: skip
    memory.insert([lesson(*words) for words in kept], who="tests")
    recalled = memory.recall("my printer does not print")
    assert [one.advice for one in recalled.injected] == ["clean its head"]
