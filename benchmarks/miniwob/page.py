"""Turns what a page says about itself into what an agent reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from agentevo.benchmarks.miniwob.browser import Raw

_MAX_SHOWN = 150
"""Elements; without a bound, the airports that contain one letter alone fill a small model."""


@dataclass(frozen=True)
class Element:
    """One visible leaf of the page."""

    ref: int | None
    """Its number, the same for the whole episode; None for bare text, which cannot be acted on."""
    tag: str
    """In lower case, with the type of an input: `input_text`."""
    text: str = ""
    name: str = ""
    """`#id`, else `.class`, without those of the look that jQuery UI gives; else nothing."""
    value: str | None = None
    """What is entered, chosen or ticked; None where nothing can be."""
    options: tuple[str, ...] = ()
    """Of a drop-down list."""
    focused: bool = False

    def __str__(self) -> str:
        """Return the element's line; what has no text is told by its name."""
        if self.ref is None:
            return self.text
        parts = [f"[{self.ref}] {self.tag}"]
        if self.name and (not self.text or self.tag == "span"):
            parts.append(self.name)
        if self.text:
            parts.append(self.text)
        if self.value is not None:
            parts.append(f'= "{self.value}"')
        if self.options:
            parts.append(f"(of {', '.join(self.options)})")
        if self.focused:
            parts.append("(focused)")
        return " ".join(parts)


@dataclass(frozen=True)
class Page:
    """What can be seen at one moment, in the order of the document."""

    utterance: str
    elements: tuple[Element, ...]
    n_more: int
    """Elements past the last that is shown."""
    done: bool
    reward: float
    """Raw, -1..1, not reduced by the time that passed; 0 until `done`."""

    def __str__(self) -> str:
        """Return the text an agent reads."""
        more = [f"({self.n_more} more are not shown)"] if self.n_more else []
        return "\n".join([f"Task: {self.utterance}", *map(str, self.elements), *more])

    @property
    def refs(self) -> frozenset[int]:
        """What can be clicked or typed into."""
        return frozenset(element.ref for element in self.elements if element.ref is not None)


def read(seen: Raw) -> Page:
    """Return the page for what `Browser.look` returned."""
    dom = cast("Raw | None", seen["dom"])
    selects = cast("Mapping[str, tuple[str, list[str]]]", seen["selects"])
    leaves = [] if dom is None else list(_merged(_leaves(dom, selects)))
    reward = seen["reward"]
    return Page(
        utterance=str(seen["utterance"]),
        elements=tuple(leaves[:_MAX_SHOWN]),
        n_more=max(0, len(leaves) - _MAX_SHOWN),
        done=bool(seen["done"]),
        reward=float(reward) if isinstance(reward, int | float) else 0.0,
    )


def _leaves(node: Raw, selects: Mapping[str, tuple[str, list[str]]]) -> Iterator[Element]:
    """Yield what stands at the ends of the tree and has anything to show."""
    children = cast("list[Raw]", node["children"])
    ref, tag = cast(int, node["ref"]), str(node["tag"]).lower()
    bare = [str(child.get("text")) for child in children if child["tag"] == "t"]
    if len(bare) < len(children) and str(ref) not in selects:
        for child in children:
            yield from _leaves(child, selects)
        return
    text = " ".join(" ".join([str(node.get("text") or ""), *bare]).split())
    if tag == "t":
        yield Element(None, tag, text)
        return
    value = _value(node)
    options: list[str] = []
    if str(ref) in selects:
        value, options = selects[str(ref)]
        text = ""
    focused = bool(node.get("focused"))
    element = Element(ref, tag, text, _name(node), value, tuple(options), focused)
    if element.text or element.name or element.value is not None:
        yield element


def _name(node: Raw) -> str:
    if node.get("id"):
        return f"#{node['id']}"
    classes = node.get("classes")
    if not isinstance(classes, str):  # of a drawing
        return ""
    return "".join(f".{name}" for name in classes.split() if not name.startswith("ui-"))


def _value(node: Raw) -> str | None:
    value = node.get("value")
    if isinstance(value, bool):
        return "on" if value else "off"
    return None if value is None else str(value)


def _merged(elements: Iterator[Element]) -> Iterator[Element]:
    """Join bare texts that follow each other: where a line breaks depends on the fonts."""
    held = ""
    for element in elements:
        if element.ref is None:
            held = f"{held} {element.text}".strip()
            continue
        if held:
            yield Element(None, "t", held)
            held = ""
        yield element
    if held:
        yield Element(None, "t", held)
