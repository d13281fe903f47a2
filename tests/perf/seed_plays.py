"""How far the seed backbone gets by itself in training worlds whose laws it is told.

`seed_errors.py` corrects it after every token; here it lives with what it said. The worlds are
none that training draws. Where it fails here, it will fail in games.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from conditions import write
from rich.console import Console
from rich.table import Table

from agentevo import backbones
from agentevo.agent.episode import Recollection
from agentevo.agent.rollout import Occasion, Player, play_all
from agentevo.backbones.seed.drawing import Size, draw_world
from agentevo.backbones.seed.samples import ending_lesson, lesson_of
from agentevo.backbones.seed.world import World
from agentevo.benchmarks import Observation, Task
from agentevo.dialogue import prompts
from agentevo.experience import Recall, Trajectory

SIZES = {
    "1 room, 1 thing": Size(1, 1, 0.9, 0.0),
    "1 room, 1 thing, half done": Size(1, 1, 0.9, 0.5),
    "1 room, 3 things": Size(1, 3, 0.5, 0.0),
    "6 rooms, 1 thing, nothing to do": Size(6, 1, 0.0, 0.0),
    "12 rooms, 1 thing, nothing to do": Size(12, 1, 0.0, 0.0),
    "6 rooms, 3 things": Size(6, 3, 0.5, 0.5),
}


class Playing:
    """A training world as an environment."""

    tools: Sequence[Any] = ()

    def __init__(self, world: World) -> None:
        """Take a world as it was drawn."""
        self._world = world

    def reset(self) -> Observation:
        """Return what is seen first."""
        return Observation(self._world.here.describe())

    def step(self, action: str) -> Observation:
        """Carry out a command."""
        world = self._world
        before, text = world.score, world.step(action)
        return Observation(
            text, (world.score - before) / world.max_score, terminated=world.over,
            score=world.score / world.max_score, success=world.won,
        )  # fmt: skip

    def close(self) -> None:
        """Do nothing."""


class Worlds:
    """Training worlds as tasks, drawn from a stream of their own; a level is a size."""

    name = "seed-worlds"

    def __init__(self) -> None:
        """Begin with nothing drawn."""
        self._drawn: dict[str, tuple[World, tuple[str, ...]]] = {}

    def max_steps(self, task: Task) -> int:
        """Return as many as the games allow."""
        return 100

    def draw(self, n: int) -> list[Task]:
        """Draw `n` worlds of each size, with lessons that tell all their laws."""
        tasks = []
        for level, size in enumerate(SIZES.values(), 1):
            for i in range(n):
                rng = random.Random(f"free play/{level}/{i}")
                world = draw_world(rng, size)
                lessons = [prompts.lesson_line(*lesson_of(x, rng)) for x in world.laws.values()]
                lessons.append(ending_lesson(world))
                rng.shuffle(lessons)
                self._drawn[f"{level}-{i}"] = world, tuple(lessons)
                instruction = world.instruction
                tasks.append(Task(f"{level}-{i}", self.name, "train", instruction, i, level))
        return tasks

    def open(self, task: Task) -> Playing:
        """Open a task."""
        return Playing(self._drawn[task.id][0])

    def recall(self, instruction: str, observation: str, episode: str) -> Recollection:
        """Return the lessons of the world that is played."""
        return Recollection(Recall(), self._drawn[episode.rsplit("/", 1)[1].split("#")[0]][1])


async def play(backbone: str, n: int) -> list[Trajectory]:
    """Play `n` worlds of each size, greedily."""
    worlds: Any = Worlds()
    tasks = worlds.draw(n)
    model = backbones.load(backbone)
    player = Player(model, worlds.recall)
    occasion = Occasion(0, "evaluation")
    found = [one async for attempts in play_all(player, worlds, tasks, occasion)
             for one in attempts]  # fmt: skip
    model.close()
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Play, and print the table and some of what was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="seed")
    parser.add_argument("--n", type=int, default=20, help="worlds of each size")
    parser.add_argument("--show", type=int, default=0, help="lost worlds of each size to print")
    args = parser.parse_args(argv)
    episodes = asyncio.run(play(args.backbone, args.n))
    table = Table("worlds", "won", "score", "how the others ended")
    figures = {}
    for level, name in enumerate(SIZES, 1):
        played = [one for one in episodes if one.difficulty == level]
        lost = [one for one in played if not one.success]
        for one in lost[: args.show]:
            print(f"=== {name}\n{one.first_observation}\n" + "\n".join(one.lessons))
            print("\n".join(f"<< {step.reply}\n>> {step.observation}" for step in one.steps))
        won, score = 1 - len(lost) / args.n, sum(one.score for one in played) / args.n
        endings = Counter(one.error or one.ending for one in lost)
        said = ", ".join(f"{k} {v}" for k, v in endings.most_common())
        table.add_row(name, f"{won:.2f}", f"{score:.2f}", said)
        figures[name] = {"won": won, "score": score, "endings": dict(endings)}
    Console().print(table)
    write("seed_plays", {"backbone": args.backbone, "n": args.n, "worlds": figures})


if __name__ == "__main__":
    main()
