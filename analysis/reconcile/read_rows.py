"""Streams rows of exported bills: Parquet, JSON lines, and CSV in the usual encodings and separators.

JSON may be an array too, as `bq query --format=json` writes it, which is held in memory.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from typing import IO, Any

from analysis.reconcile.export_file import opened, unpacked
from analysis.reconcile.formats import Format, Row, RowError, complaint, format_of, is_lease_tag
from analysis.reconcile.formats.cells import blank, column
from analysis.reconcile.spelling import repairs_of
from bench.errors import BenchError, UsageError

_ROWS = 10_000  # of Parquet, held at a time
_HEAD = 1 << 16  # bytes in which the header is looked for, and how numbers and dates are spelled
_PREAMBLE = 20  # lines that may stand before it
_OBJECTS = 1000  # in whose keys JSON's columns are looked for: BigQuery leaves out what is null
_WINDOWS = "bench.windows"  # how to read bytes that are not in the encoding
_TOTAL = re.compile(r"((grand|sub)[ -]?)?total\b|sum\b", re.IGNORECASE)


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """The bytes as the letters of Windows, in which Excel saves CSV before it is asked for UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error(_WINDOWS, _as_windows)


def read_rows(source: str) -> Iterator[Row]:
    """The rows of `source`. Raises BenchError where it cannot be read, or is no export."""
    try:
        with opened(source) as packed, unpacked(packed, source) as file:
            start = file.read(4)
            file.seek(0)
            if start == b"PAR1":
                yield from _parquet(file, source)
            elif start[:2] == b"\x1f\x8b":
                yield from _text(gzip.GzipFile(fileobj=file), source)
            else:
                yield from _text(file, source)
    except OSError as error:
        raise BenchError(f"{source}: cannot be read ({error.strerror or error}); export it again") from error
    except (EOFError, zlib.error, csv.Error) as error:
        raise BenchError(f"{source}: is cut off or no CSV ({error}); fetch the export again") from error


def _text(file: IO[bytes] | gzip.GzipFile, source: str) -> Iterator[Row]:
    head = file.read(_HEAD)
    file.seek(0)
    if head[257:262] == b"ustar":
        raise BenchError(f"{source}: is a tar archive; unpack it and name the folder")
    mark = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if mark == b"[":
        return _objects(_array(file, source), source)
    return _objects(_lines(file), source) if mark == b"{" else _csv(file, source)


def _objects(found: Iterator[dict[str, object] | None], source: str) -> Iterator[Row]:
    """These objects as rows; None becomes a row that is not a charge."""
    head = list(islice(found, _OBJECTS))
    names = list(dict.fromkeys(name for cells in head if cells for name in cells))
    form = format_of(names)
    if form is None:
        raise UsageError(f"{source}: {complaint(names)}")
    nothing = dict.fromkeys(_places(names, form))  # nulls that are left out, as of no invoice
    for number, cells in enumerate(chain(head, found), start=1):
        where = f"{source}:{number}"
        if cells is None:
            error = RowError(f"{where}: is no JSON object, or names a key twice; it is not counted")
            yield Row(where, form, error)
        elif cells:
            places = _places(list(cells), form)
            values = list(cells.values())
            yield Row(where, form, nothing | {name: values[place] for name, place in places.items()})


def _lines(file: IO[bytes] | gzip.GzipFile) -> Iterator[dict[str, object] | None]:
    """The object in each line, empty for an empty one."""
    for line in io.TextIOWrapper(file, encoding="utf-8-sig", errors=_WINDOWS):
        try:
            cells = json.loads(line, parse_float=Decimal, object_pairs_hook=_once) if line.strip() else {}
        except (ValueError, RecursionError):
            cells = None
        yield cells if isinstance(cells, dict) else None


