"""Training samples of the seed backbone: episodes, look-up drills, and lessons to be written.

Every sample is a dialogue in the words of `agentevo.dialogue.prompts`, with a weight for each
piece of the assistant's text; nothing else is learned.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from agentevo.backbones.seed import words
from agentevo.backbones.seed.drawing import Size, draw_size, draw_world
from agentevo.backbones.seed.expert import Expert
from agentevo.backbones.seed.world import Law, World, advice
from agentevo.dialogue import prompts
from agentevo.dialogue.context import Turn, first_shown, shown

Kind = str  # "told", "untold", "drill", "distill"
MAX_STEPS = 110
LAW_WEIGHT = 2.0  # the few tokens that say what carries out a verb would drown otherwise
DECISION_WEIGHT = 4.0
_DECISIVE = re.compile(r"((?<=\?) (?:no|here)|(?<=no,) (?:open|try|back|been|find|go|not)|^ ?\w+)")
NOTE_WEIGHT = 0.5  # against 1.0 of conclusions and commands: most notes are as they were
GIVING_UP = ("something is missing.", "I do not know how it ends.")


@dataclass
class Message:
    """A message; `pieces` are the parts of its text with their loss weights and names."""

    role: str
    pieces: list[tuple[str, float, str]]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(piece for piece, _, _ in self.pieces)


@dataclass
class Sample:
    """A dialogue to learn from."""

    kind: Kind
    messages: list[Message] = field(default_factory=list)

    def add(self, role: str, text: str, weight: float = 0.0, name: str = "") -> None:
        """Append a message of one piece."""
        self.messages.append(Message(role, [(text, weight, name)]))


@dataclass
class Played:
    """An episode as it was played in a training world."""

    world: World
    first: str
    turns: list[Turn]
    replies: list[list[tuple[str, float, str]]]
    commands: list[str]
    lessons: list[str]
    all_told: bool


def lesson_of(law: Law, rng: random.Random) -> tuple[str, str]:
    """Return a law's situation and advice, mostly in the words in which a distiller writes them."""
    situation, advised = law.situation, law.advice
    if rng.random() < 0.15:
        situation = rng.choice(
            [f"the plan says {law.verb}", f"the recipe says {law.verb}", f"asked to {law.verb}",
             f"you have to {law.verb} something", f"asked to {law.verb} a thing"]
        )  # fmt: skip
    if rng.random() < 0.15:
        advised = rng.choice(
            [f"take {law.instrument} and {law.command} it",
             f"try {law.instrument} with {law.command}"]
        )  # fmt: skip
    return situation, advised


def ending_lesson(world: World) -> str:
    """Return the lesson that says how jobs end in this world."""
    return prompts.lesson_line(f"the {world.product} is ready", f"{world.ending} it")


def play(rng: random.Random, size: Size | None = None, share_told: float | None = None) -> Played:
    """Play a world with the expert.

    Args:
        rng: draws world, lessons, guesses and slips.
        size: of the world; None draws it.
        share_told: the share of the laws that lessons give; None draws it.
    """
    world = draw_world(rng, size)
    if share_told is None:
        share_told = rng.choice([1.0, 1.0, 1.0, 0.6, 0.0, 0.0])
    said = {v: lesson_of(law, rng) for v, law in world.laws.items() if rng.random() < share_told}
    told = {verb: advised for verb, (_, advised) in said.items()}
    told_ending = rng.random() < share_told
    lessons = [prompts.lesson_line(*lesson) for lesson in said.values()]
    if told_ending:
        lessons.append(ending_lesson(world))
    rng.shuffle(lessons)
    expert = Expert(world, told, told_ending, rng)
    p_slip = rng.choice([0.0, 0.0, 0.05, 0.1])
    played = Played(world, world.here.describe(), [], [], [], lessons, share_told == 1.0)
    for _ in range(MAX_STEPS):
        slip = expert.has_looked and rng.random() < p_slip
        was_read, n_laws = expert.has_read, len(expert.use)
        fresh = was_read and not expert.has_looked and n_laws > 0
        if slip:
            thought, command = expert.slip()
        else:
            thought, command = expert.decide()
        pieces = _pieces(thought, command, fresh=fresh, told=told, slip=slip, world=world)
        observation = world.step(command)
        if not slip:
            expert.observe(command)
        keep = command == f"examine {world.document}"
        played.replies.append(pieces)
        played.commands.append(command)
        played.turns.append(Turn("".join(p for p, _, _ in pieces), observation, keep))
        if world.over or thought.endswith(GIVING_UP):
            break
    return played


