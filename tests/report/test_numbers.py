from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from crmkit.exceptions import EventDataError
from crmkit.report._numbers import read_numbers


def numbers(*cells: str | None) -> list[float]:
    return read_numbers(pd.Series(cells, dtype="str"), "--value 'v'")[0].tolist()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2.50", "-3", "1e3"], [1, 2.5, -3, 1000]),
        (["1,234.50", "99", "-1,234,567.00"], [1234.5, 99, -1234567]),
        (["1,234", "12.5"], [1234, 12.5]),
        (["2,50", "1.234", "1.234,50", "7"], [2.5, 1234, 1234.5, 7]),
        (["£2.50", "$ 1,200.00", "3.5元", "￥8"], [2.5, 1200, 3.5, 8]),
        ([" 4.5", "5.5 "], [4.5, 5.5]),
    ],
)
def test_ways_to_write_numbers(cells, expected):
    assert numbers(*cells) == expected


def test_a_comma_that_may_mean_either_is_refused():
    with pytest.raises(EventDataError, match=r"--value 'v' holds '1,234', which may be thousands or decimals"):
        numbers("1,234", "99")


def test_cells_that_are_no_numbers_are_told_from_empty_ones():
    values, unreadable = read_numbers(pd.Series(["1", "abc", None, "2", "3"], dtype="str"), "v")
    assert unreadable.tolist() == [False, True, False, False, False]
    np.testing.assert_array_equal(values, [1, np.nan, np.nan, 2, 3])


def test_a_column_of_words_is_refused():
    with pytest.raises(EventDataError, match="holds 'abc' and more that is not a number"):
        numbers("abc", "def", "1")


def test_numbers_stay_as_they_are():
    cells = pd.Series([1, 2, 3])
    values, unreadable = read_numbers(cells, "v")
    assert values.tolist() == [1, 2, 3]
    assert not unreadable.any()
    assert cells.dtype == np.int64


@given(st.lists(st.decimals(-(10**6), 10**6, places=2), min_size=1))
def test_both_ways_of_separating_give_the_same(amounts):
    american = [f"{amount:,.2f}" for amount in amounts]
    european = [text.translate(str.maketrans(",.", ".,")) for text in american]
    assert numbers(*american) == numbers(*european) == [float(amount) for amount in amounts]
