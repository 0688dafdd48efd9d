from __future__ import annotations

import numpy as np
from scipy import stats

from crmkit.value._clv_kernels import money_seeds, row_quantiles, spend_values
from crmkit.value._random_kernels import number_equal


def closed(values, dtype=np.float64):
    values = np.array(values, dtype=dtype)
    values.flags.writeable = False
    return values


def test_equal_seeds_become_different_ones_by_their_number_alone():
    seeds, out, again = closed([3, 3, 3, 9, 12, 12], np.uint64), np.empty(6, np.uint64), np.empty(2, np.uint64)
    number_equal(seeds, out)
    assert len(set(out.tolist())) == 6
    number_equal(closed([12, 12], np.uint64), again)
    assert again.tolist() == out[4:].tolist()
    slow = np.empty(6, np.uint64)
    with np.errstate(over="ignore"):
        number_equal.py_func(seeds, slow)
    assert slow.tolist() == out.tolist()


def test_seeds_depend_on_what_is_spent():
    seeds, x, money = closed([5, 5, 5, 6], np.uint64), closed([2, 2, 3, 2]), closed([10, 11, 10, 10])
    out = np.empty(4, np.uint64)
    money_seeds(0, 4, seeds, x, money, out)
    assert len(set(out.tolist())) == 4


def test_values_are_totals_of_the_spend_model():
    """Three purchases of a customer, discounted to .9 of their number on average."""
    draws = closed(np.tile([6.0, 3.7, 15.0], (20_000, 1)))
    counts, values = np.full((2, 20_000), 3.0), np.full((2, 20_000), 2.7)
    counts[1, ::2], values[1, ::2] = 0.0, 0.0
    x, money, seeds = closed([2.0, 2.0]), closed([20.0, 20.0]), closed([1, 2], np.uint64)
    spend_values(0, 2, x, money, draws, seeds, 0.5, counts, values)
    exact = stats.betaprime(18.0, 3.7 + 12.0, scale=(15.0 + 40.0) * 0.9 * 0.5)
    assert stats.kstest(values[0], exact.cdf).pvalue > 1e-4
    assert (values[1, ::2] == 0).all()
    assert stats.kstest(values[1, 1::2], exact.cdf).pvalue > 1e-4


def test_quantiles_of_each_row():
    values, out = np.random.default_rng(0).normal(size=(5, 30)), np.empty((5, 2))
    expected = np.quantile(values, [0.05, 0.95], axis=1, method="weibull").T
    row_quantiles(0, 5, values, closed([0.05, 0.95]), out)
    np.testing.assert_allclose(out, expected, rtol=1e-13)
