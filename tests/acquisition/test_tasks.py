"""Which tasks a generation plays."""

from __future__ import annotations

import pytest

from agentevo.acquisition.tasks import MIXED, chooser
from agentevo.config import ConfigError
from tests.worlds import boxes


def pieces(name: str, n: int) -> list[list[str]]:
    return [[task.id for task in chooser(name)(boxes(), 3, g, None)] for g in range(1, n + 1)]


def test_a_stream_mixes_levels_plays_nothing_twice_and_has_an_order_by_its_seed() -> None:
    one = pieces("stream:1", 2 * MIXED)
    flat = [name for piece in one for name in piece]
    assert all(len(piece) == 6 for piece in one)
    assert len(set(flat)) == len(flat)
    assert {name for name in flat[: 6 * MIXED]} == {
        task.id for task in boxes().tasks("train", 3 * MIXED)
    }
    assert one == pieces("stream:1", 2 * MIXED)
    assert one != pieces("stream:2", 2 * MIXED)
    n_first_level = [sum("/1/" in name for name in piece) for piece in one]
    assert len(set(n_first_level)) > 1, "levels come as they come"


def test_fresh_tasks_are_new_and_repeated_ones_the_same() -> None:
    fresh, again = pieces("fresh", 3), pieces("repeated", 3)
    assert len({name for piece in fresh for name in piece}) == 18
    assert again[0] == again[1] == again[2]


@pytest.mark.parametrize("name", ["stream:x", "streem"])
def test_an_unknown_strategy_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=r"acquisition\.tasks"):
        chooser(name)
