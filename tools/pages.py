"""Pages of the web, from hosts that the user allows and no others."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from fnmatch import fnmatch
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
from langchain_core.tools import BaseTool, ToolException

from agentevo.tools.context import Context
from agentevo.tools.decorator import tool
from agentevo.tools.errors import ToolError

MOST_BYTES = 2_000_000
PIECE = 8_000  # characters that are told at once
N_HOPS = 5


class _Text(HTMLParser):
    """Collects what a page says, without its scripts and styles."""

    SILENT = ("script", "style", "noscript", "template", "svg", "head")
    BREAKS = ("p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "section", "article", "table")

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self.SILENT:
            self._silent.append(tag)
        elif tag in self.BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif tag in self.BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def text_of(html: str) -> str:
    """Return what an HTML page says."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _check(url: str, allowed: Sequence[str]) -> None:
    """Raise ToolException where a page is not to be fetched."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ToolException(f"{url} is no address of a page: begin with https://")
    host = parts.hostname.lower()
    named = [one for one in allowed if fnmatch(host, one) or fnmatch(f"{host}:{parts.port}", one)]
    if not named:
        raise ToolException(f"{host} is not allowed (allowed: {', '.join(allowed)})")
    if any("*" not in one for one in named):
        return  # the user named this very host
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise ToolException(f"{host} is not found: {error}") from None
    if not all(ipaddress.ip_address(one).is_global for one in found):
        raise ToolException(f"{host} is not in the public network")


def fetch(rest: str, context: Context) -> BaseTool:
    """Return the tool that fetches pages.

    Args:
        rest: hosts that are allowed, with commas between, such as `docs.python.org,*.example.org`.
        context: the time-out.

    Raises:
        ToolError: no host is named.
    """
    allowed = [one.strip().lower() for one in rest.split(",") if one.strip()]
    if not allowed:
        raise ToolError("fetch: write fetch:HOST,HOST,..., the hosts that the agent may read")

    @tool
    def fetch(url: str, start: int = 0) -> str:
        """Fetch a page of the web and return its text.

        Args:
            url: The page's address.
            start: From which character on.
        """
        text = _page(url, allowed, context.timeout_s)
        piece = text[max(0, start) : max(0, start) + PIECE]
        left = len(text) - max(0, start) - len(piece)
        more = f"\n... {left} more characters; go on with start={start + PIECE}" if left > 0 else ""
        return (piece or "(nothing)") + more

    return fetch


def _page(url: str, allowed: Sequence[str], timeout_s: float) -> str:
    """Return the text of a page; each hop of a redirection must be allowed, too."""
    try:
        with httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=True) as client:
            for _ in range(N_HOPS):
                _check(url, allowed)
                with client.stream("GET", url) as reply:
                    if reply.is_redirect:
                        url = urljoin(url, reply.headers.get("location", ""))
                        continue
                    body = bytearray()
                    for piece in reply.iter_bytes():
                        body += piece
                        if len(body) > MOST_BYTES:
                            break
                    kind = reply.headers.get("content-type", "")
                    text = bytes(body[:MOST_BYTES]).decode(reply.encoding or "utf-8", "replace")
                    if reply.is_error:
                        raise ToolException(f"{url}: status {reply.status_code}")
                    return text_of(text) if "html" in kind else text
    except (httpx.HTTPError, httpx.InvalidURL, LookupError) as error:
        raise ToolException(f"{url} cannot be fetched: {error or type(error).__name__}") from None
    raise ToolException(f"{url}: more than {N_HOPS} redirections")
