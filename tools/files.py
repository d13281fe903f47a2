"""Files in one folder of the user's: listed, read, searched and written, and none beside it."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from langchain_core.tools import BaseTool, ToolException

from agentevo.tools.decorator import tool
from agentevo.tools.errors import ToolError

MOST_FILES = 500  # that are listed
LARGEST = 2_000_000  # bytes of a file that is read or written
PIECE = 8_000  # characters that are read at once


class Workspace:
    """A folder that nothing leads out of, not even a link."""

    def __init__(self, folder: str) -> None:
        """Take the folder.

        Raises:
            ToolError: none was named, it is not there, or it is a file.
        """
        if not folder:
            raise ToolError("files: write files:FOLDER, the folder that the agent works in")
        self.root = Path(folder).expanduser().resolve()
        if self.root.exists() and not self.root.is_dir():
            raise ToolError(f"files: {folder} is no folder")
        if not self.root.is_dir():
            raise ToolError(
                f"files: there is no folder {folder}{_meant(folder)} (a new one: mkdir it first)"
            )

    def inside(self, path: str) -> Path:
        """Return a path of the folder.

        Raises:
            ToolException: it leads out of it.
        """
        found = (self.root / path.lstrip("/")).resolve()
        if not found.is_relative_to(self.root):
            raise ToolException(f"{path} is outside the workspace")
        return found

    def read(self, path: str) -> str:
        """Return the text of a file.

        Raises:
            ToolException: there is none.
        """
        found = self.inside(path)
        try:
            if found.stat().st_size > LARGEST:
                raise ToolException(f"{path} has more than {LARGEST:,} bytes")
            return found.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ToolException(f"{path} is no text") from None
        except OSError as error:
            raise ToolException(f"{path}: {error.strerror}") from None

    def paths(self) -> list[str]:
        """Return all files, by their path from the folder on."""
        found = []
        for folder, below, files in os.walk(self.root):
            below[:] = sorted(one for one in below if not one.startswith("."))
            for name in sorted(files):
                path = Path(folder, name)
                if not path.is_symlink() or path.resolve().is_relative_to(self.root):
                    found.append(path.relative_to(self.root).as_posix())
        return found


def _meant(folder: str) -> str:
    """Return what to add to a message on a folder that is not there: the one that looks alike."""
    path = Path(folder).expanduser()
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    near = get_close_matches(path.name, [one.name for one in beside if one.is_dir()], n=1)
    return f"; did you mean {str(path.parent / near[0])!r}?" if near else ""


def files(folder: str) -> tuple[BaseTool, ...]:
    """Return the tools of a workspace folder."""
    work = Workspace(folder)

    @tool
    def list_files() -> str:
        """List the files of the workspace."""
        paths = work.paths()
        more = [f"... and {len(paths) - MOST_FILES} more"] if len(paths) > MOST_FILES else []
        return "\n".join([*paths[:MOST_FILES], *more]) or "(the workspace is empty)"

    @tool
    def read_file(path: str, start: int = 1) -> str:
        """Read a file of the workspace, from a line on.

        Args:
            path: As list_files tells it.
            start: Number of the first line that is read, from 1 on.
        """
        lines = work.read(path).splitlines()
        text, n = "", max(1, start)
        for line in lines[n - 1 :]:
            if len(text) + len(line) > PIECE and text:
                return f"{text}... {len(lines)} lines in all; read on with start={n}"
            text += f"{line[:PIECE]}\n"
            n += 1
        return text or "(nothing)"

    @tool
    def find_in_files(text: str) -> str:
        """Find the lines of the workspace's files that contain a text, whatever its case.

        Args:
            text: What is looked for, word by word.
        """
        found = []
        for path in work.paths():
            try:
                lines = work.read(path).splitlines()
            except ToolException:
                continue
            found += [
                f"{path}:{i}: {line.strip()[:200]}"
                for i, line in enumerate(lines, 1)
                if text.lower() in line.lower()
            ]
            if len(found) > 50:
                return "\n".join([*found[:50], "... and more"])
        return "\n".join(found) or f"no file contains {text!r}"

    @tool
    def write_file(path: str, text: str) -> str:
        """Write a file of the workspace; what it held before is gone.

        Args:
            path: Where, from the workspace on.
            text: All that it holds afterwards.
        """
        found = work.inside(path)
        if len(text.encode()) > LARGEST:
            raise ToolException(f"a file has at most {LARGEST:,} bytes")
        try:
            found.parent.mkdir(parents=True, exist_ok=True)
            found.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ToolException(f"{path}: {error.strerror}") from None
        return f"wrote {len(text)} characters to {found.relative_to(work.root)}"

    return list_files, read_file, find_in_files, write_file