def _pieces(
    thought: str, command: str, *, fresh: bool, told: dict[str, str], slip: bool, world: World
) -> list[tuple[str, float, str]]:
    if slip:
        return [(f"Thought: {thought}\nAction: {command}", 0.0, "slip")]
    pieces: list[tuple[str, float, str]] = []
    noted, _, concluded = f"Thought: {thought}".rpartition("; ")
    if fresh:  # the first `how` note after reading: every law is weighed by its own name
        start = noted.index("; how ") + 5
        pieces.append((noted[:start], NOTE_WEIGHT, "notes"))
        for i, part in enumerate(noted[start + 1 :].split("; ")[0].split(", ")):
            verb, law = part.split(": ")
            pieces.append(((", " if i else " ") + f"{verb}:", NOTE_WEIGHT, "notes"))
            pieces.append((f" {law}", LAW_WEIGHT, "law told" if verb in told else "law guessed"))
        noted = "".join(f"; {note}" for note in noted[start + 1 :].split("; ")[1:])
    if noted:
        pieces.append((noted, NOTE_WEIGHT, "notes"))
    if noted or fresh:
        pieces.append((";", NOTE_WEIGHT, "notes"))
        concluded = f" {concluded}"
    pieces += _weighed(concluded, world)
    pieces.append(("\nAction:", NOTE_WEIGHT, "notes"))
    pieces.append((f" {command}", 1.0, "action"))
    return pieces


def _weighed(concluded: str, world: World) -> list[tuple[str, float, str]]:
    """Return a conclusion in pieces; the words that decide weigh more than what follows them."""
    if concluded.endswith(f"Check the {world.document}."):
        return [(concluded, 1.0, "document")]
    pieces = []
    for part in _DECISIVE.split(concluded):
        if part:
            decides = _DECISIVE.fullmatch(part) is not None
            pieces.append(
                (part, DECISION_WEIGHT, "decision") if decides else (part, 1.0, "conclusion")
            )
    return pieces


def episode_samples(
    rng: random.Random, budget: int, count: Callable[[str], int], size: Size | None = None
) -> list[Sample]:
    """Return an episode as one or more samples, cut as the agent's context window cuts it."""
    played = play(rng, size)
    kind = "told" if played.all_told else "untold"
    first = prompts.task_message(played.world.instruction, played.first, played.lessons)
    head = count(prompts.ACT_SYSTEM) + count(first)
    samples: list[Sample] = []
    start, learned = 0, 0
    current: Sample | None = None
    for i in range(len(played.turns)):
        new_start = first_shown(played.turns[:i], start, head=head, budget=budget, count=count)
        if current is None or new_start != start:
            start = new_start
            current = Sample(kind)
            samples.append(current)
            current.add("system", prompts.ACT_SYSTEM)
            current.add("user", first)
            for turn in shown(played.turns[:i], start):
                current.add("assistant", turn.reply)
                current.add("user", turn.observation)
        current.messages.append(Message("assistant", played.replies[i]))
        current.add("user", played.turns[i].observation)
        learned = i
    assert learned == len(played.turns) - 1
    for sample in samples:
        sample.messages.pop()  # the last observation has no reply
    return samples


def drill(rng: random.Random) -> Sample:
    """Return a short dialogue in which all that is learned is to look up, once.

    Either the first reply of an episode, or the one after the directions were read.
    """
    is_first = rng.random() < 0.4
    size = Size(1, rng.choice([1, 2, 3]), 0.9, 0.0)
    while True:
        played = play(rng, None if is_first else size, rng.choice([1.0, 1.0, 0.6]))
        reads = [i for i, c in enumerate(played.commands) if c.startswith("examine ")]
        if is_first or (reads and reads[0] + 1 < len(played.replies)):
            break
    at = 0 if is_first else reads[0] + 1
    text = played.first if is_first else played.turns[at - 1].observation
    sample = Sample("drill")
    sample.add("system", prompts.ACT_SYSTEM)
    sample.add("user", prompts.task_message(played.world.instruction, text, played.lessons))
    sample.messages.append(Message("assistant", played.replies[at]))
    return sample


