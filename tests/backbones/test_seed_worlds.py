"""The training worlds of the seed backbone, and the player that it imitates."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from agentevo.backbones.seed.drawing import Size, draw_world
from agentevo.backbones.seed.samples import distill_sample, draw_samples, play
from agentevo.backbones.seed.tokenizer import encode, train_tokenizer
from agentevo.backbones.seed.words import ADJECTIVES, NOUNS
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


def test_what_is_to_be_distilled_was_shown_in_the_transcript() -> None:
    for seed in range(40):
        sample = distill_sample(random.Random(seed))
        asked, answer = sample.messages[1].text, sample.messages[2].text
        for situation, advice in prompts.parse_lessons(answer):
            if situation.startswith("the directions say"):
                instrument, command = advice.removeprefix("use ").removesuffix(" it").split(" to ")
                assert f"> {command} " in asked
                assert f" with {instrument}" in asked


def test_pieces_are_encoded_to_the_tokens_of_the_whole_and_only_replies_are_learned() -> None:
    tokenizer = train_tokenizer(40, 600)
    rng = random.Random(1)
    for _ in range(10):
        for sample in draw_samples(rng, 800, len, p_drill=0.3):
            ids, weights, names = encode(sample, tokenizer)
            turns = [{"role": m.role, "content": m.text} for m in sample.messages]
            whole = tokenizer.apply_chat_template(
                turns, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
            )
            assert ids == whole["input_ids"]
            learned = [w > 0 for w in weights]
            assert all(m or not w for w, m in zip(learned, whole["assistant_masks"], strict=True))
            assert len(names) == len(ids)
