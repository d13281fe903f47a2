"""Tools: made of a function, found by name, and the built-in ones."""

from __future__ import annotations

import asyncio
import http.server
import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.tools import BaseTool, StructuredTool, ToolException

from agentevo.sandbox import SandboxError, find
from agentevo.tools import Context, Toolbox, ToolError, names, tool
from agentevo.tools.calculator import evaluate
from agentevo.tools.documents import Index, Passage, passages_of, search_tools
from agentevo.tools.pages import text_of


def one_of(asked: str, name: str | None = None, context: Context | None = None) -> BaseTool:
    tools = Toolbox([asked], context).tools
    return tools[0] if name is None else next(one for one in tools if one.name == name)


# --- made of a function ----------------------------------------------------------------------


def test_a_function_with_types_and_a_docstring_is_a_tool() -> None:
    @tool
    def stock(item: str, n: int = 1) -> str:
        """Tell whether there are enough of an item.

        Args:
            item: What is asked for.
            n: How many.
        """
        return f"{n} {item}"

    assert (stock.name, stock.description.splitlines()[0]) == (
        "stock", "Tell whether there are enough of an item.",
    )  # fmt: skip
    assert stock.args["item"]["description"] == "What is asked for."
    assert (stock.args["n"]["type"], stock.args["n"]["default"]) == ("integer", 1)
    assert stock.invoke({"item": "tea", "n": 2}) == "2 tea"


def test_an_async_function_is_one_too_and_a_name_can_be_given() -> None:
    @tool(name="wait_for")
    async def wait(seconds: float) -> str:
        """Wait."""
        await asyncio.sleep(seconds)
        return "done"

    assert wait.name == "wait_for"
    assert asyncio.run(wait.ainvoke({"seconds": 0})) == "done"


