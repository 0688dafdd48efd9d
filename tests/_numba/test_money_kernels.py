"""Sums of money are exact, and depend on the amounts alone."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit._numba._money_kernels import add_money, money_of, to_cents


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([0.1, 0.2, -0.3], 0.0),
        ([1e9, 0.1, -1e9], 0.1),
        ([1 / 3, -1 / 3], 0.0),
        ([1e16, 1.0, -1e16], 1.0),
        ([], 0.0),
        ([0.1] * 10, 1.0),
    ],
)
def test_money_adds_up(amounts, expected):
    money = np.array(amounts)
    for function in (add_money, add_money.py_func):
        total = (np.int64(0), True, 0.0, 0.0)
        for position in range(len(money)):
            total = function(total, np.empty(0, dtype=np.int64), money, position)
        assert money_of(total) == expected


def test_whole_cents_and_floats_are_the_same_money():
    amounts = np.array([19.99, 0.07, -5.25])
    cents = np.rint(amounts * 100).astype(np.int64)
    one = other = (np.int64(0), True, 0.0, 0.0)
    for position in range(3):
        one = add_money(one, cents, amounts, position)
        other = add_money(other, cents[:0], amounts, position)
    assert money_of(one) == money_of(other) == 14.81


@pytest.mark.parametrize(
    ("money", "cents"),
    [([19.99, -0.07, 0.0], [1999, -7, 0]), ([1.0, 0.001], None), ([np.nan], None), ([1e14], None), ([], [])],
)
def test_whole_cents(money, cents):
    for function in (to_cents, to_cents.py_func):
        found = np.zeros(len(money), dtype=np.int64)
        assert function(0, len(money), np.array(money, dtype=np.float64), found) is (cents is not None)
        assert cents is None or found.tolist() == cents