def _array(file: IO[bytes] | gzip.GzipFile, source: str) -> Iterator[dict[str, object] | None]:
    try:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors=_WINDOWS)
        found = json.load(text, parse_float=Decimal, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{source}: is cut off or no JSON ({error}); fetch the export again") from error
    return (cells if isinstance(cells, dict) else None for cells in found)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object with these pairs. Raises ValueError for a duplicate key, since either of two costs could count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _csv(file: IO[bytes] | gzip.GzipFile, source: str) -> Iterator[Row]:
    head = file.read(_HEAD)
    file.seek(0)
    encoding = _encoding(head)
    text = head.decode(encoding, errors=_WINDOWS)
    delimiter, before = _header(text, source)
    lines = io.TextIOWrapper(file, encoding=encoding, errors=_WINDOWS, newline="")
    header = next(islice(csv.reader(lines, delimiter=delimiter), before, None))
    form = format_of(header)
    assert form is not None  # `_header` looked
    places = _places(header, form)
    names = (column(name) for either in form.required for name in either)
    sample = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    if len(head) == _HEAD:
        del sample[-1]  # it may be cut off, and `1.23` tell what `1.234` does not
    lines.seek(0)
    repairs = repairs_of(sample[before + 1 :], places, islice(csv.reader(lines, delimiter=delimiter), before + 1, None))
    lines.seek(0)
    reader = csv.reader(lines, delimiter=delimiter)
    next(islice(reader, before, None))
    heads = frozenset(header)
    dated = [places[name] for name in names if name in places and ("date" in name or "period" in name)]
    for cells in reader:
        where = f"{source}:{reader.line_num}"
        if cells == header or not any(cells):  # files joined end to end repeat their header
            continue
        if cells[0] in heads and format_of(cells) is not None:
            raise BenchError(f"{where}: other columns begin here; make a file of what is below")
        first = next(filter(None, cells)).strip()
        if (
            first[:1] in "gGsStT"
            and _TOTAL.match(first)
            and all(len(cells) <= place or blank(cells[place]) for place in dated)
        ):
            yield Row(where, form, "a line of totals, which is no charge")
        elif len(cells) < len(header) or any(cells[len(header) :]):
            error = RowError(f"{where}: has {len(cells)} cells where the header has {len(header)}; it is not counted")
            yield Row(where, form, error)
        else:
            row = {name: cells[place] for name, place in places.items()}
            row.update({name: mend(row[name]) for name, mend in repairs.items()})
            yield Row(where, form, row)


def _encoding(head: bytes) -> str:
    """By its byte order mark, or the zeros between the letters of a header."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if head[:1] == b"\0" else "utf-8-sig"


def _header(head: str, source: str) -> tuple[str, int]:
    """The separator, and the number of rows before the header. Raises UsageError if there is no header."""
    first: list[str] = []
    for delimiter in ",;\t|":
        rows = list(islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), _PREAMBLE))
        for before, row in enumerate(rows):
            if format_of(row) is not None:
                return delimiter, before
        first = max(first, next((row for row in rows if any(row)), []), key=len)
    if not head.strip():
        raise UsageError(f"{source}: is empty; {complaint([])}")
    raise UsageError(f"{source}: {complaint(first)}")


def _parquet(file: IO[bytes], source: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        form = format_of(names)
        if form is None:
            raise UsageError(f"{source}: {complaint(names)}")
        places = _places(names, form)
        number = 0
        for batch in table.iter_batches(_ROWS, columns=[names[place] for place in places.values()]):
            for cells in _python(batch):
                number += 1
                row = {column(name): cell for name, cell in cells.items()}
                yield Row(f"{source} row {number}", form, row)
    except pa.ArrowException as error:
        raise BenchError(f"{source}: is no Parquet file that can be read ({error})") from error


def _python(batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of a batch; a cell that Python has no value for, as a day after year 9999, is a text that says so."""
    try:
        yield from batch.to_pylist()
    except (OverflowError, ValueError):
        for row in range(batch.num_rows):
            yield {name: _cell(values[row]) for name, values in zip(batch.schema.names, batch.columns, strict=True)}


def _cell(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return "out of range"


def _places(header: Sequence[str], form: Format) -> dict[str, int]:
    """The position of each column that is read; the first of two with the same name."""
    wanted = {column(name) for names in (*form.required, *form.identity, form.optional) for name in names}
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        if column(name) in wanted or is_lease_tag(name):
            places.setdefault(column(name), place)
    return places
