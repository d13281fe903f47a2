"""Recipes: what they say of themselves holds, and they fill the survey's tree."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from agentevo.acquisition.feedback import SOURCES as JUDGES
from agentevo.acquisition.makers import STRATEGIES as MAKERS
from agentevo.acquisition.tasks import AUTO
from agentevo.acquisition.tasks import STRATEGIES as CHOOSERS
from agentevo.api import settle
from agentevo.config import BUDGETS, ConfigError, known_keys, make
from agentevo.memory import FORGETTING
from agentevo.recipes import LEAVES, MECHANISMS, Mechanism, explained, load, users
from agentevo.refinement.correctors import STRATEGIES as CORRECTORS
from agentevo.refinement.distillers import STRATEGIES as DISTILLERS
from agentevo.refinement.filters import STRATEGIES as FILTERS
from agentevo.updating.in_weights import STRATEGIES as TRAINERS

SURVEY = (
    "react", "reflexion", "self-refine", "critic", "expel", "tran", "memorybank", "ice",
    "reasoningbank", "ace", "awm", "star", "rft", "rest-em", "v-star", "eto", "a3t",
    "self-rewarding", "spin", "rlcd", "self-instruct", "evol-instruct", "ssr", "elastic-reset",
    "soups", "dpse", "default",
)  # fmt: skip
REFERENCES = (Path(__file__).parents[2] / "REFERENCES.md").read_text()


@pytest.mark.parametrize("name", SURVEY)
def test_every_named_method_is_a_short_recipe_with_its_paper(name: str) -> None:
    recipe = load(name)
    assert recipe.description
    assert len(Path(recipe.source).read_text().splitlines()) <= 20
    if name != "default":
        (number,) = re.findall(r"\d{4}\.\d{5}", recipe.paper)
        assert number in REFERENCES, "REFERENCES.md lists it"


@pytest.mark.parametrize("one", MECHANISMS, ids=lambda one: f"{one.leaf}, {one.told}")
def test_what_is_said_of_a_mechanism_is_so(one: Mechanism) -> None:
    module, _, name = one.code.partition(":")
    assert hasattr(import_module(module), name)
    assert one.setting in known_keys()
    for number in re.findall(r"\d{4}\.\d{5}", one.paper):
        assert number in REFERENCES
    assert one.leaf in LEAVES


def test_every_leaf_of_the_tree_has_a_mechanism_and_every_mechanism_a_recipe() -> None:
    used = users()
    assert {one.leaf for one in MECHANISMS} == set(LEAVES)
    unused = [f"{one.leaf}: {one.told}" for one, recipes in used.items() if not recipes]
    assert {one.leaf for one, recipes in used.items() if recipes} == set(LEAVES), unused


@pytest.mark.parametrize(
    ("setting", "known"),
    [
        ("acquisition.tasks", CHOOSERS), ("acquisition.make", MAKERS),
        ("acquisition.feedback", JUDGES),
        ("refinement.corrector", CORRECTORS),
        ("refinement.filters", FILTERS), ("refinement.distiller", DISTILLERS),
        ("memory.forgetting", FORGETTING), ("weights.trainer", TRAINERS),
    ],
)  # fmt: skip
def test_every_strategy_that_there_is_stands_in_the_tree(
    setting: str, known: dict[str, object]
) -> None:
    there = {one.value for one in MECHANISMS if one.setting == setting}
    assert there - {AUTO} == set(known)


def test_a_recipe_is_explained_by_what_it_turns_on_and_nothing_else() -> None:
    slots = {
        slot.leaf: {one.told for one in slot.mechanisms}
        for slot in explained(settle({"recipe": "star"}).model_dump(mode="json"))
    }
    assert slots["correcting: critique-free"] == {"refinement.corrector=hint"}
    assert "refinement.filters=success" in slots["filtering: metric-based"]
    assert "weights.trainer=sft" in slots["in weights: replay"]
    assert slots["in context: external memory"] == set(), "it remembers nothing"
    assert slots["solutions: contrastive"] == set(), "pairs belong to dpo"
    plain = explained(settle({"recipe": "react"}).model_dump(mode="json"))
    filled = {slot.leaf for slot in plain if slot.mechanisms}
    assert filled == {
        "solutions: interactive", "feedback: environment", "evaluation: quantitative",
        "evaluation: qualitative",
    }  # fmt: skip


def test_a_strategy_of_ones_own_is_found_beside_its_recipe_and_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(
        'def hardest(demand):\n    """Play the hardest level alone."""\n    return []\n'
    )
    own = tmp_path / "own.toml"
    own.write_text('description = "mine"\n[acquisition]\ntasks = "mine.py:hardest"\n')
    monkeypatch.chdir("/")
    recipe = load(str(own))
    assert recipe.settings["acquisition"]["tasks"] == f"{tmp_path}/mine.py:hardest"
    merged = make(BUDGETS["small"], recipe.settings).model_dump(mode="json")
    slot = next(one for one in explained(merged) if one.leaf == "tasks: selective")
    assert [(one.what, one.paper) for one in slot.mechanisms] == [
        ("Play the hardest level alone", "your own")
    ]
    own.write_text('description = "mine"\n[acquisition]\ntasks = "mine.py:hradest"\n')
    with pytest.raises(ConfigError, match="did you mean 'hardest'"):
        explained(make(BUDGETS["small"], load(str(own)).settings).model_dump(mode="json"))
