"""A panel of judges who debate an episode before they score it.

ChatEval, Chan et al. 2023 (arXiv 2308.07201): judges of different characters speak one by one,
and each hears what was said before. The characters are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from agentevo.acquisition.judging import READ_ONLY, ask, attempt, points
from agentevo.dialogue import prompts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentevo.experience import Trajectory
    from agentevo.refinement.sieve import Answer

BEST_SCORE = 10
N_STATEMENT = 80  # words of a statement that the others hear

SYSTEM = (
    "You are one of several judges of how an agent went about a task. {persona} " + READ_ONLY +
    " You hear what the judges said so far. Agree where they are right, contradict them where the "
    "transcript does, and name the place. Speak in a few sentences and end with one line, "
    "'Score: K', where K is from 0 (nothing of the task is fulfilled) to {best} (all of it is)."
)  # fmt: skip
PERSONAS: Mapping[str, str] = {
    "client": (
        "You are the one who set the task. You care for the result alone: whether you now have "
        "all that you asked for."
    ),
    "sceptic": (
        "You are the sceptic. You trust no claim that the transcript does not bear out, and look "
        "for the mistake that the others overlook."
    ),
    "craftsman": (
        "You are an old hand at such work. You see what was hard, whether the way that was taken "
        "leads there, and whether what was begun was brought to its end."
    ),
}
"""By name, in the order in which they speak."""


@dataclass(frozen=True)
class Statement:
    """What a judge said in a round."""

    persona: str
    round: int
    """Counted from 1."""
    text: str
    """Without the score, where one could be read."""
    score: float | None
    """0..1; None: it could not be read."""


@dataclass(frozen=True)
class Debate:
    """What a panel came to."""

    scores: tuple[float | None, ...]
    """Each judge's in the last round, in the order of speaking, 0..1; None: it could not be
    read."""
    mean: float | None
    """Of those that could be read; None: none could."""
    statements: tuple[Statement, ...]
    """All, in the order in which they were made."""
    error: str = ""
    """Which judges of the last round could not be read, and why; empty: all could."""


def debate(trajectory: Trajectory, answer: Answer, *, n_rounds: int = 2) -> Debate:
    """Let a panel judge an episode without the environment's verdict.

    A judge who cannot be read in the last round has no score, and what he said before stands in
    for nothing.

    Args:
        trajectory: to be judged.
        answer: asks the model; once for each judge and round, since each hears the others.
        n_rounds: how often each speaks, at least once.

    Raises:
        ValueError: nobody is to speak.
    """
    if n_rounds < 1:
        raise ValueError(f"a debate has at least one round, not {n_rounds}")
    case = attempt(trajectory)
    statements: list[Statement] = []
    errors: dict[str, str] = {}
    for round_ in range(1, n_rounds + 1):
        for name, persona in PERSONAS.items():
            system = SYSTEM.format(persona=persona, best=BEST_SCORE)
            (reply,) = ask(answer, system, ["\n\n".join([case, *_heard(statements)])])
            found, words, errors[name] = points(reply, BEST_SCORE)
            score = None if found is None else found / BEST_SCORE
            statements.append(Statement(name, round_, words, score))
    scores = tuple(one.score for one in statements[-len(PERSONAS) :])
    known = [one for one in scores if one is not None]
    error = "; ".join(f"{name}: {why}" for name, why in errors.items() if why)
    return Debate(scores, fmean(known) if known else None, tuple(statements), error)


def _heard(statements: Sequence[Statement]) -> list[str]:
    """Return what was said so far, as the next judge reads it; of each only the beginning."""
    return [
        f"The {one.persona} said in round {one.round}: {prompts.clip(one.text, N_STATEMENT)} "
        f"({'no score' if one.score is None else f'{one.score * BEST_SCORE:g} of {BEST_SCORE}'})"
        for one in statements
    ]
