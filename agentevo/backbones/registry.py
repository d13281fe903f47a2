"""Finds backbones by name: `seed`, `local:FOLDER`, `endpoint:URL#MODEL`, a provider's, a file's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from agentevo.backbones.backbone import Backbone, BackboneError
from agentevo.files import from_file
from agentevo.settings import EndpointSettings
from agentevo.strategies import hint

GROUP = "agentevo.backbones"


def _seed(rest: str, n_slots: int, settings: EndpointSettings) -> Backbone:
    from agentevo.backbones.local import Local
    from agentevo.backbones.seed.weights_file import checked_folder

    return Local("seed", checked_folder(), n_slots=n_slots)


def _local(rest: str, n_slots: int, settings: EndpointSettings) -> Backbone:
    from agentevo.backbones.local import Local

    return Local(f"local:{rest}", _folder(rest), n_slots=n_slots)


def _folder(name: str) -> Path:
    """Return the folder of a model: the path itself, or where Hugging Face's cache has the name."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    if (Path(name) / "config.json").is_file():
        return Path(name)
    try:
        found = Path(snapshot_download(name, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        found = Path(name)
    if (found / "adapter_config.json").is_file():
        raise BackboneError(
            f"{name} is a LoRA adapter and no whole model: export it once more with --merged "
            "(agentevo adapters export --merged)"
        )
    if not (found / "config.json").is_file():
        raise BackboneError(
            f"{name or '(nothing)'} is no model: neither a folder with a config.json, nor a name "
            "in the local cache of Hugging Face"
        )
    return found


def _endpoint(rest: str, n_slots: int, settings: EndpointSettings) -> Backbone:
    from agentevo.backbones.providers import openai_compatible

    url, _, model = rest.partition("#")
    return openai_compatible(f"endpoint:{rest}", url, model, settings)


def _vllm(rest: str, n_slots: int, settings: EndpointSettings) -> Backbone:
    from agentevo.backbones.vllm import VLLM

    if rest.startswith(("http://", "https://")):
        url, _, model = rest.partition("#")
        return VLLM(url, model, settings)
    if not rest:
        raise BackboneError("vllm: write vllm:URL#MODEL, or vllm:MODEL for a server of our own")
    from agentevo.backbones.server import Server

    server = Server(
        rest, python=settings.vllm_python, arguments=settings.vllm_arguments,
        rank=settings.vllm_max_rank,
    )  # fmt: skip
    try:
        return VLLM(server.url, rest, settings, server=server)
    except BaseException:
        server.stop()
        raise


OURS: dict[str, tuple[Callable[[str, int, EndpointSettings], Backbone], str]] = {
    "seed": (_seed, "the small model that ships with agentevo; trainable"),
    "local": (
        _local,
        "local:FOLDER or local:NAME, a causal model in the Hugging Face form, here or "
        "in its cache; trainable",
    ),
    "vllm": (_vllm, "vllm:URL#MODEL, a vLLM server, or vllm:MODEL, which starts one; trainable"),
    "endpoint": (_endpoint, "endpoint:URL#MODEL, any server that speaks OpenAI's API"),
}


def names() -> dict[str, str]:
    """Return every known kind of backbone with a line on it."""
    plugins = {point.name: f"from {point.value}" for point in entry_points(group=GROUP)}
    ours = {name: text for name, (_, text) in OURS.items()}
    rest = {
        "PROVIDER:MODEL": "any chat model of LangChain's, such as openai:gpt-5 or anthropic:NAME",
        "file.py:name": "a chat model of LangChain's, or a function of (rest, n_slots) that gives "
        "one, or a Backbone",
    }
    return ours | plugins | rest


def load(name: str, *, n_slots: int = 32, settings: EndpointSettings | None = None) -> Backbone:
    """Return a backbone.

    Args:
        name: `kind`, `kind:rest`, or `path/to/file.py:name`; plugins and files give a function
            of the rest and `n_slots`.
        n_slots: requests that will be served at once.
        settings: how a model is asked that is served elsewhere.

    Raises:
        BackboneError: there is no such backbone, or it cannot be loaded.
    """
    settings = settings or EndpointSettings()
    if ".py:" in name:
        return _called(name, from_file(name, BackboneError), n_slots, settings)
    if name.endswith(".py"):
        raise BackboneError(f"{name} is a file: write {name}:NAME, a name that it defines")
    kind, _, rest = name.partition(":")
    if kind in OURS:
        return OURS[kind][0](rest, n_slots, settings)
    points = {point.name: point for point in entry_points(group=GROUP)}
    if kind in points:
        return points[kind].load()(rest, n_slots)  # type: ignore[no-any-return]
    if rest:
        from agentevo.backbones.providers import of_provider

        if (made := of_provider(kind, rest, settings)) is not None:
            return made
    known = sorted([*OURS, *points])
    also = "; or PROVIDER:MODEL, such as openai:gpt-5; or file.py:NAME"
    raise BackboneError(f"there is no backbone {name!r}{hint(kind, known, also)}")


def weights_of(name: str, settings: EndpointSettings | None = None) -> Path | None:
    """Return the folder of a backbone's weights; None: they are not at hand.

    Where the name tells it, nothing is loaded.

    Raises:
        BackboneError: there is no such backbone, or it cannot be loaded.
    """
    kind, _, rest = name.partition(":")
    if kind == "seed":
        from agentevo.backbones.seed.weights_file import checked_folder

        return checked_folder()
    if kind == "local":
        return _folder(rest)
    if kind == "vllm" and (Path(rest) / "config.json").is_file():
        return Path(rest)
    backbone = load(name, n_slots=1, settings=settings)
    try:
        return backbone.weights
    finally:
        backbone.close()


def _called(name: str, found: object, n_slots: int, settings: EndpointSettings) -> Backbone:
    """Return the backbone that a file gives: a chat model, or a function that returns one."""
    from langchain_core.language_models import BaseChatModel
    from pydantic import BaseModel

    from agentevo.backbones.endpoint import Endpoint

    wanted = (
        f"{name} must be a chat model, or a function of (rest, n_slots) that returns one, or a "
        "Backbone"
    )
    if isinstance(found, BaseChatModel):
        return Endpoint(name, lambda: found, settings)
    if not callable(found):
        raise BackboneError(f"{wanted}, not a {type(found).__name__}")
    if isinstance(found, type) and issubclass(found, BaseModel) and _takes_fields(found):
        short = found.__name__
        raise BackboneError(
            f"{wanted}, not the class {short}: write `mine = {short}(...)`, and name that"
        )
    try:
        inspect.signature(found).bind("", n_slots)
    except TypeError as error:
        raise BackboneError(f"{wanted}: {error}") from error
    built: object = found("", n_slots)
    if isinstance(built, BaseChatModel):
        return Endpoint(name, lambda: built, settings)
    if not isinstance(built, Backbone):
        raise BackboneError(f"{wanted}, not a {type(built).__name__}")
    return built


def _takes_fields(found: type) -> bool:
    """Return whether a pydantic class is made of its fields alone, as it is by default."""
    own = next(one for one in found.__mro__ if "__init__" in vars(one))
    return own.__module__.startswith(("pydantic.", "langchain_core."))
