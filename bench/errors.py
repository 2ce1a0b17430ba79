"""The errors that a user can cause or encounter, each with the exit code of the command line.

A message says what is wrong, where, and what to do. The command line prints it as one line, without a
traceback; anything that is not a `BenchError` is a defect of ours and keeps its traceback.
"""

from __future__ import annotations


class BenchError(Exception):
    """An error that the user can do something about. Exit code 1."""

    exit_code = 1

    def __str__(self) -> str:
        """The message, on one line whatever names or other people's words it holds."""
        return " ".join(filter(None, map(str.strip, super().__str__().splitlines())))


class UsageError(BenchError):
    """A usage error: an unknown recipe, a negative price. Exit code 2."""

    exit_code = 2


class RecordError(BenchError):
    """A record failed its schema or its checksum, or is newer than this version reads. Exit code 5."""

    exit_code = 5


class StoreError(BenchError):
    """A store cannot be reached, read or written. Exit code 1."""


class ConflictError(StoreError):
    """Another document already lies under the same key. Exit code 1."""


class StoppedError(BenchError):
    """A signal came before all was done; what was, is kept. Exit code 130."""

    exit_code = 130


class DataError(BenchError):
    """The data set is missing, truncated or altered. Exit code 1."""
