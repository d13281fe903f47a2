"""Pages of the web: those that are allowed, and no others."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from langchain_core.tools import BaseTool, ToolException

from agentevo.tools import Toolbox
from agentevo.tools.pages import text_of


def one_of(asked: str) -> BaseTool:
    return Toolbox([asked]).tools[0]


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path.startswith("/to/") else 200)
        if self.path.startswith("/to/"):
            self.send_header("Location", self.path.removeprefix("/to/"))
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if self.path == "/endless":
            try:
                while True:
                    self.wfile.write(b"x" * 100_000)
            except OSError:
                return
        page = "<head><style>p {}</style></head><p>Hello&amp;</p><script>evil()</script><p>you</p>"
        self.wfile.write(page.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_pages_of_allowed_hosts_are_read_as_text(site: int) -> None:
    fetch = one_of("fetch:127.0.0.1")
    page = f"http://127.0.0.1:{site}"
    assert fetch.invoke({"url": f"{page}/"}).split() == ["Hello&", "you"]
    assert fetch.invoke({"url": f"{page}/to/{page}/"}).split() == ["Hello&", "you"]
    assert "more characters; go on with start=8000" in fetch.invoke({"url": f"{page}/endless"})


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{site}/", "http://127.0.0.1:{site}/to/http://localhost:{site}/",
        "file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1@localhost:{site}/", "x", "",
        "http://[::1]:{site}/", "http://2130706433:{site}/",
    ],
)  # fmt: skip
def test_no_other_host_is_reached_not_even_by_a_redirection(site: int, url: str) -> None:
    with pytest.raises(ToolException, match=r"not allowed|no address|cannot be fetched"):
        one_of("fetch:127.0.0.1").invoke({"url": url.format(site=site)})


def test_a_pattern_of_hosts_never_means_this_machine(site: int) -> None:
    with pytest.raises(ToolException, match="not in the public network"):
        one_of("fetch:*").invoke({"url": f"http://127.0.0.1:{site}/"})


def test_html_becomes_text() -> None:
    assert text_of("<h1>A</h1><ul><li>b <b>c</b></li></ul><svg><text>no</text></svg>") == "A\n\nb c"
