"""The one error of the benchmarks."""


class BenchmarkError(Exception):
    """Something the user must change: an unknown name, level or split, a missing package.

    The message is one line, and says what was asked for and what exists.
    """
