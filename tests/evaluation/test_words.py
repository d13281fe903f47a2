"""Counts and verdicts in words."""

import pytest

from agentevo.evaluation.words import count, gate_words


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 tasks"), (1, "1 task"), (2, "2 tasks"), (2000, "2,000 tasks")]
)
def test_a_count_has_its_noun_in_the_right_number(n: int, text: str) -> None:
    assert count(n, "task") == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("memory", "memory"),
        ("gate of weights", "gate of weights"),
        ("adoption of a-g1 for m0+plain", "adoption of a-g1 in place of the plain weights"),
        (
            "gate of adoption of b for c for m12+a-g1",
            "gate of adoption of b for c in place of a-g1, with memory 12",
        ),
    ],
)
def test_what_stood_at_the_gate_is_said_in_words(kind: str, text: str) -> None:
    assert gate_words(kind) == text
