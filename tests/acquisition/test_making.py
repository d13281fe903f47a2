"""Tasks that a model makes, and what of them is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from agentevo.acquisition.making import (
    OPERATORS,
    Made,
    Making,
    back_translated,
    eliminated,
    evolved,
    from_documents,
    masked_backward,
    self_instruct,
)
from agentevo.refinement.novelty import rouge_l, words_of

Dialogues = Sequence[list[dict[str, Any]]]

POOL = (
    "Name three rivers that flow through Germany.",
    "How many legs do five spiders have together?",
    "Translate the word 'house' into French.",
    "Which planet is the largest of the solar system?",
    "Explain in one sentence why the sky is blue.",
    "Write a short rhyme about rain.",
    "What is the square root of 144?",
    "List the months that have thirty days.",
    "Who wrote the play Hamlet?",
)
NEW = (
    "Give a recipe for soup with leeks.",
    "Sort these words by length: oak, elm, chestnut.",
    "Find a rhyme for silver, or say there is none.",
    "Convert 30 degrees Celsius to Fahrenheit.",
    "State one cause of the French Revolution.",
)
CHUNKS = (
    ("moss.md#1", "The lamp of Harl was lit in 1871 by Ada Brenn."),
    ("moss.md#2", "Its tower is forty metres high and built of slate."),
    ("reed.txt#1", "Keepers ate herring on Fridays, and bread otherwise."),
    ("reed.txt#2", "In fog the bell rings twice a minute."),
)
ANSWERS = {"Harl": "Ada Brenn", "tower": "slate", "Keepers": "herring", "fog": "twice a minute"}


class Scripted:
    """Says what a function returns of the number of the dialogue, its system prompt and message."""

    def __init__(self, says: Callable[[int, str, str], str]) -> None:
        self._says = says
        self.seen: list[str] = []

    def __call__(self, dialogues: Dialogues) -> list[str]:
        replies = []
        for system, user in dialogues:
            replies.append(self._says(len(self.seen), system["content"], user["content"]))
            self.seen.append(user["content"])
        return replies


def in_turn(*replies: str) -> Scripted:
    return Scripted(lambda i, system, message: replies[min(i, len(replies) - 1)])


def numbered(*texts: str) -> str:
    return "Here are more:\n" + "\n".join(f"{i}. {text}" for i, text in enumerate(texts, 9))


def instructed(*replies: str, n: int = 5, seed: int = 0) -> tuple[Making, list[str]]:
    answer = in_turn(*replies)
    return self_instruct(POOL, answer, random.Random(seed), n=n), answer.seen


def on_chunk(i: int, system: str, message: str) -> str:
    (word,) = [word for word in ANSWERS if word in message.partition("\n\n")[0]]
    return f"Question: What does number {i} ask of {word} here?\nAnswer: {ANSWERS[word]}"


def test_what_self_instruct_admits_is_unlike_the_pool_and_unlike_itself() -> None:
    twins = [f"{text[:-1]} now." for text in (*POOL, *NEW)]
    making, _ = instructed(numbered(*twins[:9], *NEW[:3], *twins[9:12]), numbered(*NEW, *twins))
    texts = [one.question for one in making.made]
    assert texts == list(NEW)
    for i, text in enumerate(texts):
        others = [*POOL, *texts[:i]]
        assert max(rouge_l(words_of(text), words_of(other)) for other in others) < 0.7
    reasons = dict(making.refused)
    assert set(twins[:12]) <= reasons.keys()
    assert all("ROUGE-L" in reasons[text] for text in twins[:12])
    assert making.n_calls == 2


def test_a_duplicate_is_refused_whether_it_was_given_or_made() -> None:
    making, _ = instructed(numbered(NEW[0], POOL[4].upper(), NEW[0]), n=5)
    assert [one.question for one in making.made] == [NEW[0]]
    assert (POOL[4].upper(), "its ROUGE-L to pool#4 is 1.00") in making.refused
    assert (NEW[0], "its ROUGE-L to made#0 is 1.00") in making.refused


def test_a_task_that_is_as_like_as_the_bound_is_refused_and_one_below_it_is_not() -> None:
    pool = ["a b c d e f g h i j"]
    seven, six = "a b c d e f g x y z", "a b c d e f w x y z"
    making = self_instruct(pool, in_turn(numbered(seven, six)), random.Random(0), n=1)
    assert [one.question for one in making.made] == [six]
    assert making.refused == ((seven, "its ROUGE-L to pool#0 is 0.70"),)
    strict = self_instruct(pool, in_turn(numbered(six)), random.Random(0), n=1, at_most=0.6)
    assert not strict.made


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Describe what is seen in the picture of a harbour.", "outside of text: picture"),
        ("Open the FILES and count their lines.", "outside of text: files"),
        ("Sorry, that is more than I can do.", "refusal"),
        ("I cannot help with writing any tasks.", "refusal"),
        ("Count sheep.", "2 words"),
        ("Count " + "one more sheep and " * 38, "153 words"),
    ],
)
def test_self_instruct_refuses_what_is_no_task_in_words(text: str, reason: str) -> None:
    making, _ = instructed(numbered(text.strip(), NEW[0]), n=1)
    assert [one.question for one in making.made] == [NEW[0]]
    ((refused, why),) = making.refused
    assert refused == text.strip()
    assert reason in why


def test_a_word_that_only_holds_an_outside_word_is_let_pass() -> None:
    making, _ = instructed(numbered("Write the profile of a drawer of mapled wood."), n=1)
    assert len(making.made) == 1


def test_a_prompt_shows_eight_of_the_pool_and_later_six_with_two_made_ones() -> None:
    making, seen = instructed(numbered(*NEW[:3]), numbered(*NEW[3:]))
    first, second = ([line.partition(". ")[2] for line in one.splitlines()] for one in seen)
    assert len(first) == len(second) == 8
    assert set(first) <= set(POOL)
    assert len(set(second) & set(POOL)) == 6
    assert len(set(second) & set(NEW[:3])) == 2
    last = making.made[-1]
    names = {f"pool#{i}": text for i, text in enumerate(POOL)}
    names |= {f"made#{i}": one.question for i, one in enumerate(making.made)}
    assert [names[one] for one in last.parents] == second
    assert last.source in last.parents
    assert last.source.startswith("pool#")


def test_made_ones_stand_anywhere_in_the_prompt() -> None:
    places = set()
    for seed in range(10):
        _, seen = instructed(numbered(*NEW[:3]), numbered(*NEW[3:]), seed=seed)
        lines = [line.partition(". ")[2] for line in seen[1].splitlines()]
        places |= {i for i, line in enumerate(lines) if line in NEW}
    assert min(places) < 4 < max(places)


def test_self_instruct_gives_up_on_a_model_that_has_nothing_new_to_say() -> None:
    making, seen = instructed(numbered(NEW[0]), numbered(POOL[0]), "I have no list.", n=4)
    assert [one.question for one in making.made] == [NEW[0]]
    assert making.n_calls == len(seen) == 4
    slow, _ = instructed(*["Hm."] * 2, numbered(NEW[0]), *["Hm."] * 2, numbered(NEW[1]), n=2)
    assert (len(slow.made), slow.n_calls) == (2, 6)
    with pytest.raises(ValueError, match="no seed task"):
        self_instruct((), in_turn(""), random.Random(0), n=1)


def test_more_than_was_wanted_is_refused_too_and_nothing_wanted_asks_nothing() -> None:
    making, _ = instructed(numbered(*NEW), n=2)
    assert len(making.made) == 2
    assert {why for _, why in making.refused} == {"there are enough"}
    assert instructed(numbered(*NEW), n=0) == (Making((), (), 0), [])


def test_a_task_of_several_lines_is_one_and_what_follows_the_list_is_none() -> None:
    making, _ = instructed("1. Sort these words:\n   oak, elm.\n2) Name a bird.\n\nAny more?", n=2)
    assert [one.question for one in making.made] == ["Sort these words: oak, elm.", "Name a bird."]


def test_the_same_seed_makes_the_same_and_another_seed_shows_other_tasks() -> None:
    replies = (numbered(*NEW[:2]), numbered(*NEW[2:]))
    assert instructed(*replies, seed=1) == instructed(*replies, seed=1)
    assert instructed(*replies, seed=1)[1] != instructed(*replies, seed=2)[1]


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("who wrote the play  HAMLET", "adds nothing"),
        ("Sorry, but that prompt has no harder form.", "refusal"),
        ("What is it, and who?! ...", "stop words"),
        ("", "stop words"),
        ("Rewritten Prompt: Who wrote Hamlet, and at which age?", "rewritten prompt"),
        ("As the given prompt says, who wrote Hamlet in 1600?", "given prompt"),
    ],
)
def test_each_rule_of_elimination_leaves_the_parent_as_it_was(new: str, reason: str) -> None:
    making = evolved([("q1", POOL[8])], in_turn(new), random.Random(0))
    assert not making.made
    ((text, why),) = making.refused
    assert text == new
    assert why.startswith("q1: ")
    assert reason in why


def test_rules_of_elimination_let_pass_what_only_looks_alike() -> None:
    long = "Write a letter in which a baker says sorry. " + "Mention bread and one thing. " * 15
    assert eliminated(POOL[8], long) == ""
    assert eliminated("Shorten the given prompt by half.", "Shorten the given prompt twice.") == ""
    assert eliminated(POOL[8], "Who wrote the play Hamlet and for which stage?") == ""
    alike = " ".join(f"w{i}" for i in range(40))
    assert eliminated(alike, f"{alike} more") == "it adds nothing"


def test_evolved_questions_name_their_parent_and_what_was_done_with_them() -> None:
    def says(i: int, system: str, message: str) -> str:
        (name,) = [name for name, told in OPERATORS.items() if told in system]
        return f"{message.splitlines()[1]} Mind the way called {name}, at step {i * 7}."

    questions = [(f"q{i}", POOL[i % len(POOL)]) for i in range(60)]
    making = evolved(questions, Scripted(says), random.Random(3))
    assert [(one.source, one.parents) for one in making.made] == [
        (name, (name,)) for name, _ in questions
    ]
    assert {one.how for one in making.made} == {f"evolved, {name}" for name in OPERATORS}
    assert all(one.how.split(", ")[1] in one.question for one in making.made)
    assert making.n_calls == 60
    assert making == evolved(questions, Scripted(says), random.Random(3))


def scored(score: str, **more: float) -> Making:
    texts = [("a.txt#1", "  Boil the leeks,\nthen   blend them. "), ("a.txt#2", "It rained.")]

    def says(i: int, system: str, message: str) -> str:
        if "Score" not in system:
            return "Question: How is leek soup made?" if "leeks" in message else "How was it there?"
        return score if "leeks" in message else "Score: 5"

    return back_translated(texts, Scripted(says), **more)


@pytest.mark.parametrize("score", ["Score: 4", "It is good.\nscore: **5** / 5", "4", "Score: 4/5."])
def test_back_translation_leaves_the_text_as_it_is(score: str) -> None:
    making = scored(score)
    assert making.made[0] == Made(
        "How is leek soup made?", "  Boil the leeks,\nthen   blend them. ", "a.txt#1",
        "back-translated",
    )  # fmt: skip
    assert len(making.made) == 2
    assert making.n_calls == 4


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        ("Score: 3", "its score is 3"),
        ("Score (1-5): 1", "its score is 1"),
        ("Score: 3.9", "its score is 3.9"),
        ("Score: 10", "it has no score"),
        ("Fine!", "it has no score"),
    ],
)
def test_a_pair_of_a_low_score_or_of_none_is_refused(score: str, reason: str) -> None:
    making = scored(score)
    assert [one.source for one in making.made] == ["a.txt#2"]
    assert making.refused == (("How is leek soup made?", f"a.txt#1: {reason}"),)


def test_a_lower_bound_lets_lower_scores_pass() -> None:
    assert len(scored("Score: 3", least=0.6).made) == 2


def test_a_text_to_which_no_question_was_written_is_not_scored() -> None:
    making = back_translated([("a", "It rained.")], in_turn("Sorry, no."))
    assert making == Making((), (("Sorry, no.", "a: it is a refusal"),), 1)


@pytest.mark.parametrize(
    ("question", "gold", "masked", "begins"),
    [
        ("Ann has 12 pens and buys 7 more. How many?", "19", "12", "Ann has X pens and buys 7"),
        ("It costs $1,250 at 20% off. How much?", "1000", "1,250", "It costs $X at 20%"),
        ("From 7:30 on the 3rd a car drives 2.5 h at 80 km/h.", "200", "2.5", "From 7:30 on the 3"),
        ("Of 5 rows take 5, then 3.", "2 rows", "3", "Of 5 rows take 5, then X."),
        ("Is 4 of the 9 left?", "4", "9", "Is 4 of the X left?"),
    ],
)
def test_the_answer_of_a_backward_question_is_the_number_left_open(
    question: str, gold: str, masked: str, begins: str
) -> None:
    made = masked_backward(question, gold)
    assert made is not None
    assert made.answer == masked
    first, second = made.question.splitlines()
    assert first.startswith(begins)
    assert first.replace("X", masked) == question
    assert f" {gold}." in second
    assert made.source == question
    again = masked_backward(question, gold, source="t1")
    assert again is not None
    assert (again.source, again.parents) == ("t1", ("t1",))


@pytest.mark.parametrize(
    ("question", "gold"),
    [
        ("How many legs has a spider?", "8"),
        ("Is 91 a prime?", "no"),
        ("What is 8 in Latin?", "8"),
        ("Take 3 of the 3.", "0"),
        ("Let X be 4. What is twice X?", "8"),
    ],
)
def test_no_backward_question_is_made_where_it_would_not_be_one(question: str, gold: str) -> None:
    assert masked_backward(question, gold) is None


def test_each_chunk_is_used_before_one_is_used_again() -> None:
    for seed in range(5):
        four = from_documents(CHUNKS, Scripted(on_chunk), random.Random(seed), n=4)
        assert {one.source for one in four.made} == {name for name, _ in CHUNKS}
        assert len(four.made) == four.n_calls == 4
        six = from_documents(CHUNKS, Scripted(on_chunk), random.Random(seed), n=6)
        assert {one.source for one in six.made[:4]} == {name for name, _ in CHUNKS}
        assert len(six.made) == 6


def test_after_a_refusal_a_chunk_is_asked_that_was_not_yet() -> None:
    for seed in range(5):
        making = from_documents(CHUNKS, in_turn("Hm."), random.Random(seed), n=2)
        assert {why.partition(":")[0] for _, why in making.refused} == {name for name, _ in CHUNKS}
        assert making.n_calls == 4


def test_a_chunk_that_is_asked_again_is_told_what_was_asked_before() -> None:
    answer = Scripted(on_chunk)
    making = from_documents(CHUNKS[:1], answer, random.Random(0), n=2)
    assert [making.made[0].question in one for one in answer.seen] == [False, True]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Question: Who lit the lamp of Harl?\nAnswer: Tom Brenn", "does not stand in the text"),
        ("Question: Who lit the lamp of Harl?\nAnswer: ...", "no question with an answer"),
        ("Who lit the lamp of Harl?", "no question with an answer"),
        ("Question: Who lit it?\nAnswer: " + "lamp " * 13, "13 words"),
        ("Question: Sorry, there is none.\nAnswer: 1871", "refusal"),
        ("Question: When?\nAnswer: 1871", "1 words"),
    ],
)
def test_a_question_that_its_chunk_does_not_answer_is_refused(reply: str, reason: str) -> None:
    making = from_documents(CHUNKS[:1], in_turn(reply), random.Random(0), n=1)
    assert not making.made
    assert making.n_calls == 2
    assert all(why.startswith("moss.md#1: ") and reason in why for _, why in making.refused)


def test_a_question_on_a_chunk_is_kept_once_and_its_answer_as_it_was_written() -> None:
    reply = "**Question:** In which year was the lamp lit?\n**Answer:** in 1871."
    making = from_documents(CHUNKS[:1], in_turn(reply), random.Random(0), n=2)
    assert [(one.question, one.answer, one.source) for one in making.made] == [
        ("In which year was the lamp lit?", "in 1871.", "moss.md#1")
    ]
    assert {why for _, why in making.refused} == {"moss.md#1: it was asked before"}
    assert from_documents((), in_turn(reply), random.Random(0), n=2) == Making((), (), 0)


def test_a_made_task_without_a_source_is_an_error() -> None:
    with pytest.raises(ValueError, match="no source"):
        Made("What is it?", None, "", "by hand")
