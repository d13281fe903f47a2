"""What pages that open offline have in common: templates, safe text, conditions."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jinja2

from agentevo.evaluation import summary
from agentevo.evaluation.words import count, gate_words
from agentevo.version import __version__

_PACKAGES = ("langgraph", "torch", "transformers", "trl", "peft", "chromadb", "textworld")

# Not allowed in XML, or able to turn the direction of the text about them.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def template(name: str) -> jinja2.Template:
    """Return a page's template; whatever is put into it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": summary.percent,
        "points": summary.points,
        "counted": count,
        "gate_words": gate_words,
        "duration": duration,
        "json": json.dumps,
    }
    return environment.get_template(name)


def put(path: Path, text: str) -> None:
    """Put a file in its place whole."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def clean(value: object) -> object:
    """Return plain data without characters that no page may hold, nor any that mislead."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return {clean(key): clean(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(one) for one in value]
    return value


def versions() -> dict[str, str]:
    """Return the versions of the packages that results depend on."""
    found = {"agentevo": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def conditions() -> dict[str, str]:
    """Return what is known of this machine."""
    return {
        "CPUs": str(os.cpu_count()),
        "Python": platform.python_version(),
        "platform": platform.platform(),
    }


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
