"""What a run may set: its settings by component, budgets, and how recipes and files merge.

The order is budget, recipe, the user's file, `--set`; later ones win. An unknown key is an
error that names the nearest known one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from agentevo.settings import (
    AcquisitionSettings,
    AgentSettings,
    EndpointSettings,
    EvaluationSettings,
    MemorySettings,
    ObjectiveSettings,
    RefinementSettings,
    Settings,
    ToolSettings,
    WeightSettings,
)

Budget = Literal["small", "medium", "large"]


class ConfigError(Exception):
    """A setting that does not exist or cannot be so; the user can mend it."""


class RunConfig(Settings):
    """All settings of a run."""

    benchmark: str = "textworld-cooking"
    backbone: str = "seed"
    recipe: str = "default"
    budget: Budget = "small"
    origin: str = ""
    """A run, by name or folder: this one begins with the lessons and the adapter that are in force
    there. Empty: with neither."""
    levels: tuple[int, ...] | None = None
    """None: all levels of the benchmark."""
    n_generations: int = Field(2, ge=0)
    token_budget: int = Field(0, ge=0)
    """Tokens that learning may take: all that is read and written but for the test split, and three
    for each that is trained on. A generation is begun only where what is left covers what the last
    one took. 0: no limit."""
    seed: int = 0
    """Draws the sampling, the lessons that are withheld, and the traces that are trained on."""
    agent: AgentSettings = AgentSettings()
    toolbox: ToolSettings = ToolSettings()
    endpoint: EndpointSettings = EndpointSettings()
    acquisition: AcquisitionSettings = AcquisitionSettings()
    refinement: RefinementSettings = RefinementSettings()
    memory: MemorySettings = MemorySettings()
    weights: WeightSettings = WeightSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    objective: ObjectiveSettings = ObjectiveSettings()


BUDGETS: dict[Budget, dict[str, Any]] = {
    "small": {
        "n_generations": 2,
        "agent": {"max_steps": 50},
        "acquisition": {"n_tasks_per_level": 4},
        "weights": {"max_traces": 80, "max_turns": 300, "n_epochs": 2, "min_traces": 12},
        "evaluation": {"n_gate_per_level": 3, "n_test_per_level": 5},
    },
    "medium": {
        "n_generations": 3,
        "acquisition": {"n_tasks_per_level": 10},
        "weights": {"max_traces": 200, "max_turns": 1000, "n_epochs": 2, "min_traces": 12},
        "evaluation": {"n_gate_per_level": 5, "n_test_per_level": 6},
    },
    "large": {
        "n_generations": 8,
        "acquisition": {"n_tasks_per_level": 40},
        "weights": {"max_traces": 1000, "max_turns": 20_000, "validation_share": 0.1},
        "evaluation": {"n_gate_per_level": 15, "n_test_per_level": 25},
    },
}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` merged over it, table by table."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def make(*layers: Mapping[str, Any]) -> RunConfig:
    """Merge layers of settings, the later over the earlier, and check them.

    Raises:
        ConfigError: a key is unknown or a value is not allowed.
    """
    data: dict[str, Any] = {}
    for layer in layers:
        data = merge(data, layer)
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "model_type":
        return f"{path} is a group of settings: set one of them, such as {_one_of(path)}"
    if first["type"] != "extra_forbidden":
        hint = '; write a list: ["...", "..."]' if first["type"] == "tuple_type" else ""
        return f"{path}: {first['msg']} (got {first['input']!r}){hint}"
    near = get_close_matches(path, list(known_keys()), n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is no setting {path!r}{hint}"


def _one_of(group: str) -> str:
    return next((key for key in known_keys() if key.startswith(f"{group}.")), group)


def checked(settings: Mapping[str, Any], path: Path) -> None:
    """Raise ConfigError, which names the file, where its settings are not allowed."""
    try:
        make(settings)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def known_keys(model: type[BaseModel] = RunConfig, prefix: str = "") -> dict[str, str]:
    """Return every setting by its dotted name, with what it means."""
    keys: dict[str, str] = {}
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= known_keys(kind, f"{prefix}{name}.")
        else:
            keys[f"{prefix}{name}"] = " ".join((info.description or "").split())
    return keys


def parse_set(assignments: Sequence[str]) -> dict[str, Any]:
    """Read `--set a.b=value` assignments; values are TOML, and a bare word is a string.

    Raises:
        ConfigError: an assignment has no `=`.
    """
    data: dict[str, Any] = {}
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        if not sign:
            raise ConfigError(f"--set wants key=value, not {assignment!r}")
        try:
            value = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            value = text
        nested: dict[str, Any] = {key.strip().split(".")[-1]: value}
        for part in reversed(key.strip().split(".")[:-1]):
            nested = {part: nested}
        data = merge(data, nested)
    return data


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: it is not there or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # of the text or its encoding
        raise ConfigError(f"{path} is no TOML: {error}") from None
