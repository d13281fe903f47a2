from itertools import product

import pytest

from agentevo.memory import Memory, MemoryUseError, difference, lessons

from .conftest import MakeLesson


def test_every_two_versions_differ_in_what_their_lessons_do(
    memory: Memory, lesson: MakeLesson
) -> None:
    words = [("you fry", "use the stove"), ("you roast", "use the oven"), ("it rains", "wait")]
    fry, roast, rain = (
        one.lesson.id for one in memory.insert([lesson(*some) for some in words], who="tests")
    )
    memory.retire(fry, who="tests", why="x")
    memory.revise(roast, advice="use the hot oven", who="tests", why="x")
    memory.quarantine(rain, who="tests", why="x")
    memory.restore(fry, who="tests", why="x")
    memory.merge(fry, roast, who="tests", why="x")
    memory.pin(roast, who="tests", why="x")
    for old, new in product(range(memory.version + 1), repeat=2):
        found = difference(memory.engine, "kitchen", old, new)
        before, after = (
            {one.id: one for one in lessons(memory.engine, "kitchen", version)}
            for version in (old, new)
        )
        were, are = (
            [i for i, one in some.items() if one.status == "active"] for some in (before, after)
        )
        assert [one.id for one in found.added] == [i for i in are if i not in were]
        assert {one.id for one in found.removed} == set(were) - set(are)
        assert {a.id: (a.text, a.pinned, b.text, b.pinned) for a, b in found.changed} == {
            i: (before[i].text, before[i].pinned, after[i].text, after[i].pinned)
            for i in set(were) & set(are)
            if (before[i].text, before[i].pinned) != (after[i].text, after[i].pinned)
        }
        assert {one.id for one in found.waiting} == {
            i for i, one in after.items() if i not in before and one.status == "quarantined"
        }
    with pytest.raises(MemoryUseError, match=f"the latest is {memory.version}"):
        difference(memory.engine, "kitchen", 1, memory.version + 1)
