"""CSV files that grow while the program runs: Lightning's metrics.csv, Ultralytics' results.csv, Keras' CSVLogger.

Their header names a step or an epoch, as that of any table; of a file without one, such as predictions, only the
beginning is read. They tell no time: a row counts from when its file was changed. Of a file that was there before the
run, only what is added counts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

from bench.programs.progress import Point, Source, Watched
from bench.programs.reading.finder import Finder, status_of
from bench.programs.sources.table import Table, is_header

_MOST_BYTES, _BEGINNING = 16 << 20, 4096


class CsvLog(Source):
    """Reads CSV files."""

    name = "csv-log"

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._finder = Finder(watched.folders, lambda name: name.lower().endswith(".csv"))
        self._files: dict[Path, _File] = {}

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        self._finder.look(at)
        for path, changed in self._finder.found.items():
            file = self._files.get(path)
            if file is not None and file.changed == changed:  # as most are: data sets are CSV, too
                continue
            stated = self._watched.at_change(changed, at)
            if file is None:
                file = self._files[path] = _File(path, self._watched)
            file.changed = changed
            if stated is None:
                file.leave()
                continue
            for line in file.added():
                point = file.table.line(line, stated)
                if point is not None:
                    yield point


class _File:
    """One file. `changed`: as of which change it was read."""

    def __init__(self, path: Path, watched: Watched) -> None:
        self.table = Table(watched)
        self.changed: int | None = None
        self._path = path
        self._lines = 0
        self._before: tuple[int, int] | None = None  # length and checksum of what is of before the run

    def leave(self) -> None:
        """Take the present content for that of an earlier run."""
        data = self._data()
        self._before = len(data), zlib.crc32(data)

    def added(self) -> Iterable[str]:
        """The header and the whole lines that were added. All is read again: some rewrite the file for a new column."""
        data = self._data()
        lines = data[: data.rfind(b"\n") + 1].decode("utf-8-sig", "replace").splitlines()
        first = max(self._lines, data.count(b"\n", 0, self._passed(data)), 1)
        self._lines = len(lines)
        yield from lines[:1]
        yield from lines[first:]

    def _passed(self, data: bytes) -> int:
        """How many bytes of `data` are from before the run; none once the program rewrites the file."""
        if self._before is None:
            return 0
        length, checksum = self._before
        if len(data) <= length or zlib.crc32(memoryview(data)[:length]) != checksum:
            self._before = None
            return 0
        return length

    def _data(self) -> bytes:
        """All that is in it; nothing where it is no table."""
        status = status_of(self._path)
        if status is None or not 0 < status.st_size <= _MOST_BYTES:
            return b""
        try:
            with self._path.open("rb") as file:
                beginning = file.read(_BEGINNING)
                is_table = any(map(is_header, beginning.decode("utf-8-sig", "replace").splitlines()))
                return beginning + file.read() if is_table else b""
        except OSError:
            return b""
