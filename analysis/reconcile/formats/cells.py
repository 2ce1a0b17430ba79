"""Parses cells of a bill: numbers, instants and words in the spellings of providers and spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeVar, get_args

from bench.record.documents import ChargeCategory

T = TypeVar("T")
Period = tuple[datetime, datetime]
Cells = Mapping[str, Any]  # the cells of a row by the name of their column, as `column` writes it

_NULLS = frozenset({"", "null", "(null)", "<null>", "none", "nil", "\\n"})
_NO_NAMES = _NULLS | {"nan", "n/a", "#n/a", "<na>", "na", "-"}  # as spreadsheets and data frames write nothing
_UTC = re.compile(r"\s*(Z|UTC|GMT|Etc/UTC)$", re.IGNORECASE)
# Azure writes dates as the United States do.
_AMERICAN = tuple(f"%m/%d/%Y{hour}" for hour in ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p"))
# A spreadsheet counts days from 1899-12-30; pandas and Spark count seconds from 1970, or a thousandth, … of them.
_DAYS = re.compile(r"\d{5}([.,]\d+)?")
_SINCE_1970 = re.compile(r"(\d{10})(\d{3}|\d{6}|\d{9})?(\.\d+)?")
_CATEGORIES: dict[str, ChargeCategory] = {str(name).casefold(): name for name in get_args(ChargeCategory)}
_PRICING = {name.casefold(): name for name in ("Standard", "Dynamic", "Committed", "Other")}
# An AWS account, or an Azure subscription: nobody else's business.
_ACCOUNT = re.compile(r"\b(\d{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?P<mark>[,.' ])\d{3}((?P=mark)\d{3})*")
# Of any currency: which one it is stands in a column of its own.
_SIGN = re.compile(r"^([+-]?)\s*[A-Z]{0,2}[$€£¥₹]\s*|\s*[$€£¥₹]$")
_DOTTED, _SLASHED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})"), re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})")
_LARGEST, _SMALLEST = 15, Decimal("1e-30")  # powers of ten of a cost; smaller ones are noise of binary fractions
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(hours=25)  # the longest there is
_ZONES = timedelta(hours=13)  # from UTC+13 to UTC-10, a day has begun so long after its midnight, and not yet ended


@lru_cache(1024)
def column(spelled: str) -> str:
    """The name by which a column is known here, however it is spelled: `BilledCost`, `billed_cost`, `Billed Cost`."""
    return re.sub(r"[\s_/\ufeff]+", "", spelled).casefold()


def blank(cell: Any) -> bool:
    """Whether a cell says nothing: empty, a NULL written as text, or Parquet's NaN."""
    if isinstance(cell, str):
        return cell.strip().casefold() in _NULLS
    return cell is None or (isinstance(cell, float) and cell != cell)


def nameless(cell: Any) -> bool:
    """Whether a cell names nothing: blank, or `N/A`."""
    return cell.strip().casefold() in _NO_NAMES if isinstance(cell, str) else blank(cell)


def text(cells: Cells, *names: str) -> str | None:
    """The first of these columns that says something."""
    for name in names:
        cell = cells.get(column(name))
        if cell is not None and not nameless(cell):
            return str(cell).strip()
    return None


def description(cells: Cells, *names: str) -> str:
    """The same without account numbers; empty where none of them says anything."""
    return _ACCOUNT.sub("…", text(cells, *names) or "")


def required(cells: Cells, name: str, read: Callable[[Any], T]) -> T:
    """The column `name`, as `read` takes it. Raises ValueError, naming it, where it is empty or cannot be."""
    cell = cells.get(column(name))
    if blank(cell):
        raise ValueError(f"{name} is empty")
    try:
        return read(cell)
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        raise ValueError(f"{name} cannot be {str(cell)[:40]!r}") from None


def optional(cells: Cells, name: str, unreadable: list[str]) -> Decimal | None:
    """The number in the column `name`; None where there is none. One that cannot be read goes to `unreadable`."""
    if nameless(cells.get(column(name))):
        return None
    try:
        return required(cells, name, number)
    except ValueError:
        unreadable.append(name)
        return None


def number(cell: Any) -> Decimal:
    """A finite number. `1,234.50`, `1.234,50` and `0,1921` are read; `1,234` could be two numbers and is refused."""
    value = Decimal(_plain(bare(cell)) if isinstance(cell, str) else str(cell))  # of a float, as it prints
    if not value.is_finite() or (value and value.adjusted() > _LARGEST):
        raise ValueError("not a number that a cost can be")
    exponent = value.as_tuple().exponent
    return value.quantize(_SMALLEST) if isinstance(exponent, int) and exponent < _SMALLEST.adjusted() else value


def bare(written: str) -> str:
    """A number without a currency's sign, and with a plain minus: `-0,05` for `(€ 0,05)`."""
    written = written.strip().replace("\u2212", "-").replace("\u00a0", " ")
    written = written.replace("\u202f", " ").replace("\u2019", "'")
    unsigned = _unsigned(written)
    if unsigned.startswith("(") and unsigned.endswith(")"):  # a book-keeper's minus
        return f"-{_unsigned(unsigned[1:-1])}"
    return "0" if unsigned == "-" and unsigned != written else unsigned  # a book-keeper's nothing, `- €`


def _unsigned(written: str) -> str:
    return _SIGN.sub(lambda sign: sign[1] or "", written).strip()


