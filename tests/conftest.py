"""What all tests share: a home of their own, and a tiny model of the seed's kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

WORLDS = Path(__file__).parent / "worlds.py"


@pytest.fixture(autouse=True, scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep whatever is written by default out of the user's home."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTEVO_HOME", str(folder))
        patch.setenv("LANGSMITH_TRACING", "false")
        yield folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a random model of the seed's kind, with its tokenizer."""
    from agentevo.backbones.seed.plan import Plan
    from agentevo.backbones.seed.pretrain import new_model
    from agentevo.backbones.seed.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = train_tokenizer(60, 700)
    tokenizer.save_pretrained(folder)
    model = new_model(Plan(n_dim=32, n_layers=2, n_heads=2), tokenizer)
    model.save_pretrained(folder)
    return folder
