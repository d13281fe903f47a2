"""Chat models of LangChain's as backbones: by provider, or on a server that speaks OpenAI's API."""

from __future__ import annotations

import os
from typing import Any

from langchain_core.language_models import BaseChatModel

from agentevo.backbones.backbone import BackboneError
from agentevo.backbones.endpoint import Endpoint
from agentevo.settings import EndpointSettings


def of_provider(provider: str, model: str, settings: EndpointSettings) -> Endpoint | None:
    """Return a provider's chat model; None: LangChain knows no such provider.

    Raises:
        BackboneError: its package, or the key it wants, is missing.
    """
    from langchain.chat_models import init_chat_model

    def make() -> BaseChatModel:
        made: Any = init_chat_model(model, model_provider=provider, max_retries=0)
        return made  # type: ignore[no-any-return]

    name = f"{provider}:{model}"
    try:
        make()
    except ImportError as error:
        raise BackboneError(f"{name}: {_line(error)}") from None
    except ValueError as error:
        if "provider" in str(error).lower():
            return None
        raise BackboneError(f"{name}: {_line(error)}") from None
    except Exception as error:  # such as a missing key: each library has errors of its own
        raise BackboneError(f"{name}: {_line(error)}") from None
    return Endpoint(name, make, settings)


def openai_compatible(name: str, url: str, model: str, settings: EndpointSettings) -> Endpoint:
    """Return a model on a server that speaks OpenAI's API.

    The key is `OPENAI_API_KEY`, where one is set. Nothing is asked yet.

    Args:
        name: as the user wrote it.
        url: of the server, such as `http://localhost:8000/v1`.
        model: as the server calls it.
        settings: how it is asked.

    Raises:
        BackboneError: the URL or the model is missing.
    """
    if not url.startswith(("http://", "https://")) or not model:
        raise BackboneError(f"{name}: write endpoint:URL#MODEL, such as http://localhost:8000/v1#m")
    return Endpoint(name, lambda: openai_chat(url, model, settings), settings)


def openai_chat(url: str, model: str, settings: EndpointSettings, **more: Any) -> BaseChatModel:
    """Return LangChain's model of a server that speaks OpenAI's API, with a client of its own."""
    from langchain_openai import ChatOpenAI
    from openai import DefaultAsyncHttpxClient

    return ChatOpenAI(
        model=model, base_url=url, api_key=api_key(),
        max_retries=0, timeout=settings.timeout_s, use_responses_api=False, stream_usage=True,
        http_async_client=DefaultAsyncHttpxClient(timeout=settings.timeout_s), **more,
    )  # fmt: skip


def api_key() -> str:
    """Return the key for servers of OpenAI's API; those that want none get a word."""
    return os.environ.get("OPENAI_API_KEY") or "none"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
