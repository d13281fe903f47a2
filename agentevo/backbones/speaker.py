"""A backbone that takes the other part in a conversation, such as a benchmark's user."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentevo import benchmarks
from agentevo.settings import EndpointSettings

if TYPE_CHECKING:
    from agentevo.backbones.backbone import Backbone

MAX_TOKENS = 400  # of one message
_USER = re.compile(r"(?:^|,)user=([^,]+)")


class Speaker:
    """Says the next message of a conversation; loads its model with the first.

    Args:
        name: of the backbone.
        settings: how it is asked.
    """

    def __init__(self, name: str, settings: EndpointSettings | None = None) -> None:
        """Note the name; nothing is loaded yet."""
        self.__qualname__ = name  # which benchmarks take into their fingerprint
        self._settings, self._lock = settings, threading.Lock()
        self._backbone: Backbone | None = None

    def __call__(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return what it says to messages with `role` and `content`."""
        from agentevo.backbones.registry import load

        with self._lock:
            if self._backbone is None:
                self._backbone = load(self.__qualname__, settings=self._settings)
        name = f"user {hash(str(messages[0]))} {len(messages)}"
        chat = self._backbone.chat(episode=name, temperature=0.0, max_tokens=MAX_TOKENS)
        return str(chat.invoke([(one["role"], one["content"]) for one in messages]).text)


def load_benchmark(name: str, settings: EndpointSettings | None = None) -> benchmarks.Benchmark:
    """Return a benchmark; where its options name a backbone as `user`, that plays the user.

    Args:
        name: as `benchmarks.load` takes it, such as `tau2:domain=retail,user=openai:gpt-5`.
        settings: how such a backbone is asked.

    Raises:
        BenchmarkError: there is no such benchmark.
    """
    kind, sign, rest = name.partition(":")
    found = _USER.search(rest)
    if found is None or found[1] == "solo" or ".py" in kind:
        return benchmarks.load(name)
    left = _USER.sub("", rest).strip(",")
    return benchmarks.load(f"{kind}{sign if left else ''}{left}", user=Speaker(found[1], settings))  # type: ignore[arg-type]
