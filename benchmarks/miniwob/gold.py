"""How a page's task can be done from what the page shows: one short rule a page.

A rule is sent the page after each of its actions. No rule: email-inbox-nl-turk, whose wordings
only a language model understands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeAlias

from agentevo.benchmarks.miniwob.environment import Episode
from agentevo.benchmarks.miniwob.page import Element, Page

Rule: TypeAlias = "Callable[[Page], Generator[str, Page, None]]"


def solve(episode: Episode, page: str) -> list[str] | None:
    """Return the actions of the page's rule, None where it has none.

    Raises:
        RuntimeError: The rule does not do the task.
    """
    rule = _RULES.get(page)
    if rule is None:
        return None
    actions: list[str] = []
    with closing(episode):
        seen = episode.reset()
        steps = rule(episode.page)
        action = next(steps, None)
        while action is not None and not seen.done:
            actions.append(action)
            seen = episode.step(action)
            try:
                action = None if seen.done else steps.send(episode.page)
            except StopIteration:
                break
    if not seen.success:
        raise RuntimeError(f"the rule of {page} fails after {actions}: {seen.text}")
    return actions


def _click_button(page: Page) -> Generator[str, Page, None]:
    yield _click(page, "button", _quoted(page))


def _click_link(page: Page) -> Generator[str, Page, None]:
    yield _click(page, "span", _quoted(page))


def _enter_text(page: Page) -> Generator[str, Page, None]:
    yield f"type {_all(page, 'input_text')[0].ref} {_quoted(page)}"
    yield _click(page, "button")


def _click_boxes(page: Page) -> Generator[str, Page, None]:
    """Boxes and radio buttons; the label of each is the bare text after it."""
    wanted = _between(page, "Select ", " and click Submit").split(", ")
    for box, label in zip(page.elements, page.elements[1:], strict=False):
        if box.value is not None and label.text in wanted:
            yield f"click {box.ref}"
    yield _click(page, "button")


def _login_user(page: Page) -> Generator[str, Page, None]:
    for field, text in zip(_fields(page), re.findall(r'"(.*?)"', page.utterance), strict=True):
        yield f"type {field.ref} {text}"
    yield _click(page, "button")


def _choose_list(page: Page) -> Generator[str, Page, None]:
    chosen = _between(page, "Select ", " from the list")
    yield f"type {_all(page, 'select')[0].ref} {chosen}"
    yield _click(page, "button")


def _click_tab(page: Page) -> Generator[str, Page, None]:
    for tab in _all(page, "a"):
        if not _all(page, "span", _quoted(page)):
            page = yield f"click {tab.ref}"
    yield _click(page, "span", _quoted(page))


def _navigate_tree(page: Page) -> Generator[str, Page, None]:
    opened: set[int | None] = set()
    while not (found := _all(page, "span", _quoted(page))):
        shut = [e for e in _all(page, "span") if e.name == ".folder" and e.ref not in opened]
        opened.add(shut[0].ref)
        page = yield f"click {shut[0].ref}"
    yield f"click {found[0].ref}"


def _read_table(page: Page) -> Generator[str, Page, None]:
    cells = [cell.text for cell in _all(page, "td")]
    table = dict(zip(cells[::2], cells[1::2], strict=True))
    for label, field in zip(_all(page, "label"), _fields(page), strict=True):
        yield f"type {field.ref} {table[label.text.removesuffix(':')]}"
    yield _click(page, "button")


def _search_engine(page: Page) -> Generator[str, Page, None]:
    place = int(re.findall(r"the (\d)", page.utterance)[0]) - 1
    yield f"type {_fields(page)[0].ref} {_quoted(page)}"
    page = yield _click(page, "button")
    if place > 2:  # three results a page
        page = yield _click(page, "a", str(place // 3 + 1))
    yield f"click {[a for a in _all(page, 'a') if a.name == '.search-title'][place % 3].ref}"


def _social_media(page: Page) -> Generator[str, Page, None]:
    action, n, user = re.findall(r'"(\w+)" button on (\d+) posts? by (\S+)', page.utterance)[0]
    author, refs = "", []
    for span in _all(page, "span"):
        author = span.text if span.name == ".username" else author
        if author == user and span.name == f".{action.lower()}":
            refs.append(span.ref)
    for ref in refs[: int(n)]:
        yield f"click {ref}"
    yield _click(page, "button")


def _book_flight(page: Page) -> Generator[str, Page, None]:
    asked = re.findall(r"the (\w+) .* from: (.*) to: (.*) on (\d+)/(\d+)/2016", page.utterance)[0]
    wish, *cities, month, day = asked
    origin, destination, date = _fields(page)
    for field, city in ((origin, cities[0]), (destination, cities[1])):
        page = yield f"type {field.ref} {city}"
        listed = [e for e in page.elements if e.tag in ("li", "div", "a") and city in e.text]
        page = yield f"click {listed[0].ref}"
    page = yield f"click {date.ref}"
    for _ in range(12 - int(month)):
        page = yield _click(page, "span", "Prev")
    page = yield _click(page, "a", day.lstrip("0"))
    page = yield _click(page, "button", "Search")
    books = [e for e in _all(page, "button") if e.text.startswith("Book")]
    costs = [float(book.text.partition("$")[2]) for book in books]
    if wish == "shortest":
        texts = re.findall(r"(\d+)h (\d+)m", "\n".join(e.text for e in page.elements))
        costs = [60 * float(hours) + float(minutes) for hours, minutes in texts]
    yield f"click {books[costs.index(min(costs))].ref}"


_RULES: dict[str, Rule] = {
    "click-button": _click_button,
    "click-link": _click_link,
    "enter-text": _enter_text,
    "click-option": _click_boxes,
    "login-user": _login_user,
    "choose-list": _choose_list,
    "click-checkboxes": _click_boxes,
    "click-tab-2": _click_tab,
    "navigate-tree": _navigate_tree,
    "read-table-2": _read_table,
    "search-engine": _search_engine,
    "social-media-some": _social_media,
    "book-flight-nodelay": _book_flight,
}


def _quoted(page: Page) -> str:
    """Return what the task puts in double quotes."""
    return _between(page, '"', '"')


def _between(page: Page, before: str, after: str) -> str:
    return page.utterance.partition(before)[2].partition(after)[0]


def _all(page: Page, tag: str, text: str | None = None) -> list[Element]:
    return [e for e in page.elements if e.tag == tag and text in (None, e.text)]


def _fields(page: Page) -> list[Element]:
    return [e for e in page.elements if e.tag in ("input_text", "input_password")]


def _click(page: Page, tag: str, text: str | None = None) -> str:
    return f"click {_all(page, tag, text)[0].ref}"
