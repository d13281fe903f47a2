"""Drills: short dialogues in which one thing that thoughts need is done many times over.

In an episode it is rarely said that something is here, or done already; what decides that is
learned far sooner where each dialogue asks it ten times.
"""

from __future__ import annotations

import random

from agentevo.backbones.seed import words
from agentevo.backbones.seed.drawing import Size, draw_world
from agentevo.backbones.seed.expert import Expert
from agentevo.backbones.seed.language import article, join
from agentevo.backbones.seed.route import COMPASS, Route
from agentevo.backbones.seed.samples import Sample, distill_sample, lesson_of, weighed
from agentevo.backbones.seed.thoughts import Pieces, got, note, numbered, surveyed
from agentevo.backbones.seed.world import OPPOSITE, Thing, advice
from agentevo.dialogue import prompts

Asked = list[tuple[str, float, str]]


def draw_drill(rng: random.Random, n_most: int = 16) -> Sample:
    """Draw a drill; those that list names or pairs list at most `n_most`."""
    if rng.random() < 0.02:
        return recall(rng, n_most)
    drills = [presence, reading, states, lists, after_survey, surroundings, exploring, trying]
    return rng.choices([*drills, distilling], [13, 14, 26, 10, 8, 8, 31, 26, 24])[0](rng)


def recall(rng: random.Random, n_most: int) -> Sample:
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


def presence(rng: random.Random) -> Sample:
    """Return a listing or a room, and which of some things are in it."""
    if rng.random() < 0.6:
        return _listing(rng)
    world = draw_world(rng, Size(1, rng.choice([1, 2, 3]), 0.8, rng.choice([0.0, 0.5])))
    room = world.here
    for fixture in room.fixtures:
        fixture.is_open = fixture.is_open or rng.random() < 0.4
    everything = [thing for spot in room.fixtures for thing in spot.contents] + room.floor
    shown = [thing for spot in room.fixtures if spot.is_open for thing in spot.contents]
    there = {thing.name for thing in shown + room.floor} - {world.document}
    hidden = [thing.name for thing in everything if thing.name not in there]
    absent = [name for name in hidden if name != world.document]
    return _asked(rng, room.describe(), there, absent)


def _listing(rng: random.Random) -> Sample:
    """Return what is held, or what opening furniture shows, and which things are in it."""
    names = {words.name_of_thing(rng) for _ in range(rng.randint(1, 6))}
    things = [
        Thing(name, [rng.choice(words.VERBS)[1] for _ in range(rng.choice([0, 0, 0, 1, 2]))])
        for name in sorted(names)
    ]
    rng.shuffle(things)
    listing = join([article(thing.listed) for thing in things])
    text = rng.choice(
        [f"You open the {rng.choice(words.FIXTURES)}, revealing {listing}.",
         f"You are carrying: {listing}."]
    )  # fmt: skip
    return _asked(rng, text, names, [])


def _asked(rng: random.Random, text: str, there: set[str], absent: list[str]) -> Sample:
    """Return a text with questions for what is there, and for as many things that are not."""
    absent += [words.sibling_of(name, rng) for name in sorted(there) if rng.random() < 0.7]
    while len(absent) < len(there):
        absent.append(words.name_of_thing(rng))
    absent = rng.sample(absent, max(1, len(there)))
    asked = list(dict.fromkeys([*sorted(there), *absent]))
    rng.shuffle(asked)
    asked = numbered(_some_numbers(rng, asked[:9]))
    sample = Sample("presence")
    if rng.random() < 0.4:  # named before, which does not mean that it is here
        sample.add("user", f"{rng.choice(words.PARTS)}:\n" + "\n".join(_names(asked)))
        sample.add("assistant", "Action: look")
    sample.add("user", text)
    replied: Asked = [("Thought:", 0.0, "")]
    is_listed = rng.random() < 0.5
    if is_listed:
        replied += [(text, 0.0, kind) for text, kind in note("get", asked)]  # nobody can know
    for i, (item, name) in enumerate(zip(asked, _names(asked), strict=True)):
        replied.append((f"{',' if i else ''} {item}", 0.5 if is_listed else 0.0, "asked"))
        replied.append((" here" if name in there else " no", 1.0, "presence"))
    sample.answer(replied)
    return sample


def _some_numbers(rng: random.Random, items: list[str]) -> dict[int, str]:
    """Return items with numbers as they stand when others have been worked off."""
    numbers = sorted(rng.sample(range(1, 10), len(items))) if rng.random() < 0.5 else []
    return dict(zip(numbers or range(1, 10), items, strict=False))


