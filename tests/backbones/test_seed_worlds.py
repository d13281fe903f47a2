"""The training worlds of the seed backbone, and the player that it imitates."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from agentevo.backbones.seed.batches import DRILL_LENGTHS, EPISODE_LENGTHS, batches, pad
from agentevo.backbones.seed.drawing import Size, draw_world
from agentevo.backbones.seed.drills import (
    after_survey,
    exploring,
    presence,
    reading,
    states,
    trying,
)
from agentevo.backbones.seed.mixture import draw_samples
from agentevo.backbones.seed.plan import Plan
from agentevo.backbones.seed.samples import distill_sample, play
from agentevo.backbones.seed.tokenizer import encode, train_tokenizer
from agentevo.backbones.seed.words import ADJECTIVES, NOUNS, VERBS
from agentevo.dialogue import prompts

pytest.importorskip("textworld")


def test_the_player_wins_every_world_whose_lessons_it_is_told() -> None:
    for seed in range(60):
        assert play(random.Random(seed), share_told=1.0).world.won


def test_without_lessons_the_player_hardly_ever_wins() -> None:
    size = Size(1, 1, 0.9, 0.0)
    wins = sum(play(random.Random(s), size, share_told=0.0).world.won for s in range(100))
    assert wins < 20


def test_a_verb_is_carried_out_by_another_thing_in_another_world() -> None:
    by = Counter(
        (law.command, law.instrument)
        for seed in range(400)
        for law in draw_world(random.Random(seed)).laws.values()
        if law.verb == "fry"
    )
    assert by.most_common(1)[0][1] <= 0.25 * sum(by.values())


def test_lessons_given_are_true_in_their_world() -> None:
    for seed in range(30):
        played = play(random.Random(seed), share_told=1.0)
        for law in played.world.laws.values():
            if law.situation in " ".join(played.lessons):
                line = next(x for x in played.lessons if f"When {law.situation}:" in x)
                assert law.instrument in line


def test_foods_of_the_held_out_splits_stand_in_no_word_pool() -> None:
    from textworld.challenges.tw_cooking.cooking import FOODS_SPLITS

    known = {word for food in FOODS_SPLITS["train"] for word in food.split()}
    for split in ("valid", "test"):
        for food in FOODS_SPLITS[split]:
            for word in set(food.split()) - known:
                assert word not in NOUNS or word == "leg"
                assert word not in ADJECTIVES or word in {"green", "hot", "bell"}


def test_what_is_to_be_distilled_was_noted_and_shown_in_the_transcript() -> None:
    n_laws = n_endings = 0
    for seed in range(60):
        sample = distill_sample(random.Random(seed))
        asked, answer = sample.trunk[1].text, sample.branches[0].messages[0].text
        for situation, advice in prompts.parse_lessons(answer):
            if situation.startswith("the directions say"):
                n_laws += 1
                tool, command = advice.removeprefix("use ").removesuffix(" it").split(" to ")
                noted = f"{situation.removeprefix('the directions say ')}: {advice}" in asked
                assert noted or re.search(rf"> {command} .+ with {tool}\nYou ", asked)
            else:
                n_endings += 1
                assert f" {situation.removeprefix('the ')}: {advice}.\nOutcome: success" in asked
    assert n_laws > 5
    assert n_endings > 5


def test_the_player_says_of_what_it_takes_that_it_is_here_and_recovers_where_it_is_not() -> None:
    n_blind = 0
    for seed in range(60):
        played = play(random.Random(seed), Size(2, 3, 0.5, 0.0), share_told=1.0)
        for pieces, turn in zip(played.replies, played.turns, strict=True):
            if "Action: take " in turn.reply and " hm." not in turn.reply:
                assert " here." in turn.reply
                if turn.observation in ("You can't see any such thing.", "You already have that."):
                    assert pieces[0][1] == 0.0  # nothing is learned of what was blind
                    n_blind += 1
        assert played.world.won
    assert n_blind > 0


def test_drills_of_presence_say_what_the_text_shows() -> None:
    said: Counter[str] = Counter()
    for seed in range(80):
        sample = presence(random.Random(seed))
        text = sample.trunk[-1].text
        reply = sample.branches[0].messages[0].text
        for item in reply.removeprefix("Thought: ").split("; ")[-1].split(", "):
            _, rest = item.split(" ", 1)
            name, _, verdict = rest.rpartition(" ")
            said[verdict] += 1
            if verdict == "here":
                assert re.search(rf" {name}\b", text)
    assert min(said["here"], said["no"]) > 100


def test_drills_of_states_say_what_is_done_and_list_the_rest() -> None:
    past = dict(VERBS)
    for seed in range(80):
        sample = states(random.Random(seed))
        held = sample.trunk[-1].text
        verdicts, _, listed = sample.branches[0].messages[0].text.partition(";")
        left: list[str] = []
        items = verdicts.removeprefix("Thought: ").split(", ")
        make: list[str] = []
        if "Directions:" in sample.trunk[0].text:
            make = [sample.trunk[0].text.splitlines()[-1]]
            assert items.pop().split(" ", 1)[1] == make[0]
        for item in items:
            asked, _, again = item.partition(": ")
            verb, *name, participle, verdict = asked.split()
            assert participle == past[verb]
            if verdict == "here":
                assert f" {participle} " in held
                assert not again
            else:
                left.append(" ".join([str(len(left) + 1), verb, *name]))
                assert again == left[-1]
        left += [f"{len(left) + 1} {one}" for one in make]
        assert listed == (f" do {', '.join(left)};" if left else "")


def test_drills_of_what_follows_a_survey_work_off_what_it_called_closed() -> None:
    n_opened = 0
    for seed in range(80):
        sample = after_survey(random.Random(seed))
        said, command = sample.trunk[0].text.split("\nAction: ")
        survey = said.split(" see ")[1].split(";")[0].split(", ")
        closed = [one.removesuffix(" closed") for one in survey if one.endswith(" closed")]
        if command.startswith("open "):
            n_opened += 1
            assert command == f"open {closed.pop(0).split(' ', 1)[1]}"
        reply = sample.branches[-1].messages[0].text
        listed = reply.split(" closed ")[1].split(";")[0].split(", ") if " closed " in reply else []
        assert listed == closed
    assert 10 < n_opened < 70


def test_the_player_looks_twice_and_goes_on_without_a_tool_that_nobody_needs() -> None:
    n_without = 0
    for seed in range(120):
        played = play(random.Random(seed), Size(1, 1, 0.9, 1.0), share_told=1.0)
        thoughts = [turn.reply for turn in played.turns]
        if any(" not found" in one for one in thoughts):
            n_without += 1
            assert any(" look again" in one for one in thoughts)
            assert played.world.won
    assert n_without > 5


def test_drills_of_trying_work_off_what_the_room_offers() -> None:
    n_listed = n_shortened = 0
    for seed in range(200):
        sample = trying(random.Random(seed))
        before, seen = (message.text for message in sample.trunk)
        said = sample.branches[0].messages[-1].text
        lists = [re.findall(r"; test ([^;]+);", f";{text}") for text in (before, said)]
        guess = re.search(r": test (\d+ .+?), use (.+?) to ", said)
        if guess is None:
            continue
        options = lists[1][0].split(", ")
        assert guess[1] == options[0]
        assert guess[1].endswith(f" {guess[2]}")
        if before.endswith("Action: look"):
            n_listed += 1
            assert all(option.split(" ", 1)[1] in seen for option in options)
        elif lists[0] and not seen.startswith(("That's not a verb", "You ")):
            n_shortened += 1
            assert options == lists[0][0].split(", ")[1:]
    assert n_listed > 50
    assert n_shortened > 10


def test_each_call_is_encoded_as_the_dialogue_that_an_agent_would_send() -> None:
    tokenizer = train_tokenizer(40, 600)
    rng = random.Random(1)
    for _ in range(10):
        for sample in draw_samples(rng, 800, len, drilled=rng.random() < 0.3):
            row = encode(sample, tokenizer)
            for number, branch in enumerate(sample.branches, 1):
                turns = [*sample.trunk[: branch.after], *branch.messages]
                whole = tokenizer.apply_chat_template(
                    [{"role": m.role, "content": m.text} for m in turns],
                    tokenize=True, return_dict=True, return_assistant_tokens_mask=True,
                )  # fmt: skip
                own = [i for i, one in enumerate(row.branches) if one == number]
                seen = [*range(row.n_seen[own[0]]), *own]
                assert [row.ids[i] for i in seen] == whole["input_ids"]
                assert [row.positions[i] for i in seen] == list(range(len(seen)))
                learned = [row.weights[i] > 0 for i in seen]
                assert any(learned)
                assert all(
                    of_reply or not one
                    for one, of_reply in zip(learned, whole["assistant_masks"], strict=True)
                )


def test_every_step_of_the_training_learns_from_episodes_and_from_drills() -> None:
    plan = Plan(tokens_per_step=2600)
    source = batches(train_tokenizer(40, 2000), plan, seed=0, at_step=plan.n_steps)
    of_drills = {"presence", "walk", "state", "list", "recalled"}
    for _ in range(3):
        episodes, drills = next(source)
        assert episodes.ids.shape[1] in EPISODE_LENGTHS
        assert drills.ids.shape[1] in DRILL_LENGTHS
        kinds = [{name for row in batch.names for name in row} for batch in (episodes, drills)]
        assert kinds[0] & {"action", "lessons"}
        assert not kinds[0] & of_drills
        assert "document" not in kinds[1]


def test_a_branch_sees_its_own_dialogue_and_nothing_else() -> None:
    tokenizer = train_tokenizer(40, 600)
    rng = random.Random(2)
    samples = (
        one
        for _ in range(50)
        for one in draw_samples(rng, 800, lambda text: len(text.split()), drilled=False)
    )
    row = encode(next(one for one in samples if len(one.branches) > 2), tokenizer)
    mask = pad([row], len(row.ids) + 3, 0).mask()[0, 0]
    for query in range(len(row.ids)):
        own = row.branches[query]
        expected = [
            key <= query and (key < row.n_seen[query] if branch == 0 else branch == own)
            for key, branch in enumerate(row.branches)
        ]
        assert mask[query].tolist() == [*expected, False, False, False]


def test_a_word_is_cut_alike_at_the_start_of_a_line_and_after_a_space() -> None:
    tokenizer = train_tokenizer(40, 600)
    for word in ("lettuce", "zwibelqua", "table"):
        after_space, at_start = (
            tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
            for text in (f"a {word}", f"A\n{word}")
        )
        assert after_space[1:] == at_start[2:]


def test_drills_of_reading_note_each_line_and_fetch_what_it_takes() -> None:
    for seed in range(60):
        sample = reading(random.Random(seed))
        lessons, document = sample.trunk[0].text, sample.trunk[2].text
        lines = document.split("Directions:\n")[1].splitlines()[:-1]
        needed = re.split(r"\n\w+:\n", document.split("\n\nDirections")[0])[1].splitlines()
        said = sample.branches[0].messages[0].text.removeprefix("Thought:")
        how, _, get = said.rpartition(" get ")
        fetched = [one.split(" ", 1)[1] for one in get.removesuffix(";").split(", ")]
        assert fetched[: len(needed)] == needed
        assert all(tool in lessons for tool in fetched[len(needed) :])
        noted = re.findall(r"\d ([^:]*):", how)
        assert noted == [line.replace(" the ", " ", 1) for line in lines]


def test_drills_of_exploring_go_on_from_what_was_noted() -> None:
    n_new = 0
    for seed in range(60):
        sample = exploring(random.Random(seed))
        replied = sample.branches[0].messages[0].text
        if len(sample.trunk) < 2:
            continue
        noted, seen = (re.search(r"seen ([^;]*);", t) for t in (sample.trunk[0].text, replied))
        if noted is None or seen is None:
            continue
        assert seen[1].startswith(noted[1])
        n_new += seen[1] != noted[1]
    assert n_new > 10
