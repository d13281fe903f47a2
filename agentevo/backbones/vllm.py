"""A model that vLLM serves, with adapters that are loaded and unloaded while it serves."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from langchain_core.messages import AIMessage
from openai import OpenAI, OpenAIError

from agentevo.backbones.adapter import check_base
from agentevo.backbones.backbone import BackboneError
from agentevo.backbones.endpoint import Endpoint
from agentevo.backbones.providers import api_key, openai_chat
from agentevo.backbones.server import Server
from agentevo.settings import EndpointSettings

CONTROL_TIMEOUT_S = 60.0


class VLLM(Endpoint):
    """A model on a vLLM server, plain or with one adapter.

    Adapters are loaded through the server's run-time LoRA API under their own names, which are
    never used twice, since a server may keep what it knew of a name. Each reply is compared with
    the adapter that was asked for.

    Args:
        url: of the server, `/v1` included.
        model: as the server calls it; empty: the one that it serves.
        settings: how it is asked.
        server: a server of our own, which ends with the plain model.

    Raises:
        BackboneError: nobody answers there, or it serves no such model.
    """

    asks_for_tokens = MappingProxyType(
        {"logprobs": True, "extra_body": {"return_tokens_as_token_ids": True}}
    )

    def __init__(
        self,
        url: str,
        model: str = "",
        settings: EndpointSettings | None = None,
        *,
        server: Server | None = None,
    ) -> None:
        """Ask the server what it serves."""
        self.url, self._server, self._asked_of = url, server, server
        settings = settings or EndpointSettings()
        found = self._served(model)
        self.model = self._plain = str(found.id)
        super().__init__(
            f"vllm:{self._plain}" if server else f"vllm:{url}#{self._plain}", self._chat, settings,
            window=getattr(found, "max_model_len", None),
        )  # fmt: skip
        root = Path(getattr(found, "root", "") or self._plain)
        self.weights = root if (root / "config.json").is_file() else None
        self._count = lru_cache(maxsize=20_000)(self._count_tokens)

    def _chat(self) -> Any:
        return openai_chat(self.url, self.model, self.settings)

    def _control(self) -> OpenAI:
        """Return a client for what is not asked of a model."""
        return OpenAI(base_url=self.url, api_key=api_key(), timeout=CONTROL_TIMEOUT_S)

    def _served(self, model: str) -> Any:
        try:
            with self._control() as client:
                found = {one.id: one for one in client.models.list()}
        except OpenAIError as error:
            raise BackboneError(f"no vLLM server answers at {self.url}: {error}") from None
        bases = [one for one in found.values() if not getattr(one, "parent", None)]
        if not model and len(bases) == 1:
            return bases[0]
        if model not in found:
            known = ", ".join(one.id for one in bases) or "nothing"
            raise BackboneError(f"the server at {self.url} serves {known}, not {model!r}")
        return found[model]

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has, by the model's tokenizer where its folder is here."""
        return self._count(text)

    def _count_tokens(self, text: str) -> int:
        tokenizer = _tokenizer(self.weights) if self.weights is not None else None
        if tokenizer is None:
            return super().count_tokens(text)
        return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) + 2

    def with_adapter(self, name: str, folder: Path | None) -> VLLM:
        """Return the same model with an adapter, which the server loads now.

        Args:
            name: the adapter's; not used before on this server for another one.
            folder: of PEFT's form, at a path that the server can read; None: plain.

        Raises:
            BackboneError: the server does not take it.
        """
        other = copy(self)
        other._server = None  # it ends with the one that it was started for
        other._begin(other._chat)
        other.adapter, other.model = ("", self._plain) if folder is None else (name, name)
        if folder is not None:
            if self.weights is not None:
                check_base(folder, self.weights)
            body = {"lora_name": name, "lora_path": str(folder.absolute())}
            try:
                with self._control() as client:
                    known = {one.id for one in client.models.list()}
                    if name not in known:
                        client.post("/load_lora_adapter", body=body, cast_to=str)
            except OpenAIError as error:
                raise BackboneError(
                    f"vLLM at {self.url} does not load adapter {name} (it must be started with "
                    f"--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True): {error}"
                ) from None
        return other

    def checked(self, reply: AIMessage) -> AIMessage:
        """Return a reply, stamped with the adapter that served it.

        Raises:
            BackboneError: another one served it.
        """
        served = reply.response_metadata.get("model_name")
        if served != self.model:
            raise BackboneError(f"{served!r} served a request to {self.model!r} at {self.url}")
        told = reply.response_metadata.pop("logprobs", None)
        if told and (content := told.get("content")):
            reply.response_metadata |= {
                "token_ids": [int(one["token"].removeprefix("token_id:")) for one in content],
                "token_logprobs": [float(one["logprob"]) for one in content],
            }
        return super().checked(reply)

    def gone(self) -> str:
        """Return why our own server will answer no more; empty: it may."""
        why = self._asked_of.ended() if self._asked_of is not None else ""
        return f"ended: {why}" if why else ""

    def _end(self) -> None:
        """Let the client go, and unload the adapter: nobody asks for it any more."""
        super()._end()
        if self._server is not None:
            self._server.stop()
        elif self.adapter:
            with suppress(OpenAIError), self._control() as client:  # the server may be gone by now
                body = {"lora_name": self.adapter}
                client.post("/unload_lora_adapter", body=body, cast_to=str)


@lru_cache(maxsize=4)
def _tokenizer(folder: Path) -> Any:
    """Return the tokenizer in a model's folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
