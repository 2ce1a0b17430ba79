"""Rows that are alike have one number, as pandas numbers its groups."""

from decimal import Decimal

import numpy as np
import pandas as pd
from hypothesis import given, strategies as st

from analysis.frames.like import by_like_rows, like_rows

COLUMNS = ["text", "whole", "real", "money", "never"]
ROW = st.tuples(
    st.sampled_from(["a", "b", None]),
    st.sampled_from([1, 2**62, None]),
    st.sampled_from([0.5, -1.0, None]),
    st.sampled_from([Decimal("0.10"), Decimal("0.1"), Decimal(3), None]),
    st.none(),
)


def frame_of(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
    return frame.astype({"text": "category", "whole": "Int64", "real": float, "never": "category"})


@given(st.lists(ROW, max_size=12), st.permutations(COLUMNS), st.integers(1, len(COLUMNS)))
def test_numbers_are_those_of_pandas_groups(rows: list[tuple[object, ...]], order: list[str], several: int) -> None:
    frame, columns = frame_of(rows), order[:several]
    expected = frame.groupby(columns, dropna=False, sort=False, observed=True).ngroup()
    assert like_rows(frame, columns).tolist() == expected.tolist()


@given(st.lists(ROW, max_size=12))
def test_what_is_made_of_rows_is_made_once_of_like_ones(rows: list[tuple[object, ...]]) -> None:
    frame = frame_of(rows).set_axis(np.arange(len(rows)) + 7)
    made: list[tuple[object, ...]] = []

    def joined(text: object, money: object) -> str:
        made.append((text, money))
        return f"{text} {money}"

    values = by_like_rows(frame, ["text", "money"], joined, object)
    assert len(made) == len({(row[0], row[3]) for row in rows})
    assert values.index.tolist() == frame.index.tolist()
    first = {(row[0], row[3]): row for row in reversed(rows)}
    told = [first[row[0], row[3]] for row in rows]
    assert [value.replace("nan", "None") for value in values] == [f"{row[0]} {row[3]}" for row in told]
