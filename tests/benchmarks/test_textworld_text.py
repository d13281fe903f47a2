import pytest

from agentevo.benchmarks.textworld.commands import (
    NOT_ONE,
    TOO_LONG,
    UNKNOWN,
    normalise,
    refusal,
)
from agentevo.benchmarks.textworld.text import clean, without_objective

OPENING = r"""



                    ________  ________  __    __  ________
                   |        \|        \|  \  |  \|        \
                    \$$$$$$$$| $$$$$$$$| $$  | $$ \$$$$$$$$
                      | $$   | $$  \     >$$  $$    | $$

You are hungry!

-= Kitchen =-
You arrive in a kitchen. An usual one.



You see a stove.



>                                                                              -= Kitchen =-0/1
"""


def test_the_opening_loses_banner_and_status_bar() -> None:
    text = clean(OPENING)
    assert text == (
        "You are hungry!\n\n-= Kitchen =-\nYou arrive in a kitchen. An usual one.\n\n"
        "You see a stove."
    )
    assert without_objective(text, "You are hungry!").startswith("-= Kitchen =-\n")


def test_a_recipe_keeps_its_lines() -> None:
    raw = "\nRecipe #1\n---------\nDirections:\nslice it\n  roast it\n\n\n\n> \t-= Kitchen =-0/2"
    assert clean(raw) == "Recipe #1\n---------\nDirections:\nslice it\nroast it"


def test_the_end_loses_the_engines_question() -> None:
    raw = (
        "You roasted it.\n\n\n      *** You lost! ***\n\n\nYou scored 1 out of a possible 5.\n"
        "\n\nWould you like to RESTART, RESTORE a saved game, QUIT or UNDO the last command?\n> "
    )
    assert clean(raw).split("\n\n") == [
        "You roasted it.",
        "*** You lost! ***",
        "You scored 1 out of a possible 5.",
    ]


def test_a_room_named_within_a_sentence_stays() -> None:
    assert clean("Can only prepare meal in the -= Kitchen =-.") == (
        "Can only prepare meal in the -= Kitchen =-."
    )


def test_cleaning_twice_changes_nothing() -> None:
    assert clean(clean(OPENING)) == clean(OPENING)


@pytest.mark.parametrize(
    "action", ["take  carrot.", " take\ncarrot ", "take carrot!", "take carrot"]
)
def test_an_action_becomes_one_line(action: str) -> None:
    assert normalise(action) == "take carrot"
    assert refusal(normalise(action)) is None


@pytest.mark.parametrize(
    ("action", "reply"),
    [
        ("Quit", UNKNOWN),
        ("restart now", UNKNOWN),
        ("tw-extra-infos inventory", UNKNOWN),
        ("print_state", UNKNOWN),
        ("open fridge. take carrot", NOT_ONE),
        ("open fridge then take carrot", NOT_ONE),
        ("look, take carrot", NOT_ONE),
        ("prepare meal and eat meal", NOT_ONE),
        ("take " + "very " * 100 + "red apple", TOO_LONG),
    ],
)
def test_what_no_player_may_say_is_refused(action: str, reply: str) -> None:
    assert refusal(normalise(action)) == reply
