"""A causal language model of transformers on this machine, as a LangChain chat model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from agentevo import files
from agentevo.backbones.adapter import check_base
from agentevo.backbones.backbone import BackboneError
from agentevo.backbones.chat import EpisodeChat, Hear
from agentevo.backbones.replies import Replies, key_of

ROLE = {"system": "system", "human": "user", "ai": "assistant"}


class LocalChat(EpisodeChat):
    """A chat model for one episode, on a model that many episodes share."""

    def submit(
        self, messages: Sequence[BaseMessage], hear: Hear | None = None
    ) -> tuple[Future[Any], Callable[[Any], AIMessage]]:
        """Queue the dialogue; return the future of the reply's tokens, and how to read them."""
        ids = self.backbone.encode(messages)
        future = self.backbone.submit(
            ids,
            session=self.episode,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            seed=f"{self.episode}/{len(messages)}/{len(ids)}",
            with_logprobs=self.with_tokens,
            hear=None if hear is None else self._telling(hear),
        )
        return future, lambda reply: self._message(ids, reply)

    def _telling(self, hear: Hear) -> Callable[[Sequence[int]], None]:
        """Return what hears of a reply's tokens so far, and passes on the text that is new."""
        n_told = 0

        def told(ids: Sequence[int]) -> None:
            nonlocal n_told
            text = str(self.backbone.tokenizer.decode(ids))
            if not text.endswith("\ufffd"):  # half a character
                hear(text[n_told:])
                n_told = len(text)

        return told

    def _message(self, ids: list[int], reply: Any) -> AIMessage:
        end = [self.backbone.tokenizer.eos_token_id] if reply.finished else []
        tokens = {"token_ids": [*reply.ids, *end], "token_logprobs": reply.logprobs}
        return AIMessage(
            content=self.backbone.tokenizer.decode(reply.ids),
            usage_metadata={
                "input_tokens": len(ids),
                "output_tokens": len(reply.ids) + int(reply.finished),
                "total_tokens": len(ids) + len(reply.ids) + int(reply.finished),
                "input_token_details": {"cache_read": reply.n_cached},
            },
            response_metadata={
                "model_name": self.backbone.name,
                "adapter": self.backbone.adapter,
                "finish_reason": "stop" if reply.finished else "length",
                **(tokens if self.with_tokens else {}),
            },
        )


class Local:
    """A model from a folder in the Hugging Face form.

    Args:
        name: as the user wrote it.
        folder: with config, weights and tokenizer; the tokenizer has a chat template.
        adapter: name of the adapter in force.
        adapter_folder: a PEFT adapter, or a whole model of the same kind; None: plain.
        n_slots: most requests at once.
        max_window: most tokens of prompt and reply; None: what the model was made for.

    Raises:
        BackboneError: the folder is not such a model.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        adapter: str = "",
        adapter_folder: Path | None = None,
        n_slots: int = 32,
        max_window: int | None = None,
    ) -> None:
        """Load the model; see the class."""
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from agentevo.backbones.batching import Batchers

        if adapter_folder is not None:
            check_base(adapter_folder, folder)
        self.name, self.adapter = name, adapter
        self.weights: Path | None = folder
        self._n_slots, self._max_window = n_slots, max_window
        source = folder
        is_peft = adapter_folder is not None and (adapter_folder / "adapter_config.json").exists()
        if adapter_folder is not None and not is_peft:
            source = adapter_folder
        try:
            model = AutoModelForCausalLM.from_pretrained(
                source, dtype=torch.float32, local_files_only=True
            )
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            if is_peft:
                from peft import PeftModel

                source = adapter_folder  # type: ignore[assignment]
                peft: Any = PeftModel.from_pretrained(model, adapter_folder)
                model = peft.merge_and_unload()
        except (OSError, ValueError, SafetensorError, RuntimeError) as error:
            raise BackboneError(f"{source} is no model that can be loaded: {error}") from error
        if self.tokenizer.chat_template is None:
            raise BackboneError(f"the tokenizer in {folder} has no chat template")
        if torch.cuda.is_available():
            model = model.to("cuda", torch.bfloat16)
        elif torch.backends.mps.is_available():
            model = model.to("mps")
        self.model = model.eval()
        longest = min(model.config.max_position_embeddings, self.tokenizer.model_max_length)
        self.window = min(longest, max_window or longest)
        self.batchers = Batchers(model, self.tokenizer.eos_token_id, self.window, n_slots)
        self._source = source
        self._replies: Replies | None = None
        self._count = lru_cache(maxsize=20_000)(self._count_tokens)

    def share_replies(self, path: Path) -> None:
        """Look up what was said before, in this process or another; see `Replies`."""
        assert self.weights is not None
        self._replies_path, self._replies = path, Replies(path)
        self._digest = files.sha256_of(*files.all_in(self.weights))
        if self._source != self.weights:
            self._digest += files.sha256_of(*files.all_in(self._source))

    def submit(
        self, ids: Sequence[int], *, session: str, max_tokens: int, temperature: float, seed: str,
        with_logprobs: bool, hear: Callable[[Sequence[int]], None] | None,
    ) -> Future[Any]:  # fmt: skip
        """Return the future of a reply, which is there at once where it is known."""
        asked: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature, "seed": seed,
                                 "with_logprobs": with_logprobs}  # fmt: skip
        replies = self._replies
        if replies is None:
            return self.batchers.submit(ids, session=session, hear=hear, **asked)
        key = key_of(self._digest, ids, **asked)
        if (known := replies.get(key)) is not None:
            if hear is not None:
                hear(known.ids)
            future: Future[Any] = Future()
            future.set_result(known)
            return future
        future = self.batchers.submit(ids, session=session, hear=hear, **asked)
        future.add_done_callback(lambda done: replies.keep(key, done))
        return future

    def chat(
        self, *, episode: str, temperature: float, max_tokens: int, with_tokens: bool = False
    ) -> LocalChat:
        """Return a chat model for one episode."""
        return LocalChat(
            backbone=self, episode=episode, temperature=temperature, max_tokens=max_tokens,
            with_tokens=with_tokens,
        )  # fmt: skip

    def encode(self, messages: Sequence[BaseMessage]) -> list[int]:
        """Return the token ids of a dialogue, up to where the reply begins.

        Raises:
            BackboneError: the dialogue leaves no room for a reply.
        """
        turns = [{"role": ROLE[m.type], "content": str(m.content)} for m in messages]
        text = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if len(ids) >= self.window:
            raise BackboneError(
                f"a prompt of {len(ids)} tokens does not fit {self.name}, which takes {self.window}"
            )
        return ids

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has as one message, its framing included."""
        return self._count(text)

    def _count_tokens(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) + 2

    def with_adapter(self, name: str, folder: Path | None) -> Local:
        """Return the same model with an adapter, or plain again where `folder` is None."""
        assert self.weights is not None
        made = Local(
            self.name, self.weights, adapter=name, adapter_folder=folder,
            n_slots=self._n_slots, max_window=self._max_window,
        )  # fmt: skip
        if self._replies is not None:
            made.share_replies(self._replies_path)
        return made

    def close(self) -> None:
        """End the loops that serve the model."""
        self.batchers.close()
        if self._replies is not None:
            self._replies.close()
