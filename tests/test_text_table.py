"""The one table: three formats that say the same, text that cannot break out of its cell, and any width."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, strategies as st

from bench.text import Cell, Column, Table, csv_cell, one_line, table_of

EXPECTED = Path(__file__).parent / "expected"


class Item(NamedTuple):
    name: str
    cost: float | None
    notes: tuple[str, ...] = ()
    old: bool = False


ITEMS = [Item("myrtle", 0.0557, ("on-demand", "one machine")), Item("bkj", None, ("one machine",), old=True)]
COLUMNS: list[Column[Item]] = [
    Column("recipe", lambda item: item.name, numeric=False),
    Column("kind", lambda item: ("published", "(old)") if item.old else "run", numeric=False),
    Column(("cost,", "USD"), lambda item: "unknown" if item.cost is None else str(item.cost)),
]
TABLE = Table(
    COLUMNS,
    ITEMS,
    ("costs are medians",),
    notes=lambda item: item.notes,
    dim=lambda item: item.old,
    label=2,
    title="Costs",
    headline="2 rows",
)

HOSTILE = [
    "=HYPERLINK(1)",
    "\t=1+1",
    "@SUM(1)",
    "+1",
    "-1",
    "＝1",  # noqa: RUF001 -- a full-width equals sign, which spreadsheets take too
    "a | b",
    "\\| b",
    "x\n| y |",
    "[red]red[/red]",
    "[/]",
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "![x](http://example.org/x.png)",
    "`a`\u2028b",
]


def hostile(text: str) -> Table[str]:
    columns: list[Column[str]] = [Column(text, lambda item: item), Column("lines", lambda item: (item, item))]
    return Table(columns, [text], [text], notes=lambda item: [item], title=text, headline=text)


def test_text_is_the_label_in_one_column_and_the_notes_below() -> None:
    assert TABLE.as_text() == (EXPECTED / "table.txt").read_text(encoding="utf-8")


def test_markdown_is_a_column_each_and_lists_of_notes() -> None:
    assert TABLE.as_markdown() == (EXPECTED / "table.md").read_text(encoding="utf-8")


def test_a_note_of_several_rows_has_one_number() -> None:
    assert TABLE.numbered() == {"on-demand": 1, "one machine": 2}
    assert [row[0] for row in TABLE.rows()] == [["myrtle (1, 2)"], ["bkj (2)"]]


def test_numbers_of_notes_can_stand_in_another_column() -> None:
    columns: list[Column[Item]] = [*COLUMNS, Column("source", lambda item: "", numeric=False)]
    table = Table(columns, ITEMS, notes=lambda item: item.notes, marks=3)
    assert [row[3] for row in table.rows()] == [["(1, 2)"], ["(2)"]]


def test_csv_holds_every_digit_and_unknown_is_empty() -> None:
    values: tuple[Cell, ...] = (-0.25, Decimal("2.74470525"), True, None, ["a", "b"])
    assert table_of("abcde", [values]).as_csv() == "a,b,c,d,e\n-0.25,2.74470525,true,,a; b\n"


def test_without_a_row_there_are_its_notes_alone_and_the_header_of_csv() -> None:
    table = Table(COLUMNS, [], ("no price found",))
    assert table.as_text() == "no price found\n"
    assert table.as_csv() == 'recipe,kind,"cost, USD"\n'


@pytest.mark.parametrize("columns", ["20", "200"])
def test_a_terminal_of_any_width_shows_every_cell(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    text = TABLE.as_text(terminal=True)
    assert all(word in text for word in ("myrtle", "bkj", "0.0557", "unknown", "(old)", "(2)"))
    assert ("  cost, USD  0.0557\n" in text) == (columns == "20")


def test_only_a_terminal_gets_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b" not in TABLE.as_text()
    assert "\x1b[1m" in TABLE.as_text(terminal=True)
    assert "\x1b[2m" in TABLE.as_text(terminal=True)


def test_what_need_not_fit_is_as_wide_on_a_terminal_as_off_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    (line,) = [line for line in TABLE.as_text(terminal=True, fit=False).splitlines() if "myrtle" in line]
    assert "0.0557" in line


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_cannot_break_a_format(text: str) -> None:
    table = hostile(text)
    written = [table.as_text(), table.as_markdown(), table.as_csv()]
    assert not set("".join(written)) & {"\x1b", "\x9b", "\u202e", "\u2028", "\r", "\t"}
    assert one_line(text) in written[0]
    markdown = [line.replace("\\\\", "").replace("\\|", "") for line in written[1].splitlines()]
    assert {line.count("|") for line in markdown if line.startswith("| ")} == {3}
    assert "<script" not in written[1].replace("\\<", "")
    assert "](" not in written[1].replace("\\]", "")
    header, row = csv.reader(io.StringIO(written[2]))
    assert row == [csv_cell(one_line(text)), csv_cell(f"{one_line(text)}; {one_line(text)}")]
    assert not any(cell.startswith(("=", "+", "-", "@", "＝")) for cell in (*header, *row))  # noqa: RUF001 -- as above


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_any_text_is_a_table_of_as_many_rows(rows: list[tuple[str, str]]) -> None:
    table = table_of("ab", rows)
    assert len(list(csv.reader(io.StringIO(table.as_csv())))) == 1 + len(rows)
    assert len(table.as_markdown().splitlines()) == 2 + len(rows)
    assert len(table.as_text().splitlines()) == (4 + len(rows) if rows else 0)
