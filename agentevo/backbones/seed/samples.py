"""Training samples of the seed backbone: episodes, and lessons to be written of them.

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
from agentevo.backbones.seed.thoughts import Pieces, numbered
from agentevo.backbones.seed.world import Law, World
from agentevo.dialogue import prompts
from agentevo.dialogue.context import Turn, first_shown, shown

Kind = str  # "told", "untold", "distill", or the name of a drill
MAX_STEPS = 110
LONGEST = 1900  # tokens of a sample, all branches together
WEIGHTS = {
    "notes": 1.0,  # most are as they were, but every token must be right
    "found": 2.0,  # what is noted for the first time
    "conclusion": 1.0,
    "decision": 4.0,  # the words that decide are few, and would drown otherwise
    "document": 1.0,
    "law told": 2.0,
    "law guessed": 1.0,  # nobody can know them, but what is there to be tried stands in the room
    "action": 1.0,
    "slip": 0.0,
}
"""Loss weights of the parts of a reply, by their kind."""
GIVING_UP = ("something is missing", "I do not know how it ends")


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
        share_told = rng.choice([1.0, 1.0, 0.6, 0.6, 0.0, 0.0])
    said = {v: lesson_of(law, rng) for v, law in world.laws.items() if rng.random() < share_told}
    told = {verb: advised for verb, (_, advised) in said.items()}
    told_ending = rng.random() < share_told
    lessons = [prompts.lesson_line(*lesson) for lesson in said.values()]
    if told_ending:
        lessons.append(ending_lesson(world))
    rng.shuffle(lessons)
    p_slip, p_blind = rng.choice([0.0, 0.0, 0.05, 0.1]), rng.choice([0.0, 0.1, 0.3])
    expert = Expert(world, told, told_ending, rng, p_blind)
    played = Played(world, world.here.describe(), [], [], [], lessons, share_told == 1.0)
    for _ in range(MAX_STEPS):
        slip = expert.has_looked and rng.random() < p_slip
        thought, command = expert.slip() if slip else expert.decide()
        pieces = _weighed(thought, command, slip=slip or expert.slipped)
        observation = world.step(command)
        if not slip:
            expert.observe(command, observation)
        keep = command == f"examine {world.document}"
        played.replies.append(pieces)
        played.commands.append(command)
        played.turns.append(Turn("".join(p for p, _, _ in pieces), observation, keep))
        if world.over or thought[-1][0].strip() in GIVING_UP:
            break
    return played


def weighed(pieces: Pieces) -> list[tuple[str, float, str]]:
    """Return pieces of a reply with the loss weights of their kinds."""
    return [(text, WEIGHTS[kind], kind) for text, kind in pieces]


def _weighed(thought: Pieces, command: str, *, slip: bool) -> list[tuple[str, float, str]]:
    """Return a reply in pieces with their loss weights; of a slip nothing is learned."""
    pieces = [("Thought:", "notes"), *thought, (".\nAction:", "notes"), (f" {command}", "action")]
    return [(text, 0.0, kind) for text, kind in pieces] if slip else weighed(pieces)


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


def distill_sample(rng: random.Random, n_steps: int = MAX_STEPS) -> Sample:
    """Return transcripts of up to `n_steps` in a row, with the lessons that they show."""
    transcripts, lessons = [], []
    n_words = rng.choice([12, 16, 24, 24, 24, 32])
    for _ in range(rng.choice([1, 1, 1, 2])):
        size = draw_size(rng)
        size = Size(min(size.n_rooms, 4), size.n_needs, rng.choice([size.p_step, 0.9]), size.p_done)
        played = play(rng, size, rng.choice([None, 0.0]))
        last = _cut(rng, played)
        has_won = played.world.won and last == len(played.turns)
        turns = zip(played.commands[:last], played.turns[:last], strict=True)
        steps = [(command, turn.observation) for command, turn in turns]
        thought = prompts.parse_reply(played.turns[last - 1].reply).thought
        if not has_won and rng.random() < 0.35:
            ends, thought = _lost(rng, played.world, thought)
            steps[-1:] = ends
        shown = _shown_by(played.world, *steps[-1])
        if rng.random() < 0.5:  # as where a transcript was too long
            p_left_out = 0.7 * rng.random()
            steps = [*(step for step in steps[:-1] if rng.random() > p_left_out), steps[-1]]
        outcome = f"{'success' if has_won else 'failure'}, score "
        outcome += "1.00" if has_won else f"{0.9 * rng.random():.2f}"
        text = prompts.transcript(
            steps[-n_steps:], outcome, first=played.first, thought=thought, n_words=n_words
        )
        transcripts.append(text)
        for noted in _KNOWN.findall(prompts.clip(thought, prompts.MAX_THOUGHT)):
            lessons += [f"When the directions say {item}" for item in noted.split(", ")]
        lessons += shown
        if has_won:
            lessons.append(ending_lesson(played.world))
    sample = Sample("distill")
    sample.add("system", prompts.DISTILL_SYSTEM)
    sample.add("user", prompts.distill_message(transcripts))
    text = "\n".join(f"- {line}." for line in dict.fromkeys(lessons)) or "- none"
    sample.answer([(text, 4.0, "lessons")])  # one reply, where an episode has dozens
    return sample


def _cut(rng: random.Random, played: Played) -> int:
    """Draw how many turns of an episode are shown: all, or up to where something is noted."""
    noted = [i for i, turn in enumerate(played.turns, 1) if _KNOWN.search(turn.reply)]
    if rng.random() < 0.6:
        return len(played.turns)
    return rng.choice(noted if noted and rng.random() < 0.8 else range(1, len(played.turns) + 1))


def _lost(rng: random.Random, world: World, thought: str) -> tuple[list[tuple[str, str]], str]:
    """Return steps of which the last does what nobody asked for and ends the game, and its thought.

    Most often another verb was being tried, in vain at other places before.
    """
    law, name = rng.choice([*world.laws.values()]), rng.choice(world.needs).thing.name
    said = law.participle if world.says_past else law.verb
    seen = f"You {said} the {name}." if rng.random() < 0.7 else f"You burned the {name}!"
    scored = f"You scored {world.score} out of a possible {world.max_score}, in 9 turns."
    command = f"{law.command} {name} with"
    lost = (f"{command} {law.instrument}", f"{seen}\n\n*** You lost! ***\n\n{scored}")
    if rng.random() < 0.3:
        return [lost], thought
    known = re.search(r"(?:^| )(know [^;]*;)", thought)
    pool = [one for one in (*words.FIXTURES, *words.TOOLS) if one != law.instrument]
    others = rng.sample(pool, rng.randint(0, 3))
    refusal = rng.choice(words.REFUSALS).format(command=law.command, name=name)
    asked = rng.choice([one.verb for one in world.laws.values() if one is not law] or [law.verb])
    left = numbered([f"{asked} {name}", f"{world.make} {world.product}"])
    number = rng.randint(1, 6)
    text = (
        f"do {', '.join(left)}; {known[1] + ' ' if known else ''}test {number} {law.instrument}; "
    )
    text += f"{asked}: test {number} {law.instrument}, use {law.instrument} to {law.command} it."
    return [*((f"{command} {one}", refusal) for one in others), lost], text


def _shown_by(world: World, command: str, observation: str) -> list[str]:
    """Return the lesson that a step shows to whoever reads it, if any."""
    for law in world.laws.values():
        said = law.participle if world.says_past else law.verb
        name = command.removeprefix(f"{law.command} ").split(" with ")[0]
        is_meant = command == f"{law.command} {name} with {law.instrument}"
        if is_meant and observation.startswith(f"You {said} the {name}."):
            return [prompts.lesson_line(law.situation, law.advice)]
    return []


_KNOWN = re.compile(r"(?:^| )know ([^;]*);")
