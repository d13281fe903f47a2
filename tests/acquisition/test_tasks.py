"""Which tasks a generation plays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from agentevo.acquisition.demand import Demand
from agentevo.acquisition.selective import farthest_first
from agentevo.acquisition.tasks import MIXED, chooser
from agentevo.config import ConfigError
from agentevo.ledger import EpisodeKey, EpisodeSummary
from tests.worlds import boxes


def demand(generation: int = 1, history: Sequence[EpisodeSummary] = (), **more: Any) -> Demand:
    return Demand(boxes(), 3, generation, (1, 2), history=history, **more)


def pieces(name: str, n: int) -> list[list[str]]:
    return [[task.id for task in chooser(name)(demand(g))] for g in range(1, n + 1)]


def played(task: str, *scores: float, generation: int = 1) -> list[EpisodeSummary]:
    return [
        EpisodeSummary(
            f"{task}#{i}", EpisodeKey(generation, "acquisition", f"#{i}" if i else "", task, 0),
            "boxes", "train", int(task.split("/")[2]), "success" if score == 1 else "failure",
            score == 1, score, score, 1, 10, 10, 1.0, 0, "", "",
        )
        for i, score in enumerate(scores)
    ]  # fmt: skip


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


def test_random_tasks_are_drawn_by_the_seed_and_differ_between_generations() -> None:
    first, second = pieces("random", 2)
    assert len(set(first)) == 6
    assert first != second
    assert first == pieces("random", 1)[0]
    assert first != [task.id for task in chooser("random")(demand(seed=1))]


def test_what_was_never_solved_comes_again_and_the_rest_is_fresh() -> None:
    history = [
        *played("boxes/train/1/0", 0, 1), *played("boxes/train/1/1", 0, 0),
        *played("boxes/train/2/0", 0),
    ]  # fmt: skip
    tasks = [task.id for task in chooser("unsolved")(demand(2, history))]
    assert tasks[:2] == ["boxes/train/1/1", "boxes/train/2/0"]
    assert len(tasks) == 6
    assert not {one.task_id for one in history} & set(tasks[2:])


def test_a_task_that_the_benchmark_does_not_have_is_looked_for_in_vain_and_not_for_ever() -> None:
    history = [*played("made/train/1/0", 0), *played("boxes/train/2/5", 0)]
    tasks = [task.id for task in chooser("unsolved")(demand(2, history))]
    assert tasks[0] == "boxes/train/2/5"
    assert "made/train/1/0" not in tasks
    assert len(tasks) == 6


def test_tasks_whose_episodes_disagree_come_again_the_most_doubtful_first() -> None:
    history = [
        *played("boxes/train/1/0", 0, 0.2), *played("boxes/train/1/1", 0, 1),
        *played("boxes/train/2/0", 1, 1), *played("boxes/train/2/1", 0),
    ]  # fmt: skip
    tasks = [task.id for task in chooser("uncertain")(demand(2, history))]
    assert tasks[:2] == ["boxes/train/1/1", "boxes/train/1/0"]
    assert not {"boxes/train/2/0", "boxes/train/2/1"} & set(tasks)
    few = [task.id for task in chooser("uncertain:0.17")(demand(2, history))]
    assert few[0] == "boxes/train/1/1"
    assert "boxes/train/1/0" not in few


def test_most_tasks_are_of_the_level_that_is_won_every_other_time() -> None:
    history = [
        *(one for i in range(10) for one in played(f"boxes/train/1/{i}", 1)),
        *(one for i in range(10) for one in played(f"boxes/train/2/{i}", i % 2)),
    ]
    tasks = chooser("edge")(demand(2, history))
    counts = Counter(task.difficulty for task in tasks)
    assert len(tasks) == 6
    assert counts[2] > 2 * counts[1] > 0
    assert not {one.task_id for one in history} & {task.id for task in tasks}


def test_the_next_level_opens_once_the_last_is_won_often_enough() -> None:
    lost = [one for i in range(3) for one in played(f"boxes/train/1/{i}", i == 0)]
    won = [one for i in range(3, 6) for one in played(f"boxes/train/1/{i}", i > 3, generation=2)]

    def levels(history: list[EpisodeSummary], name: str = "curriculum") -> Counter[int]:
        return Counter(task.difficulty for task in chooser(name)(demand(3, history)))

    assert levels([]) == levels(lost) == {1: 6}
    assert levels(lost + won) == {1: 3, 2: 3}, "the last generation counts"
    assert levels(lost + won, "curriculum:0.9") == {1: 6}


def on_a_circle(n_near: int) -> np.ndarray:
    """Return a crowd at one place, and three lone points far from it."""
    angles = np.array([0.001 * i for i in range(n_near)] + [1.5, 3.0, 4.5])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def radius(vectors: np.ndarray, chosen: Sequence[int]) -> float:
    away = np.linalg.norm(vectors[:, None] - vectors[list(chosen)][None], axis=2)
    return float(away.min(axis=1).max())


def test_k_center_covers_clustered_points_better_than_a_random_choice() -> None:
    vectors = on_a_circle(40)
    chosen = farthest_first(vectors, 4, n_candidates=len(vectors))
    rng = np.random.default_rng(0)
    by_chance = [radius(vectors, rng.permutation(len(vectors))[:4].tolist()) for _ in range(50)]
    assert radius(vectors, chosen) < min(by_chance)
    assert len(set(chosen)) == 4


def test_k_center_stays_away_from_what_was_played() -> None:
    vectors = on_a_circle(40)
    order = [*range(1, len(vectors)), 0]  # the first of the crowd was played
    chosen = farthest_first(vectors[order], 3, n_candidates=len(vectors) - 1)
    assert sorted(chosen) == [39, 40, 41]


def test_k_center_tasks_are_fresh_and_chosen_by_what_is_seen_first() -> None:
    def embed(texts: Sequence[str]) -> np.ndarray:
        numbers = [int(text.split("number ")[1].split(",")[0]) % 1000 for text in texts]
        return np.stack([[np.cos(n / 10), np.sin(n / 10)] for n in numbers])

    history = played("boxes/train/1/0", 0)
    tasks = chooser("k-center:2")(demand(2, history, embed=embed))
    assert len({task.id for task in tasks}) == 6
    assert "boxes/train/1/0" not in {task.id for task in tasks}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stream:x", "takes a whole number"),
        ("streem", "did you mean 'stream'"),
        ("fresh:3", "takes no setting"),
        ("curriculum:often", "takes a number"),
    ],
)
def test_an_unknown_strategy_or_setting_is_named(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"acquisition\.tasks.*{said}"):
        chooser(name)
