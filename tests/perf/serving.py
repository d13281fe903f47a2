"""Episodes on vLLM beside the same requests sent plainly: output tokens a second.

Episodes are played on a real vLLM server with the seed; every request is noted. Then the very same
requests are sent by a bare client of OpenAI's, so many at once as episodes were played, and the two
take turns. What episodes lose is what the house and the game do between the calls, on the cores
that the server wants as well where it has no GPU, and the tail in which few of them are left.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from statistics import median
from typing import Any

from conditions import write
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from openai import AsyncOpenAI
from rich.console import Console
from rich.table import Table

from agentevo import benchmarks
from agentevo.agent.episode import Limits
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.backbones.chat import Hear
from agentevo.backbones.seed.weights_file import checked_folder
from agentevo.backbones.server import Server
from agentevo.backbones.vllm import VLLM
from agentevo.settings import EndpointSettings


class Noting(VLLM):
    """Notes what it is asked."""

    def submit(
        self,
        messages: Sequence[BaseMessage],
        sampling: dict[str, Any],
        tools: Sequence[dict[str, Any]] = (),
        hear: Hear | None = None,
    ) -> Future[AIMessage]:
        """Note the request, and send it."""
        self.noted.append((list(messages), dict(sampling)))
        return super().submit(messages, sampling, tools, hear)

    noted: list[tuple[list[BaseMessage], dict[str, Any]]]


async def episodes(backbone: Noting, n: int, n_at_once: int) -> tuple[int, float]:
    """Play; return the reply tokens and the seconds."""
    benchmark = benchmarks.load("textworld-cooking")
    tasks = benchmark.tasks("train", n)
    benchmark.prepare(tasks, workers=2)
    player = Player(backbone, limits=Limits(max_steps=30))
    began, n_tokens = time.monotonic(), 0
    async for attempts in play_all(
        player, benchmark, tasks, Occasion(0, "evaluation"), n_at_once=n_at_once
    ):
        n_tokens += sum(one.n_reply_tokens for one in attempts)
    return n_tokens, time.monotonic() - began


async def plainly(backbone: Noting, requests: Sequence[Any], n_at_once: int) -> tuple[int, float]:
    """Send the same requests; return the reply tokens and the seconds."""
    free, n_tokens = asyncio.Semaphore(n_at_once), 0
    prepared = [(convert_to_openai_messages(messages), more) for messages, more in requests]
    async with AsyncOpenAI(base_url=backbone.url, api_key="none", timeout=300) as client:

        async def send(messages: Any, more: dict[str, Any]) -> int:
            async with free:
                reply = await client.chat.completions.create(
                    model=backbone.model, messages=messages, **more
                )
            return reply.usage.completion_tokens if reply.usage else 0

        began = time.monotonic()
        n_tokens = sum(await asyncio.gather(*(send(*one) for one in prepared)))
        return n_tokens, time.monotonic() - began


def main(argv: Sequence[str] | None = None) -> None:
    """Take turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=".vllm/bin/python", help="of vLLM's environment")
    parser.add_argument("--n", type=int, default=6, help="games of each level")
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(argv)
    server = Server(str(checked_folder()), python=str(Path(args.python).absolute()))
    settings = EndpointSettings(n_at_once=args.at_once, window=1250, timeout_s=300)
    backbone = Noting(server.url, str(checked_folder()), settings, server=server)
    backbone.noted = []
    asyncio.run(episodes(backbone, args.n, args.at_once))  # to warm up, and to note
    requests = list(backbone.noted)
    rates: dict[str, list[float]] = {"episodes": [], "plainly": []}
    cores: dict[str, list[float]] = {"episodes": [], "plainly": []}  # that this side takes away
    for _ in range(args.repeats):
        for name in rates:
            before = time.process_time()
            played = (
                episodes(backbone, args.n, args.at_once)
                if name == "episodes"
                else plainly(backbone, requests, args.at_once)
            )
            n, seconds = asyncio.run(played)
            rates[name].append(n / seconds)
            cores[name].append((time.process_time() - before) / seconds)
    backbone.close()
    table = Table("how", "reply tokens/s", "each time", "cores used by this side")
    for name, some in rates.items():
        each = ", ".join(f"{one:,.0f}" for one in some)
        table.add_row(name, f"{median(some):,.0f}", each, f"{median(cores[name]):.2f}")
    ratio = median(rates["episodes"]) / median(rates["plainly"])
    Console().print(table, f"{len(requests)} requests; ratio {ratio:.2f}")
    figures = {"n_requests": len(requests), "at_once": args.at_once, "rates": rates, "cores": cores}
    write(f"serving-{args.at_once}", figures | {"ratio": ratio})


if __name__ == "__main__":
    main()