def _names(items: list[str]) -> list[str]:
    return [item.split(" ", 1)[1] for item in items]


def reading(rng: random.Random) -> Sample:
    """Return a document under lessons, and what is noted of it."""
    size = Size(1, rng.choice([1, 2, 3, 3]), rng.choice([0.3, 0.6, 0.9]), 0.0)
    world = draw_world(rng, size)
    said = {verb: lesson_of(law, rng) for verb, law in world.laws.items() if rng.random() < 0.9}
    expert = Expert(world, {verb: advised for verb, (_, advised) in said.items()}, False, rng)
    lessons = [prompts.lesson_line(*lesson) for lesson in said.values()]
    rng.shuffle(lessons)
    sample = Sample("reading")
    sample.add("user", "\n".join(lessons))
    sample.add("assistant", f"Action: examine {world.document}")
    sample.add("user", world.step(f"examine {world.document}"))
    sample.answer(weighed([("Thought:", "notes"), *expert.read()]))
    return sample


def states(rng: random.Random) -> Sample:
    """Return directions, what is held, and what of the directions is done."""
    verbs = rng.sample(words.VERBS, rng.randint(2, 6))
    directions, held = [], []
    names = list(dict.fromkeys(words.name_of_thing(rng) for _ in range(rng.choice([1, 1, 2, 3]))))
    for name in names:
        asked = rng.sample(verbs, rng.randint(1 + (len(names) < 2), min(3, len(verbs))))
        done = [verb for verb in verbs if rng.random() < (0.5 if verb in asked else 0.15)]
        rng.shuffle(done)
        held.append(Thing(name, [past for _, past in done], raw=rng.random() < 0.3))
        directions += [(verb, past, name, (verb, past) in done) for verb, past in asked]
    held += [Thing(tool) for tool in rng.sample(words.TOOLS, rng.randint(0, 2))]
    rng.shuffle(held)
    sample = Sample("states")
    jobs = [f"{verb} {name}" for verb, _, name, is_done in directions if not is_done]
    lines = [f"{verb} the {name}" for verb, _, name, _ in directions]
    is_known = rng.random() < 0.8
    if is_known:
        jobs.append(f"{rng.choice(words.MAKE)} {rng.choice(words.PRODUCTS)}")
        parts = f"{rng.choice(words.PARTS)}:\n" + "\n".join(names)
        sample.add("user", f"{parts}\n\nDirections:\n" + "\n".join([*lines, jobs[-1]]))
        sample.add("assistant", "Action: inventory")
    sample.add("user", f"You are carrying: {join([article(thing.listed) for thing in held])}.")
    replied: Asked = [("Thought:", 0.0, "")]
    left = numbered(jobs)
    to_say = iter(left)
    for i, (verb, past, name, is_done) in enumerate(directions):
        replied.append((f"{',' if i else ''} {verb} {name}", 2.0 * is_known, "walk"))
        replied.append((f" {past}", 0.5, "conclusion"))
        replied.append((" here" if is_done else " no", 1.0, "state"))
        if not is_done:
            replied.append((f": {next(to_say)}", 1.0, "found"))
    last = f", {left[-1]};" if len(sample.trunk) > 1 else ";"
    replied += [(text, 2.0, kind) for text, kind in [(last, "found"), *note("do", left, "found")]]
    sample.answer(replied)
    return sample


