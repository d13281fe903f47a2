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
LONGEST = 1900  # tokens of a sample, all branches together
GUESS_WEIGHT = 0.3  # nobody can know them: they are noise, and all that is learned is the spread
LAW_WEIGHT = 2.0  # the few tokens that say what carries out a verb would drown otherwise
DECISION_WEIGHT = 4.0
_DECISIVE = re.compile(
    r"((?<=\?) (?:no|here)\b|(?<=no,) (?:open|try|back|been|find|go|not)\b|^ ?\w+)"
)
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
class Branch:
    """A call of the model: what follows the first `after` messages of the trunk."""

    after: int
    messages: list[Message]


@dataclass
class Sample:
    """Calls of the model, as branches of the dialogue that they have in common.

    Each branch is what the model would have read and said in one call: thoughts before the last
    are not shown, so the calls of an episode do not simply continue each other.
    """

    kind: Kind
    trunk: list[Message] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)

    def add(self, role: str, text: str) -> None:
        """Append a message to the trunk."""
        self.trunk.append(Message(role, [(text, 0.0, "")]))

    def answer(self, pieces: list[tuple[str, float, str]], last: Turn | None = None) -> None:
        """Add a branch at the end of the trunk: the last turn in full, and the reply."""
        messages = [Message("assistant", pieces)]
        if last is not None:
            messages = [
                Message("assistant", [(last.reply, 0.0, "")]),
                Message("user", [(last.observation, 0.0, "")]),
                *messages,
            ]
        self.branches.append(Branch(len(self.trunk), messages))


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
            if verb in told:
                pieces.append((f" {law}", LAW_WEIGHT, "law told"))
            else:
                pieces.append((f" {law}", GUESS_WEIGHT, "law guessed"))
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
    """Return an episode as samples; each call sees what an agent's window of `budget` shows."""
    played = play(rng, size)
    kind = "told" if played.all_told else "untold"
    first = prompts.task_message(played.world.instruction, played.first, played.lessons)
    head = count(prompts.ACT_SYSTEM) + count(first)
    samples: list[Sample] = []
    start, n_tokens = 0, 0
    for i, pieces in enumerate(played.replies):
        new_start = first_shown(played.turns[:i], start, head=head, budget=budget, count=count)
        seen = shown(played.turns[:i], new_start)
        last = seen[-1:]
        cost = count(played.turns[i].reply) + _size(last, count)
        fresh = seen[:-1][-1:]
        if new_start != start or n_tokens + _size(fresh, count) + cost > LONGEST or not samples:
            start = new_start
            samples.append(Sample(kind))
            samples[-1].add("system", prompts.ACT_SYSTEM)
            samples[-1].add("user", first)
            n_tokens, fresh = head, seen[:-1]
        for turn in fresh:
            samples[-1].add("assistant", turn.reply)
            samples[-1].add("user", turn.observation)
        n_tokens += _size(fresh, count)
        if any(weight for _, weight, _ in pieces):
            n_tokens += cost
            samples[-1].answer(pieces, last[0] if last else None)
    return [sample for sample in samples if sample.branches]


def _size(turns: list[Turn], count: Callable[[str], int]) -> int:
    return sum(count(turn.reply) + count(turn.observation) for turn in turns)


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
    sample.answer(played.replies[at])
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
        sample.answer([(piece, 1.0, "copied") for piece in pieces])
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
    replied = []
    for i, key in enumerate(asked):
        replied.append((f"{', ' if i else ''}{key}:", 0.0, "asked"))
        replied.append((f" {pairs[key]}", 1.0, "recalled"))
    sample.answer(replied)
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
    sample.answer([(text, 1.0, "lessons")])
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
