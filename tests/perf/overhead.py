"""What the loop costs a step with an instant model, its durable record included.

Beside it, in the same run, the same graph in raw LangGraph: the same nodes' work reduced to
the call of the model and the step of the environment, with nothing recorded.
"""

from __future__ import annotations

import asyncio
import operator
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

from conditions import write
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph

from agentevo.agent.episode import Episode
from agentevo.agent.graph import build
from agentevo.agent.rollout import Occasion, Player, _trajectories
from agentevo.benchmarks import Observation, Task
from agentevo.ledger import Ledger

N_STEPS = 40
N_EPISODES = 30


class Corridor:
    """Ends after `N_STEPS` steps."""

    tools: Sequence[BaseTool] = ()

    def reset(self) -> Observation:
        """Begin."""
        self.n = 0
        return Observation("A corridor.")

    def step(self, action: str) -> Observation:
        """Go on."""
        self.n += 1
        done = self.n >= N_STEPS
        return Observation(f"Door {self.n}.", terminated=done, success=done, score=float(done))

    def close(self) -> None:
        """Do nothing."""


def chat() -> GenericFakeChatModel:
    """Return an instant model."""
    replies = (AIMessage(f"Thought: on\nAction: go {i}") for i in range(10**6))
    return GenericFakeChatModel(messages=replies)


def in_all_attempts(model: GenericFakeChatModel) -> Callable[[int], GenericFakeChatModel]:
    """Return a model as an episode wants it."""
    return lambda attempt: model


class Raw(TypedDict):
    """The state of the raw graph."""

    messages: Annotated[list[Any], operator.add]
    done: bool


def raw_graph() -> Any:
    """Return the same loop in raw LangGraph: recall, act, observe, judge, nothing kept."""
    model, world = chat(), Corridor()

    async def recall(state: Raw) -> Any:
        first = await asyncio.to_thread(world.reset)
        return {"messages": [SystemMessage("Act."), HumanMessage(first.text)], "done": False}

    async def act(state: Raw) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    async def observe(state: Raw) -> Any:
        seen = await asyncio.to_thread(world.step, str(state["messages"][-1].content))
        return {"messages": [HumanMessage(seen.text)], "done": seen.terminated}

    def judge(state: Raw) -> Any:
        return {}

    graph: Any = StateGraph(Raw)
    for node in (recall, act, observe, judge):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "act")
    graph.add_edge("act", "observe")
    graph.add_conditional_edges("observe", lambda s: "judge" if s["done"] else "act")
    graph.add_edge("judge", END)
    return graph.compile()


async def main() -> None:
    """Measure both in turn, episode by episode."""
    ours, theirs = build(), raw_graph()
    config: Any = {"recursion_limit": 10 * N_STEPS}
    times: dict[str, list[float]] = {"agentevo with record": [], "raw LangGraph": []}
    task = Task("t", "b", "train", "Walk.", 0, 1)
    player: Any = Player(type("B", (), {"adapter": ""})())
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder), write=True)
        ledger.start_run("r", configuration={}, fingerprint="x")
        for i in range(N_EPISODES):
            began = time.perf_counter()
            episode = Episode(
                "Walk.", Corridor(), in_all_attempts(chat()), lambda text: len(text) // 4, 10**6
            )
            state: Any = await ours.ainvoke({}, context=episode, config=config)
            occasion = Occasion(i, "acquisition")
            for one in _trajectories(player, task, occasion, state, "", 0.0):
                ledger.add_episode("r", one)
            times["agentevo with record"].append((time.perf_counter() - began) / N_STEPS * 1e3)
            began = time.perf_counter()
            await theirs.ainvoke({"messages": [], "done": False}, config=config)
            times["raw LangGraph"].append((time.perf_counter() - began) / N_STEPS * 1e3)
        ledger.close()
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:22} {value:.2f} ms a step")
    ratio = medians["agentevo with record"] / medians["raw LangGraph"]
    print(f"ratio {ratio:.2f}")
    write("overhead", {"ms_per_step": medians, "ratio": ratio, "n_episodes": N_EPISODES})


if __name__ == "__main__":
    asyncio.run(main())
