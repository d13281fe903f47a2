"""Correcting: what an agent is told of its last attempt at a task before it tries again.

Critique-based ones ask the model what was wrong, critique-free ones pass on what is known. Those
that wait for a failure need the environment's word; the blind ones do without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentevo.agent.episode import Corrector, Look
from agentevo.dialogue import prompts
from agentevo.strategies import find

MAX_NOTES = 6  # reflections that are carried on; Reflexion keeps the last few
MAX_POINTS = 4  # of a critique
N_WORDS = 60  # of what was done, or said, in a note

CRITIQUE_SYSTEM = (
    "You review an attempt at a task. Name what was wrong or could be better, one point a line, "
    "each beginning with '- '. Where there is nothing to be improved, write '- none'."
)
CHECK_SYSTEM = (
    "You check an attempt at a task with a tool. Write one line, 'Action: name {arguments}', that "
    "shows best whether it is right."
)
PRINCIPLES = (
    "it does what was asked, all of it, and nothing else",
    "it says only what is known or was seen",
    "it harms nobody, and keeps secrets",
    "it gets there without a needless step",
)


def done(look: Look) -> str:
    """Return what the last attempt did, in a line."""
    actions = "; ".join(step.action for step in look.attempts[-1].steps if step.action)
    return f"last time you did: {prompts.clip(actions, N_WORDS)}"


def transcript(look: Look, outcome: str, *, system: str) -> str:
    """Return the last attempt as it is read for a correction, as much of its end as has room."""
    attempt = look.attempts[-1]
    text = prompts.transcript(
        [(step.action or "", step.observation) for step in attempt.steps],
        outcome,
        first=attempt.first_observation,
        thought=attempt.steps[-1].thought if attempt.steps else "",
    )
    while look.count_tokens(text) > look.room - look.count_tokens(system) - 64:
        text = text[len(text) // 4 :]
    return text


def points(text: str) -> tuple[str, ...]:
    """Return the points of a critique; none, where it finds nothing to be improved."""
    lines = [line.strip().lstrip("-*").strip() for line in text.splitlines()]
    return tuple(
        line for line in lines if line and line.casefold().rstrip(".") not in ("none", "nothing")
    )[:MAX_POINTS]


class Reflect:
    """After a failure the model notes what it learned (working memory).

    Reflexion, Shinn et al. 2023 (arXiv 2303.11366).
    """

    is_blind = False

    async def __call__(self, look: Look) -> tuple[str, ...] | None:
        """Return what was noted so far, and now."""
        attempt, system = look.attempts[-1], prompts.DISTILL_SYSTEM
        text = transcript(look, f"{attempt.ending}, score {attempt.score:.2f}", system=system)
        said = await look.ask(system, prompts.distill_message([text]))
        new = [prompts.lesson_line(*pair) for pair in prompts.parse_lessons(said)]
        return tuple(dict.fromkeys((*look.notes, *new)))[-MAX_NOTES:]


class Critique:
    """The model says what could be better, until it finds nothing, and tries again.

    Self-Refine, Madaan et al. 2023 (arXiv 2303.17651); RCI, Kim et al. 2023 (arXiv 2303.17491).
    """

    is_blind = True

    async def __call__(self, look: Look) -> tuple[str, ...] | None:
        """Return the points of the critique."""
        return await self.criticise(look, "")

    async def criticise(self, look: Look, more: str) -> tuple[str, ...] | None:
        """Return the points of a critique that looks at something besides the attempt."""
        read = transcript(look, "not judged", system=CRITIQUE_SYSTEM + more)
        asked = "\n\n".join(part for part in (f"Task: {look.instruction}", read, more) if part)
        found = points(await look.ask(CRITIQUE_SYSTEM, asked))
        return (done(look), *found) if found else None


class Constitution(Critique):
    """The model criticises each attempt by another principle.

    Constitutional AI, Bai et al. 2022 (arXiv 2212.08073), which draws the principle; here they
    come in turn.
    """

    def __init__(self, principles: Sequence[str] = PRINCIPLES) -> None:
        """Take the principles, each as a clause that a good attempt fulfils."""
        self._principles = principles

    async def __call__(self, look: Look) -> tuple[str, ...] | None:
        """Return the points of the critique."""
        principle = self._principles[(len(look.attempts) - 1) % len(self._principles)]
        return await self.criticise(look, f"Look at one thing alone: whether {principle}.")


class Critic(Critique):
    """The model checks its attempt with a tool, whose words stand in the critique.

    CRITIC, Gou et al. 2023 (arXiv 2305.11738).
    """

    async def __call__(self, look: Look) -> tuple[str, ...] | None:
        """Return the points of the critique."""
        system = CHECK_SYSTEM + look.told_of_tools
        read = transcript(look, "not judged", system=system)
        said = await look.ask(system, f"Task: {look.instruction}\n\n{read}")
        action = prompts.parse_reply(said).action
        result = await look.call(action) if action else None
        if result is None:
            return await self.criticise(look, "")
        return await self.criticise(
            look, f"A check, {action}, said: {prompts.clip(result, N_WORDS)}"
        )


class Hint:
    """After a failure the solution of a training task stands in the notes.

    The rationalization of STaR, Zelikman et al. 2022 (arXiv 2203.14465); what is trained on has no
    notes (`weights.lessons`).
    """

    is_blind = False

    async def __call__(self, look: Look) -> tuple[str, ...] | None:
        """Return the solution, or None where nobody may know it."""
        gold = look.gold() if look.gold is not None else None
        return (f"what fulfils the task: {'; '.join(gold)}",) if gold else None


class Error:
    """After a failure the environment's last words are passed on as they are.

    Self-Debug without explanation, Chen et al. 2023 (arXiv 2304.05128).
    """

    is_blind = False

    async def __call__(self, look: Look) -> tuple[str, ...] | None:
        """Return what was done, and what was said to it."""
        steps = look.attempts[-1].steps
        said = prompts.clip(steps[-1].observation, N_WORDS) if steps else ""
        return (done(look), f"the last answer to it was: {said}") if said else (done(look),)


class Again:
    """The model is shown what it did, and tries again: no critique, no word of the environment.

    Iterative Translation Refinement, Chen et al. 2023 (arXiv 2306.03856).
    """

    is_blind = True

    async def __call__(self, look: Look) -> tuple[str, ...] | None:
        """Return what was done."""
        return (done(look), "do better this time")


STRATEGIES: dict[str, Corrector] = {
    "reflect": Reflect(),
    "critique": Critique(),
    "constitution": Constitution(),
    "critic": Critic(),
    "hint": Hint(),
    "error": Error(),
    "again": Again(),
}


def corrector(name: str) -> Corrector:
    """Return a strategy by name.

    Raises:
        ConfigError: there is no such strategy.
    """
    return find("refinement.corrector", name, STRATEGIES)
