"""How far a work is, told to whoever listens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.tracking import reporting_to, tracked
from tests.support.told import Told


def test_nobody_need_listen() -> None:
    assert list(tracked("abc", "letters", 3)) == ["a", "b", "c"]


def test_each_item_is_told_of_once_it_was_dealt_with() -> None:
    told = Told()
    with reporting_to(told):
        items = tracked(["ab", "c"], "words", size=len)
        assert next(items) == "ab"
        assert told.lines == [("words", None)]
        assert list(items) == ["c"]
    assert told.lines == [("words", None), 2, 1, "end"]
    assert list(tracked("ab", "letters")) == ["a", "b"]
    assert len(told.lines) == 4


def test_a_work_that_breaks_has_ended() -> None:
    told = Told()

    def broken() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with reporting_to(told), pytest.raises(ZeroDivisionError):
        list(tracked(broken(), "things", 2))
    assert told.lines == [("things", 2), 1, "end"]
