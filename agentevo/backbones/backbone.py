"""What the agent needs of a model: a chat model for each episode, and how much fits in it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from langchain_core.language_models import BaseChatModel


class BackboneError(Exception):
    """A backbone that cannot be used as it was asked for; the user can mend it."""


@runtime_checkable
class Backbone(Protocol):
    """A model that acts, and that is trained where its weights are at hand."""

    name: str
    """As the user wrote it, for example `seed`."""
    adapter: str
    """Name of the adapter in force; empty: the plain backbone."""
    window: int
    """Tokens that prompt and reply may have together."""
    weights: Path | None
    """Folder of the weights that training starts from; None: not trainable here."""

    def chat(
        self, *, episode: str, temperature: float, max_tokens: int, with_tokens: bool = False
    ) -> BaseChatModel:
        """Return a chat model for one episode.

        Args:
            episode: names the episode; with a temperature above 0 it fixes the sampling.
            temperature: 0 for the likeliest reply.
            max_tokens: most tokens of one reply.
            with_tokens: True: each reply's `response_metadata` has its tokens as `token_ids`, the
                end included, and their log-probabilities at temperature 1 as `token_logprobs`.
                Asked only of what has `weights`.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has as one message, its framing included."""
        ...

    def with_adapter(self, name: str, folder: Path | None) -> Backbone:
        """Return the same backbone with an adapter, or plain again where `folder` is None."""
        ...

    def close(self) -> None:
        """Give its memory back."""
        ...


@runtime_checkable
class SharesReplies(Protocol):
    """A backbone whose replies can be looked up where another process got them before."""

    def share_replies(self, path: Path) -> None:
        """Look replies up in a file, and keep new ones there."""
        ...