def _plain(written: str) -> str:
    """A number as Python writes it."""
    if "," not in written and written.count(".") < 2 and not re.search(r"[' _]", written):
        return written
    if scaled := re.fullmatch(r"(.*\d)(E[+-]?\d+)", written, re.IGNORECASE):
        return f"{_plain(scaled[1])}{scaled[2]}"
    point = max(written.rfind(","), written.rfind("."))
    whole, fraction = written[:point], written[point + 1 :]
    if _GROUPED.fullmatch(written):
        if len(re.findall(r"[,.' ]", written)) == 1 and "," in written and written.lstrip("+-")[0] != "0":
            raise ValueError("a decimal comma, or a mark of thousands")
        return re.sub(r"[,.' ]", "" if written.lstrip("+-")[0] != "0" else ".", written)
    if point < 0 or not fraction.isdecimal():
        raise ValueError("no number")
    if re.fullmatch(r"[+-]?\d*", whole):
        return f"{whole}.{fraction}"
    if written[point] in whole or not _GROUPED.fullmatch(whole):
        raise ValueError("no number")
    return f"{re.sub(r'[^0-9+-]', '', whole)}.{fraction}"


def instant(cell: Any) -> datetime:
    """An instant, UTC where no zone is given. Raises ValueError for anything else."""
    at = cell if isinstance(cell, datetime) else _parsed(str(cell))
    utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if utc < _FIRST:
        raise ValueError("before anything was charged by the hour, and before the ids of records")
    return utc


def _parsed(written: str) -> datetime:
    plain = _with_dashes(_UTC.sub("", written.strip()))
    if _DAYS.fullmatch(plain):
        return datetime(1899, 12, 30) + timedelta(seconds=round(float(plain.replace(",", ".")) * 86400))
    if counted := _SINCE_1970.fullmatch(plain):
        return datetime.fromtimestamp(int(counted[1]), UTC)
    if "/" not in plain:
        return datetime.fromisoformat(plain)
    for form in _AMERICAN:
        try:
            return datetime.strptime(plain, form)
        except ValueError:
            continue
    raise ValueError("no date")


def _with_dashes(written: str) -> str:
    """`20.11.2026` and `2026/11/20`, which can be no other day, as `2026-11-20`."""
    if dated := _DOTTED.match(written):
        day, month, year = dated.groups()
    elif dated := _SLASHED.match(written):
        year, month, day = dated.groups()
    else:
        return written
    time = re.sub(r"^\s+(?=\d:)", " 0", written[dated.end() :])  # spreadsheets write `9:00`
    return f"{year}-{month:0>2}-{day:0>2}{time}"


def next_month(at: datetime) -> datetime:
    """The first instant of the month after `at`."""
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def month_of(at: datetime) -> Period:
    """The month that `at` is in."""
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first, next_month(first)


def charge_period(cells: Cells, first: str, last: str) -> Period:
    """The time between two columns, which hold its beginning and its end. Raises ValueError, naming them."""
    start, end = required(cells, first, instant), required(cells, last, instant)
    if end < start:
        raise ValueError(f"{last} is before {first}")
    return start, _after(start, end)


def _after(start: datetime, end: datetime) -> datetime:
    """The end of a charge; of one that ends as it begins, as credits do, that of the day that it names, or of a second.

    A day's charge is also written so, with its last day for its end.
    """
    if end != start:
        return end
    return start + (timedelta(days=1) if start.time() == time() else timedelta(seconds=1))


def shown_until(start: Any, end: Any) -> datetime | None:
    """Up to where a row of usage shows that charges have come: of one longer than a day, only its start."""
    return _seen_until(start, end) if isinstance(start, str) and isinstance(end, str) else _until(start, end)


def _until(start: Any, end: Any) -> datetime | None:
    try:
        first = instant(start)
        last = _after(first, instant(end))
        return last if first < last <= first + _DAY else first
    except (ValueError, TypeError, OverflowError):
        return None


@lru_cache(4096)  # the rows of an export share their hours
def _seen_until(start: str, end: str) -> datetime | None:
    return _until(start, end)


def shown_since(start: Any, until: datetime | None) -> datetime | None:
    """From where on a row charges usage, by its `shown_until`; None where it is of more than a day."""
    if until is None:
        return None
    first = seen_instant(start)
    return first if first < until else None


@lru_cache(4096)
def seen_instant(cell: Any) -> datetime:
    """As `instant`, of a cell that many rows have."""
    return instant(cell)


def period_of(cell: Any) -> str:
    """The day on which a billing period begins, `2026-11-01`; of what is no date what is written."""
    return _seen_period(cell) if isinstance(cell, str) else _period(cell)


@lru_cache(64)
def _seen_period(cell: str) -> str:
    return _period(cell)


def _period(cell: Any) -> str:
    try:
        return f"{period_start(cell):%Y-%m-%d}"
    except (ValueError, TypeError, OverflowError):
        return str(cell)


def period_start(cell: Any) -> datetime:
    """The day on which a billing period begins: one that begins at midnight in whatever zone is the same period.

    Google bills by the months of California, and a file may have been shifted to the local time of its author.
    """
    return (instant(cell) + _ZONES).replace(hour=0, minute=0, second=0, microsecond=0)


def currency(cell: Any) -> str:
    """A currency's three letters."""
    code = str(cell).strip().upper()
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise ValueError("no currency")
    return code


def category(cell: Any) -> ChargeCategory:
    """FOCUS's category, in whatever case it is written."""
    known: ChargeCategory | None = _CATEGORIES.get(str(cell).strip().casefold())
    if known is None:
        raise ValueError("no category")
    return known


def pricing(cell: str | None) -> str | None:
    """FOCUS's pricing category, or None."""
    return _PRICING.get((cell or "").casefold())
