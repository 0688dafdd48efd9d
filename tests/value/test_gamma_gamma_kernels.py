from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmkit.value._gamma_gamma_kernels import (
    expected_spends,
    frequency_sums,
    mean_spend,
    money_sums,
    quantiles,
    spend_intervals,
    spend_log_likelihood,
    total_spend,
)

parameters = st.tuples(*(st.floats(-3, 4).map(lambda power: 10.0**power) for _ in range(3)))
rows = st.tuples(st.integers(1, 20_000), st.floats(-4, 7).map(lambda power: 10.0**power))


def closed(*columns):
    columns = [np.array(column, dtype=np.float64) for column in columns]
    for column in columns:
        column.flags.writeable = False
    return columns


def naive_log_likelihood(x, m, p, q, v):
    """The formula as it is printed, in 50 digits."""
    with mp.workdps(50):
        x, m, p, q, v = map(mp.mpf, (x, m, p, q, v))
        return (
            mp.loggamma(p * x + q) - mp.loggamma(p * x) - mp.loggamma(q) + q * mp.log(v)
            + (p * x - 1) * mp.log(m) + p * x * mp.log(x) - (p * x + q) * mp.log(v + x * m)
        )  # fmt: skip


@given(rows, parameters)
def test_log_likelihood_to_ten_digits(row, parameters):
    x, m = closed([row[0]], [row[1]])
    out = np.empty(1)
    spend_log_likelihood(0, 1, x, m, *parameters, out)
    exact = naive_log_likelihood(x[0], m[0], *parameters)
    assert abs(out[0] - exact) <= 1e-10 * max(1, abs(exact))


@given(st.lists(rows, min_size=1, max_size=6), parameters)
def test_sums_make_the_log_likelihood_of_all(rows, parameters):
    p, q, v = parameters
    rows = sorted(rows)
    x, m, w = closed([row[0] for row in rows], [row[1] for row in rows], np.arange(1, len(rows) + 1) / 2)
    out, levels = np.empty((1, 4)), np.empty(3)
    money_sums(0, 1, x, m, w, v, out)
    distinct, counts = np.unique(x), [w[x == level].sum() for level in np.unique(x)]
    frequency_sums(*closed(distinct, counts), p, q, levels)
    with mp.workdps(50):
        value = mp.mpf(levels[0]) - mp.fsum(w) * mp.loggamma(q) + mp.mpf(q) * (
            mp.fsum(w) * mp.log(v) - mp.fsum(wi * mp.log(mp.mpf(xi) * mi) for xi, mi, wi in zip(x, m, w, strict=True))
            - mp.mpf(out[0, 0])
        ) - mp.mpf(p) * mp.mpf(out[0, 1]) - mp.fsum(wi * mp.log(mi) for mi, wi in zip(m, w, strict=True))  # fmt: skip
        exact = mp.fsum(wi * naive_log_likelihood(xi, mi, p, q, v) for xi, mi, wi in zip(x, m, w, strict=True))
    # ln v and ln(x m) are up to 40 while their difference may be small: the loss is of that order.
    size = max(1, abs(exact), float(w.sum()) * max(1, q) * 40)
    assert abs(value - exact) <= 1e-10 * size


def test_mean_spend_is_the_posterior_mean_of_the_level():
    """nu ~ Gamma(q + px, v + xm), and a purchase has the mean p / nu: a quadrature of that."""
    x, m, p, q, v = 3.0, 27.5, 6.25, 3.744, 15.44
    with mp.workdps(30):
        own, rate = mp.mpf(q + p * x), mp.mpf(v + x * m)
        density = lambda nu: mp.exp((own - 1) * mp.log(nu) - rate * nu + own * mp.log(rate) - mp.loggamma(own))  # noqa: E731  a formula
        exact = mp.quad(lambda nu: p / nu * density(nu), [0, 0.1, 0.3, 1, 3])
    assert mean_spend(x, m, p, q, v) == pytest.approx(float(exact), rel=1e-12)
    assert mean_spend(0.0, 0.0, p, q, v) == pytest.approx(p * v / (q - 1), rel=1e-15)


def test_no_mean_is_infinite():
    assert mean_spend(0.0, 0.0, 6.0, 1.0, 15.0) == math.inf
    assert mean_spend(0.0, 0.0, 6.0, 0.5, 15.0) == math.inf
    assert math.isfinite(mean_spend(1.0, 3.0, 6.0, 0.5, 15.0))


@pytest.mark.parametrize(("p", "q", "n"), [(6.25, 3.744, 1.0), (6.25, 3.744, 7.0), (0.3, 0.8, 1.0)])
def test_simulated_totals_follow_the_scaled_beta_prime(p, q, n):
    state, x, m, v = np.array([3], dtype=np.uint64), 2.0, 20.0, 15.0
    found = [total_spend(state, x, m, p, q, v, n) for _ in range(20_000)]
    exact = stats.betaprime(p * n, q + p * x, scale=v + x * m)
    assert stats.kstest(found, exact.cdf).pvalue > 1e-4


def test_quantiles_are_those_of_numpys_weibull_places():
    values = np.random.default_rng(0).normal(size=37)
    shares, out = np.array([0.0, 0.01, 0.05, 0.5, 0.951, 0.99, 1.0]), np.empty(7)
    expected = np.quantile(values, shares, method="weibull")
    quantiles(values, shares, out)
    np.testing.assert_allclose(out, expected, rtol=1e-13)


def test_a_further_draw_lies_inside_as_often_as_was_asked():
    rng, shares, out, inside = np.random.default_rng(0), np.array([0.05, 0.95]), np.empty(2), 0
    for _ in range(4000):
        quantiles(rng.normal(size=40), shares, out)
        inside += out[0] < rng.normal() < out[1]
    assert inside / 4000 == pytest.approx(0.9, abs=0.015)


def test_quantiles_keep_infinity():
    out = np.empty(2)
    quantiles(np.array([np.inf, 1.0, np.inf]), np.array([0.1, 0.6]), out)
    assert out.tolist() == [1.0, np.inf]


def test_intervals_depend_on_the_row_alone():
    x, m = closed([0, 2, 5, 2], [0, 10, 30, 10])
    draws, shares = closed(np.exp(np.random.default_rng(0).normal([1.8, 1.3, 2.7], 0.1, (50, 3))), [0.05, 0.95])
    whole, part = np.empty((4, 2)), np.empty((4, 2))
    spend_intervals(0, 4, x, m, draws, shares, True, np.uint64(1), whole)
    for row in (3, 0, 2, 1):
        spend_intervals(row, row + 1, x, m, draws, shares, True, np.uint64(1), part)
    assert (whole == part).all()
    assert (whole[1] == whole[3]).all()
    assert (whole[:, 0] < whole[:, 1]).all()


def test_kernels_are_what_python_says():
    x, m, w = closed([1, 3, 400], [0.01, 33.3, 1e6], [1, 2.5, 1])
    p, q, v = 6.25, 3.744, 15.44
    for kernel, arguments, shape in [
        (money_sums, (0, 1, x, m, w, v), (1, 4)),
        (spend_log_likelihood, (0, 3, x, m, p, q, v), 3),
        (expected_spends, (0, 3, x, m, p, q, v), 3),
        (frequency_sums, (x, w, p, q), 3),
    ]:
        fast, slow = np.empty(shape), np.empty(shape)
        kernel(*arguments, fast)
        kernel.py_func(*arguments, slow)
        np.testing.assert_allclose(fast, slow, rtol=1e-13)
