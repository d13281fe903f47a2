"""A model that a real vLLM serves calls tools, as text and in its own form: the seed, taught to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentevo.backbones import Backbone, load
from agentevo.experience import Trajectory
from agentevo.settings import EndpointSettings
from tests.backbones.taught import Taught

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AGENTEVO_VLLM") or ROOT / ".vllm/bin/python")
PARSING = ("--enable-auto-tool-choice", "--tool-call-parser", "hermes")

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no environment with vLLM: make vllm"),
]


def serve(taught: Taught) -> Backbone:
    arguments = PARSING if taught.tool_calls == "native" else ()
    settings = EndpointSettings(
        vllm_python=str(PYTHON), vllm_arguments=arguments, n_at_once=8, window=taught.window
    )
    return load(f"vllm:{taught.model}", settings=settings)


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return Taught(tmp_path_factory.mktemp("native"), "native")


@pytest.fixture(scope="module")
def served(native: Taught) -> Iterator[Backbone]:
    backbone = serve(native)
    yield backbone
    backbone.close()


@pytest.fixture(scope="module")
def played(native: Taught, served: Backbone) -> dict[str, list[Trajectory]]:
    return native.played(served)
