"""Rows by group: which labels there are, and in which order."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit._groups import group_codes
from crmkit.exceptions import ParameterError


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([10, 9, 10], [9, 10]),
        ([Decimal(10), Decimal(9)], [Decimal(9), Decimal(10)]),
        (["a", 10, 2.5, 9], [2.5, 9, 10, "a"]),
        (pd.Categorical(["lo", "hi"], categories=["lo", "mid", "hi"]), ["lo", "hi"]),
        (pd.CategoricalIndex(["lo", "hi"], categories=["lo", "hi"]), ["lo", "hi"]),
        (pd.cut([5, 11, 1], [0, 2, 10, 12]), [pd.Interval(0, 2), pd.Interval(2, 10), pd.Interval(10, 12)]),
        (pl.Series([3, 1]), [1, 3]),
        (np.array([True, False]), [False, True]),
        ([dt.date(2026, 2, 1), dt.date(2026, 1, 1)], [dt.date(2026, 1, 1), dt.date(2026, 2, 1)]),
    ],
)
def test_labels_stand_in_the_order_that_people_expect(groups, expected):
    code, labels = group_codes(groups, len(groups), "index_table")
    assert labels == expected
    native = groups.tolist() if hasattr(groups, "tolist") else list(groups)
    assert [labels[one] for one in code] == native


def test_rows_without_a_label_are_the_last_group():
    code, labels = group_codes(pd.Series([None, "b", "a"]), 3, "index_table")
    assert code.tolist() == [2, 1, 0]
    assert np.isnan(labels[2])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1, 2], "must be of length 3. Got length 2"),
        ("abc", "one-dimensional"),
        (np.ones((3, 2)), "one-dimensional"),
        ([{1}, {2}, {3}], "text, numbers or dates"),
    ],
)
def test_what_is_refused(groups, message):
    with pytest.raises(ParameterError, match=message):
        group_codes(groups, 3, "index_table", "by")