def recall_drill(rng: random.Random, n_most: int = 16) -> Sample:
    """Return a list of names or pairs, and the same again in another order, to be looked up.

    What attention needs to copy and to look up (induction heads, Olsson et al. 2022, arXiv
    2209.11895) forms on such lists far sooner than within episodes.
    """
    sample = Sample("recall")
    if rng.random() < 0.4:  # names, to be repeated in order
        names = [words.name_of_thing(rng) for _ in range(rng.randint(2, n_most))]
        sample.add("user", ", ".join(names))
        pieces = [(", " if i else "") + name for i, name in enumerate(names)]
        sample.messages.append(Message("assistant", [(piece, 1.0, "copied") for piece in pieces]))
        return sample
    verbs = [verb for verb, _ in rng.sample(words.VERBS, rng.randint(2, n_most))]
    keys = verbs if rng.random() < 0.6 else [words.name_of_thing(rng) for _ in verbs]
    pairs = {
        key: advice(rng.choice([*words.COMMANDS, key]), rng.choice(words.FIXTURES + words.TOOLS))
        for key in dict.fromkeys(keys)
    }
    form = rng.choice(["{}: {}", "When the directions say {}: {}"])
    lines = [form.format(key, value) for key, value in pairs.items()]
    sample.add("user", rng.choice(["\n", ", "]).join(lines))
    asked = rng.sample(list(pairs), len(pairs))
    message = Message("assistant", [])
    for i, key in enumerate(asked):
        message.pieces.append((f"{', ' if i else ''}{key}:", 0.0, "asked"))
        message.pieces.append((f" {pairs[key]}", 1.0, "recalled"))
    sample.messages.append(message)
    return sample


def distill_sample(rng: random.Random) -> Sample:
    """Return transcripts with the lessons that they show."""
    transcripts, lessons = [], []
    n_words = rng.choice([12, 16, 24, 24, 24, 32])
    world: World | None = None
    for _ in range(rng.choice([1, 1, 1, 2])):
        size = draw_size(rng)
        size = Size(min(size.n_rooms, 4), size.n_needs, size.p_step, size.p_done)
        played = play(rng, size)
        world = played.world
        ending = "success" if world.won else "failure"
        outcome = f"{ending}, score {world.score / world.max_score:.2f}"
        steps = [(c, t.observation) for c, t in zip(played.commands, played.turns, strict=True)]
        transcripts.append(prompts.transcript(steps, outcome, first=played.first, n_words=n_words))
        for line in _shown_by(played):
            if line not in lessons:
                lessons.append(line)
    sample = Sample("distill")
    sample.add("system", prompts.DISTILL_SYSTEM)
    sample.add("user", prompts.distill_message(transcripts))
    text = "\n".join(f"- {line}." for line in lessons) or "- none"
    sample.add("assistant", text, 1.0, "lessons")
    return sample


def _shown_by(played: Played) -> list[str]:
    """Return the lessons that an episode shows to whoever reads it."""
    world, lines = played.world, []
    for command, turn in zip(played.commands, played.turns, strict=True):
        for law in world.laws.values():
            said = law.participle if world.says_past else law.verb
            name = command.removeprefix(f"{law.command} ").split(" with ")[0]
            if (
                command == f"{law.command} {name} with {law.instrument}"
                and turn.observation.startswith(f"You {said} the {name}.")
            ):
                lines.append(prompts.lesson_line(law.situation, law.advice))
        if world.won and command == f"{world.ending} {world.product}":
            lines.append(ending_lesson(world))
    return list(dict.fromkeys(lines))


def draw_samples(
    rng: random.Random,
    budget: int,
    count: Callable[[str], int],
    *,
    p_drill: float,
    p_recall: float = 0.05,
    n_most: float = 16,
) -> list[Sample]:
    """Draw the samples of one training item.

    Args:
        rng: draws everything.
        budget: tokens of the context window.
        count: counts a message's tokens.
        p_drill: chance of a look-up drill among the rest.
        p_recall: chance of lists to be recalled.
        n_most: the longest such list.
    """
    if rng.random() < p_recall:
        return [recall_drill(rng, int(n_most)) for _ in range(4)]
    at = rng.random()
    if at < p_drill:
        return [drill(rng)]
    if at < p_drill + 0.12:
        return [distill_sample(rng)]
    return episode_samples(rng, budget, count)