def lists(rng: random.Random) -> Sample:
    """Return a thought with a list, what came of the command, and the list as it is then."""
    names = list(dict.fromkeys(words.name_of_thing(rng) for _ in range(rng.randint(1, 6))))
    furniture = rng.sample(words.FIXTURES, rng.randint(1, 4))
    verb = [verb for verb, _ in rng.sample(words.VERBS, len(names))]
    todo = [f"{one} {name}" for one, name in zip(verb, names, strict=True)]
    todo.append(f"{rng.choice(words.MAKE)} {rng.choice(words.PRODUCTS)}")
    listed_names = numbered(_some_numbers(rng, names))
    listed_furniture = numbered(_some_numbers(rng, furniture))
    listed_jobs = numbered(dict(enumerate(todo, rng.choice([1, 1, 1, 2, 3]))))
    exits = [f"{room} {rng.choice(COMPASS)}" for room in rng.sample(words.ROOMS, rng.randint(1, 6))]
    at, tool = rng.randrange(len(names)), rng.choice(words.TOOLS)
    score = rng.choice(["", "\n\nYour score has just gone up by one point."])
    cannot = "You can't see any such thing."
    taken = [f"You take the {names[at]} from the {furniture[0]}.", "You already have that."]
    opened = [
        f"You open the {furniture[0]}.",
        "It isn't something you can open.",
        f"You open the {furniture[0]}, revealing {article(names[0])}.",
        "That's already open.",
    ]
    cases = {
        "get": (listed_names, at, f"take {names[at]}", rng.choice(taken), cannot),
        "closed": (listed_furniture, 0, f"open {furniture[0]}", rng.choice(opened), None),
        "do": (listed_jobs, 0, f"{verb[0]} {names[0]} with {tool}",
               f"You {verb[0]} the {names[0]}.", cannot),
        "exits": (numbered(exits), len(exits) - 1, f"go {exits[-1].split()[1]}",
                  "You can't go that way.",
                  f"You have to open the {words.adjective(rng)} door first."),
    }  # fmt: skip
    sample = Sample("lists")
    label = rng.choice(list(cases))
    listed, at, command, done, undone = cases[label]
    before = note("get", [f"{rng.randint(1, 4)} {tool}"])
    if label == "get" or rng.random() < 0.5:
        before = []
    after = note("at", [rng.choice(words.ROOMS)]) if label in ("get", "closed") else []
    is_done = undone is None or rng.random() < 0.65
    observation = (done + score if label in ("get", "do") else done) if is_done else str(undone)

    def thought(items: list[str], kind: str) -> Asked:
        weighed = [(text, 0.2, "notes") for text, _ in before]
        weighed += [(text, 1.0, kind) for text, _ in note(label, items)]
        return [("Thought:", 0.2, "notes"), *weighed, *((text, 0.5, kind) for text, _ in after)]

    said = "".join(text for text, _, _ in thought(listed, ""))
    concluded = f"{listed[at]} here" if label == "get" else "go on"
    sample.add("assistant", f"{said} {concluded}.\nAction: {command}")
    sample.add("user", observation)
    left = [one for i, one in enumerate(listed) if i != at or not is_done]
    reply = thought(left, "list")
    if label == "get" and is_done:
        reply[1 : 1 + bool(left)] = [(text, 2.0, "list") for text, _ in got(listed[at], left)]
    sample.answer(reply)
    return sample


def after_survey(rng: random.Random) -> Sample:
    """Return a thought that says what of the furniture is closed, and the list of that after it."""
    names = list(dict.fromkeys(words.name_of_thing(rng) for _ in range(rng.randint(2, 4))))
    furniture = [(f, rng.random() < 0.5, False) for f in rng.sample(words.FIXTURES, 6)]
    furniture = furniture[: rng.randint(2, 6)]
    items = numbered(_some_numbers(rng, names))
    listed = enumerate(furniture, 1)
    closed = {number: name for number, (name, is_closed, _) in listed if is_closed}
    if closed and rng.random() < 0.5:
        number = min(closed)
        name = closed.pop(number)
        said = f"{', '.join(f'{item} no' for item in items)}, open {number} {name}"
        command, observation, left = f"open {name}", f"You open the {name}.", items
    else:
        at = rng.randrange(len(items))
        said = ", ".join([*(f"{item} no" for item in items[:at]), f"{items[at]} here"])
        left = items[:at] + items[at + 1 :]
        command = f"take {names[at]}"
        observation = f"You take the {names[at]} from the {rng.choice(furniture)[0]}."
    pieces = [*note("get", items), *surveyed(furniture), *note("at", [rng.choice(words.ROOMS)])]
    sample = Sample("lists")
    before = "".join(text for text, _ in pieces)
    if command.startswith("open "):  # which is the first that is closed?
        asked, chosen = said.rsplit(" open ", 1)
        reply = [(f"Thought:{before} {asked}", 0.0, "asked"), (" open", 0.0, "asked")]
        sample.answer([*reply, (f" {chosen}", 2.0, "chosen"), (f".\nAction: {command}", 0.0, "")])
    sample.add("assistant", f"Thought:{before} {said}.\nAction: {command}")
    sample.add("user", observation)
    replied: Asked = [("Thought:", 0.2, "notes")]
    taken = next((item for item in items if item not in left), "")
    get = got(taken, left) if taken else note("get", left)
    replied += [(text, 0.5, kind) for text, kind in get]
    replied += [(text, 2.0, "list") for text, _ in note("closed", numbered(closed))]
    replied += [(text, 0.5, kind) for text, kind in pieces[-1:]]
    sample.answer(replied)
    return sample


