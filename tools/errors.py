"""The one error of the tools."""


class ToolError(Exception):
    """A tool that cannot be found, made or opened; the user can mend it, and is told how."""
