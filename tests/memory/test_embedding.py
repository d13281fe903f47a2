import pickle
import socket
from pathlib import Path

import numpy as np
import pytest

from agentevo.memory import MemoryAccessError, MiniLM, SentenceModel
from agentevo.memory import embedding as module


def test_minilm_gives_unit_vectors_that_know_meaning(minilm: MiniLM) -> None:
    vectors = minilm.embed(["fry the apple", "cook the apple in a pan", "the stock market fell"])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_a_text_is_embedded_once(minilm: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    first = minilm.embed(["a text of its own"])
    monkeypatch.setattr(minilm, "_encode", lambda _: pytest.fail("asked again"))
    assert np.array_equal(minilm.embed(["a text of its own"] * 2), first.repeat(2, axis=0))
    assert minilm.embed([]).shape == (0, 384)


def test_minilm_opens_no_connection_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a network call"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a network call"))
    MiniLM().embed(["quietly"])
    assert capfd.readouterr() == ("", "")


def test_minilm_pickles_without_its_weights(minilm: MiniLM) -> None:
    minilm.embed(["loaded"])
    packed = pickle.dumps(minilm)
    assert len(packed) < 1000
    again = pickle.loads(packed)
    assert again.name == minilm.name == "all-MiniLM-L6-v2@53aa5117"
    assert again.dimension == 384


def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MINILM_SHA256", "0" * 64)
    with pytest.raises(MemoryAccessError, match="53aa5117"):
        MiniLM().embed(["a"])


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MemoryAccessError, match="local cache"):
        SentenceModel(tmp_path / "nothing").embed(["a"])


def test_any_other_model_goes_by_its_folder(minilm: MiniLM) -> None:
    other = SentenceModel(minilm._path(), threads=None)
    assert other.dimension == 384
    assert np.allclose(other.embed(["a text"]), minilm.embed(["a text"]), atol=1e-6)
