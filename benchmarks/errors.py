"""The errors of the benchmarks."""


class BenchmarkError(Exception):
    """Something the user must change: an unknown name, level or split, a missing package.

    The message is one line, and says what was asked for and what exists.
    """


class ScoreError(BenchmarkError):
    """An environment states a score that is none: nothing that is played there can be judged."""