def test_what_is_missing_is_said_with_what_to_write() -> None:
    def untyped(item):  # type: ignore[no-untyped-def]
        """Do it."""

    def undocumented(item: str) -> str:
        return item

    def starred(*items: str) -> str:
        """Do it."""
        return ""

    def wrongly_documented(item: str) -> str:
        """Do it.

        Args:
            thing: There is none.
        """
        return item

    def unknown(item: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821
        """Do it."""
        return ""

    for function, words in (
        (untyped, "argument item has no type: write item: str"),
        (undocumented, "undocumented has no docstring: write"),
        (starred, "name each argument"),
        (wrongly_documented, "wrongly_documented cannot be made: .*thing"),
        (unknown, "a type cannot be found: .*Nowhere"),
        (int, "is no function"),
        (lambda item: item, "is no name of a tool"),
    ):
        with pytest.raises(ToolError, match=words):
            tool(function)


# --- found by name ---------------------------------------------------------------------------

MINE = '''
from langchain_core.tools import BaseToolkit, StructuredTool

from agentevo.tools import tool


@tool
def double(n: int) -> int:
    """Double a number."""
    return 2 * n


def triple(n: int) -> int:
    """Triple a number."""
    return 3 * n


class Kit(BaseToolkit):
    def get_tools(self):
        return [double, StructuredTool.from_function(triple)]


kit, several, nothing, empty = Kit(), [double, triple], 7, []
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "more.py").write_text(MINE.replace("double", "quadruple").replace("2 *", "4 *"))
    (tmp_path / "torn.txt").write_text("no tool")
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("mine.py:double", ["double"]), ("mine.py:triple", ["triple"]),
        ("mine.py:kit", ["double", "triple"]), ("mine.py:several", ["double", "triple"]),
        ("mine.py", ["double"]), ("", ["double", "quadruple"]),
    ],
)  # fmt: skip
def test_tools_come_from_files_toolkits_lists_and_folders(
    folder: Path, asked: str, found: list[str]
) -> None:
    box = Toolbox([f"{folder}/{asked}"])
    assert [one.name for one in box.tools] == found
    assert box.tools[0].invoke({"n": 5}) in (10, 15)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("calculater", "did you mean 'calculator'"), ("mine.py:doubel", "did you mean 'double'"),
        ("mine.py:nothing", "is a int and no tool: decorate"), ("mine.py:empty", "and no tool"),
        ("gone.py:it", "there is no file"), ("calculator:7", "takes nothing after a colon"),
        ("documents:", "write documents:FOLDER"), ("documents:gone", "is no folder"),
        ("fetch:", "write fetch:HOST"), ("mcp:gone.json", "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_tool_is_one_clear_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, asked: str, words: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(ToolError, match=words):
        Toolbox([asked])


def test_two_tools_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(ToolError, match="two tools are called double"):
        Toolbox([f"{folder}/mine.py:double", one_of("calculator"), tool(_double())])


def _double() -> Any:
    def double(n: int) -> int:
        """Double it."""
        return n

    return double


def test_every_built_in_tool_is_listed() -> None:
    known = names()
    assert {"calculator", "python", "shell", "documents", "files", "fetch", "mcp"} <= set(known)
    assert all(known.values())


# --- the calculator --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", 14), ("(2 + 3) * 4", 20), ("7 // 2 + 7 % 2", 4), ("2 ^ 10", 1024),
        ("-3 ** 2", -9), ("sqrt(16) + log(e)", 5), ("1,234 + 1,000,000", 1001234),
        ("max(1, 5, 3)", 5), ("round(2.567, 1)", 2.6), ("6 \u00d7 7 \u00f7 2", 21), ("pi", math.pi),
        ("gcd(12, 18)", 6), ("1e3", 1000.0),
    ],
)  # fmt: skip
def test_arithmetic(expression: str, value: float) -> None:
    assert evaluate(expression) == pytest.approx(value)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')", "open('x')", "(1).__class__", "9 ** 9 ** 9 ** 9",
        "[1] * 10", "'a' * 10", "lambda: 1", "x", "f(1)", "1 +", "", "True", "1 if 1 else 2",
        "(-1) ** 0.5", "exp(1000)", "+".join(["1"] * 2000), "(" * 400 + ")" * 400,
        "lcm(" + ",".join(str(10**300 + i) for i in range(6)) + ")", "sqrt('4')", "1j",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused_and_never_run(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        evaluate(expression)


def test_the_calculator_tells_what_went_wrong() -> None:
    calculator = one_of("calculator")
    assert calculator.invoke({"expression": "10/4"}) == "2.5"
    with pytest.raises(ToolException, match="zero"):
        calculator.invoke({"expression": "1/0"})


# --- code ------------------------------------------------------------------------------------


def test_code_runs_in_the_sandbox() -> None:
    try:
        find("bubblewrap")
    except SandboxError as error:
        pytest.skip(str(error))
    python, shell = Toolbox(["python", "shell"]).tools
    assert python.invoke({"code": "print(sum(range(10)))"}) == "45"
    assert python.invoke({"code": "x = 1"}) == "(it printed nothing)"
    assert "ZeroDivisionError" in python.invoke({"code": "1/0"})
    assert shell.invoke({"command": "echo a b | wc -w; pwd"}) == "2\n/work"
    assert "exit status 3" in shell.invoke({"command": "exit 3"})


def test_a_sandbox_that_leaves_something_open_says_what() -> None:
    with pytest.warns(UserWarning, match="can use the network.* install bubblewrap"):
        one_of("shell", context=Context(sandbox="subprocess"))


# --- files -----------------------------------------------------------------------------------


def test_files_are_written_read_found_and_listed(tmp_path: Path) -> None:
    box = {one.name: one for one in Toolbox([f"files:{tmp_path}/work"]).tools}
    assert box["list_files"].invoke({}) == "(the workspace is empty)"
    told = box["write_file"].invoke({"path": "a/b.txt", "text": "one\nTwo\n"})
    assert told == "wrote 8 characters to a/b.txt"
    assert box["list_files"].invoke({}) == "a/b.txt"
    assert box["read_file"].invoke({"path": "a/b.txt", "start": 2}) == "Two\n"
    assert box["find_in_files"].invoke({"text": "two"}) == "a/b.txt:2: Two"
    with pytest.raises(ToolException, match="No such file"):
        box["read_file"].invoke({"path": "c"})


def test_a_long_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("".join(f"line {i}\n" for i in range(1, 3001)))
    read = one_of(f"files:{tmp_path}", "read_file")
    start, seen = 1, ""
    while True:
        text = read.invoke({"path": "long.txt", "start": start})
        body, _, rest = text.partition("... 3000 lines in all; read on with start=")
        seen += body
        if not rest:
            break
        start = int(rest)
    assert seen == (tmp_path / "long.txt").read_text()


@pytest.mark.parametrize("path", ["../secret", "/../secret", "a/../../secret", "link", "folder/x"])
def test_nothing_leads_out_of_the_workspace(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("TOPSECRET")
    work = tmp_path / "work"
    work.mkdir()
    (work / "link").symlink_to(tmp_path / "secret")
    (work / "folder").symlink_to(tmp_path)
    box = {one.name: one for one in Toolbox([f"files:{work}"]).tools}
    with pytest.raises(ToolException, match="outside the workspace"):
        box["read_file"].invoke({"path": path})
    with pytest.raises(ToolException, match="outside the workspace"):
        box["write_file"].invoke({"path": path, "text": "x"})
    assert (tmp_path / "secret").read_text() == "TOPSECRET"
    assert "TOPSECRET" not in box["find_in_files"].invoke({"text": "top"})


# --- documents -------------------------------------------------------------------------------


def bag(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Embed texts by meanings that their words do not share: royal, liquid, other."""
    groups = (("king", "monarch", "ruler"), ("water", "sea", "wet"))
    rows = [
        [float(any(word in text.lower() for word in some)) for some in groups] + [0.1]
        for text in texts
    ]
    found = np.array(rows, dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


PASSAGES = [
    Passage("a.txt", 1, "The king lived in a castle."),
    Passage("b.txt", 1, "Bread is made of flour."),
    Passage("c.txt", 1, "The sea is deep and the castle is far."),
]


def test_documents_are_found_by_words_and_by_meaning() -> None:
    by_words = Index(PASSAGES)
    assert [one.title for one in by_words.search("flour breads")] == ["b.txt"]
    assert by_words.search("monarch") == []
    assert by_words.search('"; drop table passages; --') == []
    by_both = Index(PASSAGES, bag)
    assert by_both.search("the monarch", 1)[0].title == "a.txt"
    assert by_both.search("castle water", 1)[0].title == "c.txt"


def test_a_folder_is_cut_into_passages_that_say_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Tea\n\nTea is hot.\n\nCoffee is bitter.\n")
    (tmp_path / "page.html").write_text("<head><title>x</title></head><p>Milk is white.</p>")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    box = {one.name: one for one in Toolbox([f"documents:{tmp_path}"]).tools}
    assert box["search_documents"].invoke({"query": "bitter"}) == "[notes.md:5] Coffee is bitter."
    assert "Milk is white" in box["search_documents"].invoke({"query": "milk"})
    assert box["read_document"].invoke({"title": "notes.md", "line": 3}) == (
        "Tea is hot.\n\nCoffee is bitter."
    )
    with pytest.raises(ToolException, match="no document"):
        box["read_document"].invoke({"title": "gone"})


def test_passages_are_neither_too_long_nor_lose_a_word() -> None:
    text = "\n".join(" ".join(f"w{i}_{j}" for j in range(i % 37)) for i in range(200))
    found = passages_of("t", text + "\n" + " ".join(f"x{i}" for i in range(1000)))
    assert " ".join(one.text for one in found).split() == [
        *text.split(), *(f"x{i}" for i in range(1000)),
    ]  # fmt: skip
    assert max(len(one.text.split()) for one in found) <= 240


def test_search_tools_serve_from_many_threads() -> None:
    search, _ = search_tools(Index(PASSAGES, bag))
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(search.invoke({"query": "flour"})))
        for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(found)) == 1
    assert "b.txt" in found[0]


# --- pages -----------------------------------------------------------------------------------


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


def test_a_plain_langchain_tool_is_taken_as_it_is() -> None:
    given = StructuredTool.from_function(_double())
    assert Toolbox([given]).tools == (given,)
