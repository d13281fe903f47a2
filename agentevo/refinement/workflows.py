"""Workflows: what succeeded, as a way to go, with what was particular to it left open.

Agent Workflow Memory, Wang et al. 2024 (arXiv 2409.07429), which lets a model put it into words;
here words that other successes do not share become places to be filled. ICE, Qian et al. 2024
(arXiv 2401.13996), runs a workflow by itself where the very task comes again: `memory.pipelines`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from agentevo.dialogue import prompts
from agentevo.experience import Trajectory
from agentevo.memory import scan
from agentevo.refinement.distill import Distilled, Draft, no_lesson
from agentevo.refinement.reading import Reading

MAX_WORKFLOWS = 8  # of a generation, those that most episodes share
MAX_STEPS = 40  # of a workflow that is worth being told
SHARE = 0.5  # of the successes; a word that more of them say stays as it is

_WORD = re.compile(r"[\w'-]+")


async def workflows(reading: Reading) -> Distilled:
    """Return the workflows of a generation's successes, without asking a model."""
    won = shortest([one for one in reading.episodes if one.success and one.steps])
    shared = common_words([actions_of(one) for one in won])
    ways: dict[tuple[str, str], list[str]] = defaultdict(list)
    refused: list[tuple[str, str]] = []
    for one in won:
        actions = actions_of(one)
        if len(actions) > MAX_STEPS:
            refused.append((one.id, f"{len(actions)} steps are no workflow"))
            continue
        situation = f"the task is: {prompts.clip(one.instruction, reading.settings.n_words)}"
        ways[situation, f"go this way: {'; '.join(left_open(actions, shared))}"].append(one.id)
    drafts: list[Draft] = []
    for (situation, advice), sources in sorted(ways.items(), key=lambda one: -len(one[1])):
        text, why = prompts.lesson_line(situation, advice), no_lesson(situation, advice)
        if why or len(drafts) == MAX_WORKFLOWS:
            refused.append((text, why or "fewer episodes share it"))
            continue
        taint = tuple(f"its words, {one}" for one in scan(text))
        drafts.append(Draft(situation, advice, tuple(sources), taint=taint, kind="strategy"))
    return Distilled(tuple(drafts), tuple(refused), 0, 0, 0)


def shortest(won: Sequence[Trajectory]) -> list[Trajectory]:
    """Return the shortest success at each task."""
    best: dict[str, Trajectory] = {}
    for one in won:
        if one.task_id not in best or len(one.steps) < len(best[one.task_id].steps):
            best[one.task_id] = one
    return list(best.values())


def actions_of(trajectory: Trajectory) -> list[str]:
    """Return what was done, without what was done again at once."""
    actions = [step.action for step in trajectory.steps if step.action]
    return [one for i, one in enumerate(actions) if i == 0 or one != actions[i - 1]]


def common_words(ways: Sequence[Sequence[str]]) -> frozenset[str]:
    """Return the words that most of the ways have, which need no place to be filled."""
    counts = Counter(word for way in ways for word in {w.lower() for a in way for w in _words(a)})
    return frozenset(word for word, n in counts.items() if n > SHARE * len(ways))


def left_open(actions: Sequence[str], shared: frozenset[str]) -> list[str]:
    """Return actions in which runs of words that are not shared are places, `X1` and so on."""
    places: dict[str, str] = {}
    found = []
    for action in actions:
        parts: list[str] = []
        run: list[str] = []
        for word in [*_words(action), ""]:
            if word and word.lower() not in shared:
                run.append(word)
                continue
            if run:
                parts.append(places.setdefault(" ".join(run).lower(), f"X{len(places) + 1}"))
                run = []
            parts += [word] if word else []
        found.append(" ".join(parts))
    return found


def _words(action: str) -> list[str]:
    return _WORD.findall(action)
