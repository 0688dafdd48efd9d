"""Special functions of the kernels, against 40 digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.value import _special_kernels as special

pytestmark = pytest.mark.kernels
POSITIVE = st.floats(1e-3, 3e4)


@pytest.fixture(autouse=True)
def _forty_digits():
    with mpmath.workdps(40):
        yield


def close(ours, theirs, tolerance, floor=1e-3):
    return abs(mpmath.mpf(ours) - theirs) <= tolerance * max(abs(theirs), floor)


@given(POSITIVE)
def test_digamma(z):
    assert close(special.digamma(z), mpmath.digamma(mpmath.mpf(z)), 4e-15, floor=1.0)


@given(POSITIVE, POSITIVE)
def test_log_gamma_ratio(z, n):
    theirs = mpmath.loggamma(mpmath.mpf(z) + mpmath.mpf(n)) - mpmath.loggamma(mpmath.mpf(z))
    assert close(special.log_gamma_ratio(z, n), theirs, 2e-15, floor=1.0)


@given(POSITIVE, POSITIVE)
def test_log_beta(a, b):
    assert close(special.log_beta(a, b), mpmath.log(mpmath.beta(mpmath.mpf(a), mpmath.mpf(b))), 4e-15, floor=1.0)


@given(st.floats(-800, 800), st.floats(-800, 800))
def test_log_add(p, q):
    assert special.log_add(p, q) == pytest.approx(np.logaddexp(p, q), rel=1e-15, abs=1e-15)


def test_log_add_of_nothing():
    assert special.log_add(-np.inf, 2.0) == 2.0
    assert special.log_add(-np.inf, -np.inf) == -np.inf


@pytest.mark.parametrize(
    ("n", "shape", "odds"),
    [(1, 0.24, 9.0), (3, 0.01, 1e-4), (40, 12.5, 2.0), (500, 3.0, 900.0), (2, 1e4, 1e-3), (900, 1e3, 1.0)],
)
def test_tail_of_the_negative_binomial(n, shape, odds):
    """By its terms: from n on where they fall off, else from 0 to n - 1."""
    x = mpmath.mpf(odds) / (1 + mpmath.mpf(odds))
    term = (1 + mpmath.mpf(odds)) ** -mpmath.mpf(shape)
    below = mpmath.mpf(0)
    for m in range(n):
        below += term
        term *= (mpmath.mpf(shape) + m) / (m + 1) * x
    assert close(special.negative_binomial_tail(float(n), float(shape), float(odds)), 1 - below, 1e-11, floor=0.0)


def test_tail_at_its_ends():
    assert special.negative_binomial_tail(0.0, 1.0, 2.0) == 1.0
    assert special.negative_binomial_tail(3.0, 1.0, 0.0) == 0.0
    assert special.negative_binomial_tail(3.0, 1.0, math.inf) == 1.0


def test_the_kernels_are_what_they_say_in_python():
    for kernel, arguments in (
        (special.digamma, (0.37,)),
        (special.log_gamma_ratio, (0.2, 7.5)),
        (special.log_beta, (0.3, 40.0)),
        (special.negative_binomial_tail, (3.0, 0.5, 2.0)),
    ):
        assert kernel(*arguments) == pytest.approx(kernel.py_func(*arguments), rel=1e-14)
