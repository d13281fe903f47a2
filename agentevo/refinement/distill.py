"""Lessons from trajectories: one call of a model reads a batch and writes what was learned.

Sources are single successes, single failures, and a success beside a failure of one task
(ExpeL, Zhao et al. 2023, arXiv 2308.10144). A lesson that only repeats the task at hand is
refused: it must be of use elsewhere. So is one that twice as many episodes contradict, which
advise something else in the very same situation.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from agentevo.backbones.backbone import Backbone, BackboneError
from agentevo.dialogue import prompts
from agentevo.experience import Trajectory
from agentevo.memory import Kind, Lesson, LessonError, Provenance, scan
from agentevo.refinement.evidence import taint_of, telling_steps
from agentevo.settings import RefinementSettings

PROMPT_HASH = hashlib.sha256(prompts.DISTILL_SYSTEM.encode()).hexdigest()[:12]
MAX_REPLY_TOKENS = 300
N_AT_ONCE = 32  # calls
MAX_SHARE = 0.5  # of the backbone's window that one batch's transcripts may fill
MAX_QUESTION = 80  # words of a question that is read with its episode
MAX_GROUPS = 4  # of a batch: all of its episodes stand as the sources of what is read from it


@dataclass(frozen=True)
class Draft:
    """A lesson as a distiller wrote it, with the episodes that it was read from."""

    situation: str
    advice: str
    sources: tuple[str, ...]
    """Ids of trajectories."""
    steps: tuple[str, ...] = ()
    """The steps of these that say most of it, as `TRAJECTORY#N`."""
    taint: tuple[str, ...] = ()
    """What of its sources nobody vouches for."""
    kind: Kind = "rule"


@dataclass(frozen=True)
class Distilled:
    """What a distillation came to."""

    drafts: tuple[Draft, ...]
    refused: tuple[tuple[str, str], ...]
    """Lessons that were not taken, and batches that gave none, each with the reason."""
    n_calls: int
    n_prompt_tokens: int
    n_reply_tokens: int


def group(trajectories: Sequence[Trajectory], sources: Sequence[str]) -> list[list[Trajectory]]:
    """Return what is to be read together: pairs of one task, and single episodes."""
    by_task: dict[str, list[Trajectory]] = defaultdict(list)
    for one in trajectories:
        if one.steps:
            by_task[one.task_id].append(one)
    groups: list[list[Trajectory]] = []
    for episodes in by_task.values():
        wins = [one for one in episodes if one.success]
        losses = [one for one in episodes if not one.success]
        if "contrast" in sources and wins and losses:
            groups.append([losses[-1], wins[0]])
            wins, losses = wins[1:], losses[:-1]
        groups += [[one] for one in wins if "success" in sources]
        groups += [[one] for one in losses if "failure" in sources]
    return groups


def transcript_of(trajectory: Trajectory, n_words: int, fits: int, backbone: Backbone) -> str:
    """Return a transcript of at most `fits` tokens; steps that changed nothing go first."""
    steps = [(step.action or "(no action)", step.observation) for step in trajectory.steps]
    outcome = f"{'success' if trajectory.success else 'failure'}, score {trajectory.score:.2f}"
    if trajectory.ending == "answered":
        outcome = "answered; nobody said whether it was right"
    order = sorted(
        range(len(steps)),
        key=lambda i: (trajectory.steps[i].reward > 0, i >= len(steps) - 4, i < 4, i),
    )  # the least telling first
    left = set(order)
    question = ""
    if trajectory.system.startswith(prompts.ANSWER_SYSTEM):  # elsewhere the world itself says it
        question = f"Task: {prompts.clip(trajectory.instruction, MAX_QUESTION)}\n"
    for i in [None, *order]:
        left.discard(-1 if i is None else i)
        shown = [steps[j] for j in sorted(left)]
        text = question + prompts.transcript(
            shown,
            outcome,
            first=trajectory.first_observation,
            thought=trajectory.steps[-1].thought,
            n_words=n_words,
        )
        if backbone.count_tokens(text) <= fits:
            return text
    return prompts.clip(outcome, n_words)


async def distill(
    trajectories: Sequence[Trajectory],
    backbone: Backbone,
    settings: RefinementSettings,
    *,
    timeout_s: float,
    known: Sequence[Draft] = (),
) -> Distilled:
    """Read lessons from trajectories with a backbone, at temperature 0.

    What is read is weighed against what is `known` of the same situation, by the episodes that
    showed each. A batch whose call breaks, or takes longer than `timeout_s` seconds, gives none.

    Raises:
        BackboneError: every call broke.
    """
    room = int(MAX_SHARE * backbone.window)
    batches = _batches(group(trajectories, settings.lessons_from), room, backbone, settings)
    at_once = asyncio.Semaphore(N_AT_ONCE)  # a call's time begins when it is its turn

    async def read(i: int, texts: Sequence[str]) -> AIMessage:
        asked = [
            SystemMessage(prompts.DISTILL_SYSTEM), HumanMessage(prompts.distill_message(texts))
        ]  # fmt: skip
        name = f"distill/{i % N_AT_ONCE}"
        chat = backbone.chat(episode=name, temperature=0.0, max_tokens=MAX_REPLY_TOKENS)
        async with at_once:
            return await asyncio.wait_for(chat.ainvoke(asked), timeout_s)

    replies = await asyncio.gather(
        *(read(i, [text for _, text in batch]) for i, batch in enumerate(batches)),
        return_exceptions=True,
    )
    sources: dict[tuple[str, str], list[str]] = defaultdict(list)
    refused: dict[tuple[str, str], str] = {}
    broken: list[tuple[str, str]] = []
    wordings: dict[tuple[str, str], tuple[str, str]] = {}
    usage = []
    for i, (batch, reply) in enumerate(zip(batches, replies, strict=True), 1):
        if isinstance(reply, BaseException):
            if not isinstance(reply, Exception):
                raise reply
            why = f"{type(reply).__name__}: {reply}".removesuffix(": ")
            broken.append((f"whatever batch {i} shows", why))
            continue
        usage += [reply.usage_metadata] if reply.usage_metadata else []
        episodes = [episode for group_, _ in batch for episode in group_]
        for said in prompts.parse_lessons(str(reply.text)):
            pair = wordings.setdefault((said[0].casefold(), said[1].casefold()), said)
            why = no_lesson(*pair) or too_particular(*pair, episodes)
            if why:
                refused[pair] = why
            else:
                sources[pair] += [episode.id for episode in episodes]
    if batches and len(broken) == len(batches):
        raise BackboneError(f"{backbone.name} answered none of {len(broken)} calls: {why}")
    odd = {pair for pair in sources if scan(prompts.lesson_line(*pair))}
    plain = {pair: ids for pair, ids in sources.items() if pair not in odd}
    drafts, doubted = supported(plain, settings.min_support, known)
    # what is suspicious outvotes nothing; the memory puts it in quarantine
    drafts += tuple(Draft(*pair, tuple(dict.fromkeys(sources[pair]))) for pair in sorted(odd))
    drafts = _traced(drafts, trajectories)
    refused |= doubted
    return Distilled(
        drafts=drafts,
        refused=(*((prompts.lesson_line(*pair), why) for pair, why in refused.items()), *broken),
        n_calls=len(batches),
        n_prompt_tokens=sum(one["input_tokens"] for one in usage),
        n_reply_tokens=sum(one["output_tokens"] for one in usage),
    )


def _traced(drafts: Sequence[Draft], trajectories: Sequence[Trajectory]) -> tuple[Draft, ...]:
    """Return drafts with the steps that they come from, and their taint."""
    episodes = {one.id: one for one in trajectories}
    traced = []
    for draft in drafts:
        own = [episodes[name] for name in draft.sources]
        steps = telling_steps(draft.situation, draft.advice, own)
        # what cannot be seen is gone from a lesson's words before the memory looks at them
        said = scan(prompts.lesson_line(draft.situation, draft.advice))
        hidden = [f"its words, {one}" for one in said if one.danger == "hidden"]
        taint = (*hidden, *taint_of(draft.situation, draft.advice, own, steps))
        traced.append(replace(draft, steps=steps, taint=taint))
    return tuple(traced)


def supported(
    sources: Mapping[tuple[str, str], Sequence[str]],
    min_support: int,
    known: Sequence[Draft] = (),
) -> tuple[tuple[Draft, ...], dict[tuple[str, str], str]]:
    """Return what enough episodes show, and what is refused, each with the reason.

    Args:
        sources: ids of the episodes that show a lesson, by situation and advice.
        min_support: of these episodes, those that must show it.
        known: what other episodes showed before.
    """
    shown: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in known:
        shown[one.situation.casefold(), one.advice.casefold()].update(one.sources)
    for (situation, advice), ids in sources.items():
        shown[situation.casefold(), advice.casefold()].update(ids)
    agreed: dict[str, int] = defaultdict(int)
    for (situation, _), episodes in shown.items():
        agreed[situation] = max(agreed[situation], len(episodes))
    drafts: list[Draft] = []
    refused = {}
    for pair, ids in sources.items():
        n = len(shown[pair[0].casefold(), pair[1].casefold()])
        most = agreed[pair[0].casefold()]
        if len(set(ids)) < min_support:
            refused[pair] = f"seen in {len(set(ids))} episodes of {min_support}"
        elif 2 * n <= most:
            refused[pair] = f"seen in {n} episodes, and {most} say otherwise"
        else:
            drafts.append(Draft(*pair, tuple(dict.fromkeys(ids))))
    return tuple(drafts), refused


def _batches(
    groups: Sequence[list[Trajectory]], room: int, backbone: Backbone, settings: RefinementSettings
) -> list[list[tuple[list[Trajectory], str]]]:
    """Fill batches of groups up to `room` tokens of transcripts."""
    batches: list[list[tuple[list[Trajectory], str]]] = []
    used = room
    for episodes in groups:
        text = "\n\n".join(
            transcript_of(one, settings.n_words, room // len(episodes), backbone)
            for one in episodes
        )
        size = backbone.count_tokens(text)
        if used + size > room or len(batches[-1]) == MAX_GROUPS:
            batches.append([])
            used = 0
        batches[-1].append((episodes, text))
        used += size
    return batches


def no_lesson(situation: str, advice: str) -> str:
    """Return why a memory could not take a lesson, or nothing."""
    try:
        Lesson(situation, advice, scope="any", provenance=(Provenance("", ()),))
    except LessonError as error:
        return str(error)
    return ""


_WORD = re.compile(r"[a-z0-9]+")


def too_particular(situation: str, advice: str, episodes: Sequence[Trajectory]) -> str:
    """Return why a lesson is of no use beyond its episodes, or nothing.

    It only repeats the task where it states a command as it was given, or says hardly more
    than the task's own instruction does.
    """
    words = set(_WORD.findall(f"{situation} {advice}".lower()))
    commands = {" ".join((step.action or "").split()).lower() for e in episodes for step in e.steps}
    if advice.lower().rstrip(".") in commands:
        return "a command of the episode itself"
    for episode in episodes:
        told = set(_WORD.findall(episode.instruction.lower()))
        if words and len(words & told) / len(words) > 0.8:
            return "it repeats the task"
    return ""
