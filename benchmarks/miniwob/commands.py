"""The three actions: `click REF`, `type REF TEXT`, `press KEY`."""

import re

from agentevo.benchmarks.miniwob.browser import Window
from agentevo.benchmarks.miniwob.page import Page

NOT_ONE = "One action at a time, please."
UNKNOWN = "That is no action. The actions are: click REF, type REF TEXT, press KEY."
TOO_LONG = "That text is too long to type."
UNTYPABLE = "That text has characters that no key types."

_MAX_CHARS = 200
_CLICK = re.compile(r"click\s+\[?(\d+)\]?", re.IGNORECASE)
_TYPE = re.compile(r"type\s+\[?(\d+)\]?\s+(.+)", re.IGNORECASE)
_PRESS = re.compile(r"press\s+(\S+)", re.IGNORECASE)

# Names as in the package's list of safe keys; what stands right is WebDriver's code of the key.
KEYS = {
    "Enter": "\ue006",
    "Tab": "\ue004",
    "Space": " ",
    "Backspace": "\ue003",
    "Delete": "\ue017",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "PageUp": "\ue00e",
    "PageDown": "\ue00f",
    "Control+a": "a",
}
_CONTROL = "\ue009"
_BY_LOWER_NAME = {name.lower(): name for name in KEYS}


def perform(action: str, page: Page, window: Window) -> str | None:
    """Do what the action says, or return why nothing was done, for the agent to read.

    Args:
        action: One line. References may stand in brackets, and a text in double quotes.
        page: As the agent saw it last.
        window: Shows that page.
    """
    action = action.strip()
    if len(action.splitlines()) > 1:
        return NOT_ONE
    if found := _CLICK.fullmatch(action):
        return _click(found[1], page, window)
    if found := _TYPE.fullmatch(action):
        return _type(found[1], found[2], page, window)
    if found := _PRESS.fullmatch(action):
        return _press(found[1], window)
    return UNKNOWN


def _click(ref: str, page: Page, window: Window) -> str | None:
    if ref not in map(str, page.refs):
        return f"There is no element [{ref[:9]}]."
    window.click(int(ref))
    return None


def _type(ref: str, text: str, page: Page, window: Window) -> str | None:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if len(text) > _MAX_CHARS:
        return TOO_LONG
    if not text.isprintable():  # WebDriver's codes of keys that are no characters, too
        return UNTYPABLE
    refusal = _click(ref, page, window)
    if refusal is None:
        window.press(*text)
    return refusal


def _press(key: str, window: Window) -> str | None:
    name = _BY_LOWER_NAME.get(key.lower())
    if name is not None:
        window.press(KEYS[name], held=_CONTROL if name.startswith("Control+") else "")
    elif len(key) == 1 and key.isascii():
        window.press(key)
    else:
        return f"There is no key {key[:20]}. There are: {', '.join(KEYS)}, and single characters."
    return None