def surroundings(rng: random.Random) -> Sample:
    """Return rooms that are entered, and what is noted of them: furniture and exits."""
    world = draw_world(rng, Size(rng.choice([1, 1, 1, 2, 3, 4, 5, 6]), 1, 0.5, 0.0))
    sample = Sample("surroundings")
    others = [room for room in world.rooms if room is not world.home]
    rooms = [world.home, *rng.sample(others, min(1, len(others)))]
    rng.shuffle(rooms)
    if not others and rng.random() < 0.7:  # as where it all began
        sample.add("user", world.home.describe())
    seen: list[str] = []
    for room in rooms:
        came = rng.choice([way for way in COMPASS if way in room.exits] or [""])
        sample.add("assistant", f"Action: go {OPPOSITE[came]}" if came else "Action: look")
        sample.add("user", room.describe())
        exits = [f"{room.name} {way}" for way in COMPASS if way in room.exits and way != came]
        seen.append(room.name)
        noted = surveyed([(f.name, not f.is_open, False) for f in room.fixtures])
        if came:
            noted += [*note("at", [room.name]), *note("seen", numbered(seen))]
            noted += note("exits", numbered(exits), "found")
        replied: Asked = [("Thought:", 0.0, "")]
        replied += [(text, 0.2 if kind == "notes" else 1.0, kind) for text, kind in noted]
        sample.answer([*replied, (" go on", 0.0, "")])
    return sample


def exploring(rng: random.Random) -> Sample:
    """Return a step of a search through rooms: what was noted before, and what is noted then."""
    world = draw_world(rng, Size(rng.randint(3, 12), 1, 0.3, 0.0))
    route = Route(rng)
    route.start(world.here)
    names = list(
        dict.fromkeys(words.name_of_thing(rng) for _ in range(rng.choice([0, 0, 1, 1, 3])))
    )
    wanted = numbered(_some_numbers(rng, names))
    said: Pieces = []
    command = observation = ""
    for _ in range(rng.randint(2, 14)):
        missed = [(f"{',' if i else ''} {one} no", "decision") for i, one in enumerate(wanted)]
        notes = [*note("get", wanted), *route.notes(exploring=True)]
        step = route.explore(missed if route.is_new else [])
        if step is None:
            break
        route.is_new = route.is_known = False
        before, said = (said, command, observation), [("Thought:", "notes"), *notes, *step[0]]
        command = step[1]
        observation = world.step(command)
        if command.startswith("go "):
            route.went(command.removeprefix("go "), world.here, observation)
    sample = Sample("exploring")
    last, earlier, seen = before
    if last:
        sample.add("assistant", "".join(text for text, _ in last) + f".\nAction: {earlier}")
    sample.add("user", seen or observation)
    sample.answer(weighed([*said, (".\nAction:", "notes"), (f" {command}", "action")]))
    return sample


def trying(rng: random.Random) -> Sample:
    """Return a step of work that no lesson explains: what the room offers is tried in turn."""
    world = draw_world(rng, Size(1, rng.choice([1, 1, 2]), 0.9, 0.1))
    for fixture in world.here.fixtures:
        fixture.is_open = True
    expert = Expert(world, {}, False, rng, 0.1)
    for need in world.needs:
        world.step(f"take {need.thing.name}")
    expert.has_read = expert.has_looked = expert.has_counted = True
    said, command = expert.decide()
    if not expert.todo:
        return trying(rng)
    n_steps, until_found = rng.choice([1, 1, 1, 2, 3, 4, 5, 6]), rng.random() < 0.3
    for i in range(1, 13):
        replied = "Thought:" + "".join(text for text, _ in said) + f".\nAction: {command}"
        n_known = len(expert.guesses.known)
        observation = world.step(command)
        expert.observe(command, observation)
        if world.over or not expert.todo:
            return trying(rng)
        said, command = expert.decide()
        if len(expert.guesses.known) > n_known if until_found else i == n_steps:
            break
    sample = Sample("trying")
    sample.add("assistant", replied)
    sample.add("user", observation)
    sample.answer(
        weighed([("Thought:", "notes"), *said, (".\nAction:", "notes"), (f" {command}", "action")])
    )
    return sample


def distilling(rng: random.Random) -> Sample:
    """Return a few steps of transcripts, and the lessons that they show."""
    sample = distill_sample(rng, rng.randint(1, 8))
    text = sample.branches[0].messages[0].text
    return distilling(rng) if text == "- none" and rng.random() < 0.8 else sample
