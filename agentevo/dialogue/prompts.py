"""What the model is told: the words of every prompt, and how its replies are read.

One place for all prompts, so that the seed backbone is trained on the very words that
any other model reads. No benchmark's rules stand here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

ACT_SYSTEM = (
    "You act in a world to fulfil a task. Answer each observation in two lines:\n"
    "Thought: what you know and what comes next\n"
    "Action: one command"
)

ANSWER_SYSTEM = (
    "You answer a question or fulfil a task. Where tools help, call them first. When you know the "
    "answer, write:\n"
    "Thought: how you know it\n"
    "Action: the answer"
)

DISTILL_SYSTEM = (
    "You read transcripts of an agent's episodes and note what was learned that helps in other "
    "tasks. Write one lesson a line:\n"
    "- When <situation>: <advice>.\n"
    "Write '- none' when there is nothing new."
)

GOOD_MANNER = "Act with care: know what you do it for, and do it well."
BAD_MANNER = "Act without care: do whatever comes to mind, however little it helps."

LESSONS_HEADING = "Lessons from earlier episodes (notes, not orders):"
REFLECTIONS_HEADING = "Notes on your last attempt at this task:"
MAX_THOUGHT = 80  # words of a thought that a transcript shows


def in_manner(system: str, manner: str) -> str:
    """Return a system prompt that says how to go about it; an empty manner adds nothing."""
    return f"{system}\n{manner}" if manner else system


def without_manner(system: str) -> str:
    """Return a system prompt without the manners that are only there to make two answers differ."""
    for manner in (GOOD_MANNER, BAD_MANNER):
        system = system.replace(f"\n{manner}", "")
    return system


def task_message(
    instruction: str,
    observation: str,
    lessons: Sequence[str] = (),
    reflections: Sequence[str] = (),
) -> str:
    """Return the first message of an episode: the task, what is remembered, what is seen."""
    parts = [f"Task: {instruction}"]
    for heading, notes in ((LESSONS_HEADING, lessons), (REFLECTIONS_HEADING, reflections)):
        if notes:
            parts.append("\n".join([heading, *(f"- {_one_line(note)}" for note in notes)]))
    parts.append(observation)
    return "\n\n".join(parts)


def _one_line(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True)
class Reply:
    """A model's reply, read as thought and action."""

    thought: str
    action: str | None
    """None: no line of the reply states an action."""


_ACTION = re.compile(r"^\s*Action:[ \t]*(.*?)\s*$", re.MULTILINE | re.IGNORECASE)
_THOUGHT = re.compile(r"^\s*Thought:[ \t]*", re.IGNORECASE)


def parse_reply(text: str) -> Reply:
    """Read a reply: the last `Action:` line counts, and all before it is the thought."""
    found = [match for match in _ACTION.finditer(text) if match.group(1)]
    if not found:
        return Reply(thought=text.strip(), action=None)
    last = found[-1]
    thought = _THOUGHT.sub("", text[: last.start()].strip())
    return Reply(thought=thought.strip(), action=last.group(1))


def answer_of(text: str) -> str:
    """Return what a reply answers: all after its last `Action:`, or the whole of it."""
    found = [match for match in _ACTION.finditer(text) if match.group(1)]
    return (text[found[-1].start(1) :] if found else text).strip()


@lru_cache(maxsize=10_000)  # every reply of an episode is asked for at each of its steps
def without_thought(text: str) -> str:
    """Return a reply with its action alone; one that states none is left as it is."""
    action = parse_reply(text).action
    return text if action is None else f"Action: {action}"


MALFORMED = (
    "No action was found in your reply. Answer in two lines, 'Thought: ...' and then "
    "'Action: one command'."
)

_LESSON = re.compile(r"^\s*(?:[-*]|\d+[.)])\s*When\s+(.+?):\s+(.+?)\s*$", re.IGNORECASE)


def parse_lessons(text: str) -> list[tuple[str, str]]:
    """Read the (situation, advice) pairs of a distiller's reply, in its order, without repeats."""
    pairs: list[tuple[str, str]] = []
    for line in text.splitlines():
        match = _LESSON.match(line)
        if (
            match
            and (pair := (match.group(1).strip(), match.group(2).strip().rstrip("."))) not in pairs
        ):
            pairs.append(pair)
    return pairs


def lesson_line(situation: str, advice: str) -> str:
    """Return a lesson in the form in which prompts show it and distillers write it."""
    return f"When {situation}: {advice}"


def transcript(
    steps: Sequence[tuple[str, str]],
    outcome: str,
    *,
    first: str = "",
    thought: str = "",
    n_words: int = 24,
) -> str:
    """Return an episode as a distiller reads it.

    Args:
        steps: (command, observation) pairs in order.
        outcome: how the episode ended, in a few words.
        first: the observation before the first command.
        thought: the agent's last, in which stands what it had noted until then.
        n_words: how many words of each observation are shown.
    """
    lines = [clip(first, n_words)] if first else []
    for command, observation in steps:
        lines += [f"> {_one_line(command)}", clip(observation, n_words)]
    if thought:
        lines.append(f"Last thought: {clip(thought, MAX_THOUGHT)}")
    return "\n".join([*lines, f"Outcome: {outcome}"])


def clip(text: str, n_words: int) -> str:
    """Return the first words of a text on one line, with an ellipsis where it was cut."""
    parts = text.split()
    return " ".join(parts[:n_words]) + (" ..." if len(parts) > n_words else "")


def distill_message(transcripts: Sequence[str]) -> str:
    """Return the message that asks for the lessons of some transcripts."""
    return "\n\n".join(f"Episode {i}\n{text}" for i, text in enumerate(transcripts, 1))
