"""The survey's taxonomy as data: each leaf, what fills it here, and by which setting.

The tree is that of "A Survey on Self-Evolution of Large Language Models" (Tao et al. 2024, arXiv
2404.14387), sections 4 to 7. What is said of a mechanism is checked against the code by a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAVES: dict[str, str] = {
    "tasks: knowledge-based": "1 acquisition, task evolution: made with outside information",
    "tasks: knowledge-free": "1 acquisition, task evolution: made of the model and the pool",
    "tasks: selective": "1 acquisition, task evolution: chosen from what there is",
    "solutions: rationale-based": "1 acquisition, positive solutions: with their reasons",
    "solutions: interactive": "1 acquisition, positive solutions: by acting and looking",
    "solutions: self-play": "1 acquisition, positive solutions: in two roles",
    "solutions: grounded": "1 acquisition, positive solutions: on principles and memory",
    "solutions: contrastive": "1 acquisition, negative solutions: the better against the worse",
    "solutions: perturbative": "1 acquisition, negative solutions: made worse by their prompt",
    "feedback: model": "1 acquisition, feedback: by a model",
    "feedback: environment": "1 acquisition, feedback: by the environment",
    "filtering: metric-based": "2 refinement, filtering: by a score or rule",
    "filtering: metric-free": "2 refinement, filtering: by agreement",
    "correcting: critique-based": "2 refinement, correcting: on a critique",
    "correcting: critique-free": "2 refinement, correcting: on what is known",
    "in weights: replay": "3 updating, in weights: what was lived through or made up comes again",
    "in weights: regularization": "3 updating, in weights: near to where they were",
    "in weights: architecture": "3 updating, in weights: parts that are added and merged",
    "in context: external memory": "3 updating, in context: what is kept and recalled",
    "in context: working memory": "3 updating, in context: what is in mind now",
    "evaluation: quantitative": "4 evaluation: in numbers",
    "evaluation: qualitative": "4 evaluation: in words",
    "evaluation: objective": "4 evaluation: what is to be learned next",
}
"""By name: the phase, and what the leaf is."""


@dataclass(frozen=True)
class Mechanism:
    """One way to fill a leaf."""

    leaf: str
    setting: str
    """The setting that turns it on, by its dotted name."""
    value: str
    """The value that does: a word, which may be one of a list or be followed by a setting of its
    own (`cap:4`); `>N`, any number above it; `true`; or `any`, where the setting names anything."""
    what: str
    paper: str
    """Who described it; empty: plain practice."""
    code: str
    """Where it stands, as `module:name`."""

    @property
    def told(self) -> str:
        """The setting as it is written."""
        if self.value == "any":
            return self.setting
        return (
            f"{self.setting} {self.value}"
            if self.value[0] == ">"
            else f"{self.setting}={self.value}"
        )

    def is_on(self, settings: Mapping[str, Any]) -> bool:
        """Return whether settings, by dotted name, turn it on."""
        found = settings.get(self.setting)
        if self.value == "any":
            return bool(found)
        if self.value == "true":
            return found is True
        if self.value.startswith(">"):
            return found is not None and float(found) > float(self.value[1:])
        names = found if isinstance(found, (list, tuple)) else str(found or "").split("+")
        return self.value in {str(one).partition(":")[0] for one in names} | set(map(str, names))


@dataclass(frozen=True)
class Slot:
    """A leaf, and what a recipe fills it with."""

    leaf: str
    mechanisms: tuple[Mechanism, ...]


def slots(settings: Mapping[str, Any], mechanisms: Sequence[Mechanism]) -> list[Slot]:
    """Return every leaf with what settings turn on of it, in the tree's order.

    Phases that settings leave out have nothing: without lessons no memory, without a trainer no
    weights, and where nothing is learned none of what learning is made of.
    """
    return [
        Slot(
            leaf,
            tuple(one for one in mechanisms if one.leaf == leaf and _counts(one, settings)),
        )
        for leaf in LEAVES
    ]


def _counts(one: Mechanism, settings: Mapping[str, Any]) -> bool:
    learns = settings["n_generations"] > 0
    trains = learns and settings["weights.trainer"] != "none"
    remembers = learns and settings["memory.enabled"] is True
    if one.setting.startswith("refinement.corrector"):
        n = max(settings["acquisition.n_attempts"] if learns else 1,
                settings["evaluation.n_attempts"])  # fmt: skip
        return n > 1 and one.is_on(settings)
    if one.setting == "refinement.filters":
        return trains and one.is_on(settings)
    if one.setting == "evaluation.choose":
        return settings["evaluation.n_candidates"] > 1 and one.is_on(settings)
    if one.setting == "weights.lessons":
        return trains and remembers and one.is_on(settings)
    if one.setting.startswith("weights."):
        return trains and _pairs_count(one, settings) and one.is_on(settings)
    if one.setting == "evaluation.n_gate_per_level":
        return learns and one.is_on(settings)
    if one.setting.startswith(("memory.", "refinement.")) and one.setting != "memory.principles":
        return remembers and one.is_on(settings)
    if one.setting.startswith("acquisition."):
        return learns and one.is_on(settings)
    return one.is_on(settings)


def _pairs_count(one: Mechanism, settings: Mapping[str, Any]) -> bool:
    return one.setting != "weights.pairs" or "dpo" in str(settings["weights.trainer"]).split("+")
