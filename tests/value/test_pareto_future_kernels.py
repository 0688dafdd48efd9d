"""What Pareto/NBD expects after T, against 50 digits; and its simulations against that."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from crmkit.value import _pareto_future_kernels as kernels


def _oracle():
    path = Path(__file__).with_name("oracle_pareto.py")
    spec = importlib.util.spec_from_file_location("oracle_pareto", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["oracle_pareto"] = module
    spec.loader.exec_module(module)
    return module


oracle = _oracle()
Customer = oracle.Customer

CDNOW = (0.553, 10.58, 0.606, 11.67)
EDGES = {
    "new": Customer(*CDNOW, 0, 0, 0),
    "silent": Customer(*CDNOW, 0, 0, 39),
    "s is one": Customer(0.5, 7, 1, 3, 4, 12, 30),
    "s is nearly one": Customer(0.5, 7, 1 + 1e-13, 3, 4, 12, 30),
    "s is two": Customer(0.5, 7, 2, 3, 4, 12, 30),
    "alpha is beta": Customer(0.5, 7, 0.8, 7, 4, 12, 30),
    "no dropout": Customer(2, 5, 1e-3, 1e4, 10, 30, 40),
    "20,000 repeats": Customer(0.6, 10, 0.6, 12, 20_000, 99.999, 100),
}
RANDOM = [oracle.random_customer(np.random.default_rng(seed)) for seed in range(100, 104)]
each = pytest.mark.parametrize("customer", [*EDGES.values(), *RANDOM], ids=[*EDGES, *range(len(RANDOM))])


def row(customer):
    arrays = [np.array([float(value)]) for value in (customer.x, customer.t_x, customer.T)]
    alpha, beta = np.array([float(customer.alpha)]), np.array([float(customer.beta)])
    for array in (*arrays, alpha, beta):
        array.flags.writeable = False
    return (0, 1, *arrays, float(customer.r), alpha, float(customer.s), beta)


def run(kernel, customer, *args):
    out = np.full(1, np.nan)
    kernel(*row(customer), *args, out)
    return out[0]


def relative(found, exact):
    return float(abs(found - exact) / exact) if exact > mp.mpf("1e-300") else 0.0


@each
def test_expectations(customer):
    for horizon in (1e-3, 39.0):
        found, exact = run(kernels.expected, customer, horizon), oracle.discounted(customer, horizon, 0)
        assert relative(found, exact) < 1e-9
        assert run(kernels.discounted, customer, horizon, 0.0) == found
    for horizon, delta in ((52.0, 0.0027), (np.inf, 0.0027), (np.inf, 30.0)):
        found = run(kernels.discounted, customer, horizon, delta)
        assert relative(found, oracle.discounted(customer, horizon, delta)) < 1e-9


@each
def test_counts(customer):
    for n, horizon in ((0, 39.0), (1, 39.0), (3000, 500.0)):
        found, exact = run(kernels.count_probability, customer, float(n), horizon), oracle.count(customer, n, horizon)
        assert relative(found, exact) < 1e-9


def test_without_an_end():
    few, many = Customer(1, 5, 0.5, 8, 2, 10, 20), Customer(1, 5, 3, 8, 2, 10, 20)
    assert run(kernels.expected, few, np.inf) == np.inf
    assert run(kernels.expected, many, np.inf) == pytest.approx(run(kernels.expected, many, 1e12), rel=1e-9)
    assert run(kernels.discounted, many, np.inf, 1e-12) == pytest.approx(run(kernels.expected, many, np.inf), rel=1e-9)
    counts = [run(kernels.count_probability, many, float(n), np.inf) for n in range(400)]
    assert sum(counts) == pytest.approx(1.0, abs=1e-5)


def test_no_time_no_purchases():
    customer = EDGES["silent"]
    assert run(kernels.expected, customer, 0.0) == 0.0
    assert run(kernels.count_probability, customer, 0.0, 0.0) == pytest.approx(1.0)
    assert run(kernels.count_probability, customer, 2.0, 0.0) == 0.0


def test_plain_python_gives_the_same():
    customer = EDGES["alpha is beta"]
    for kernel, args in [
        (kernels.expected, (39.0,)),
        (kernels.discounted, (39.0, 0.01)),
        (kernels.count_probability, (2.0, 39.0)),
        (kernels.count_probability, (0.0, 39.0)),
    ]:
        assert run(kernel.py_func, customer, *args) == pytest.approx(run(kernel, customer, *args), rel=1e-14)


def futures(customer, n, horizon, delta, simulate=kernels.simulate):
    """Simulated futures of one customer: one row with n draws of the same parameters."""
    start, stop, x, t_x, T, r, alpha, s, beta = row(customer)
    draws = np.tile([r, alpha[0], s, beta[0]], (n, 1))
    none, seeds = np.empty((1, 0)), np.array([7], dtype=np.uint64)
    counts, discounted = np.empty((1, n)), np.empty((1, n))
    simulate(start, stop, x, t_x, T, none, none, draws, horizon, delta, seeds, counts, discounted)
    return counts[0], discounted[0]


@pytest.mark.parametrize("horizon", [39.0, np.inf])
# The second has hardly a chance to be alive.
@pytest.mark.parametrize("T", [20.0, 34.0])
def test_simulated_futures_are_those_expected(horizon, T):
    customer, n = Customer(0.9, 4, 3, 30, 5, 18, T), 60_000
    counts, discounted = futures(customer, n, horizon, 0.02)
    for drawn, exact in ((counts, run(kernels.expected, customer, horizon)),
                         (discounted, run(kernels.discounted, customer, horizon, 0.02))):  # fmt: skip
        assert abs(drawn.mean() - exact) < 4.5 * drawn.std() / np.sqrt(n)
    for k in range(4):
        exact = run(kernels.count_probability, customer, float(k), horizon)
        assert abs((counts == k).mean() - exact) < 4.5 * np.sqrt(exact / n)
    plain = futures(customer, 50, horizon, 0.02, kernels.simulate.py_func)
    assert np.array_equal(plain[0], counts[:50])
    assert plain[1] == pytest.approx(discounted[:50], rel=1e-13)


def test_without_discount_a_purchase_counts_one():
    counts, discounted = futures(EDGES["silent"], 1000, 39.0, 0.0)
    assert np.array_equal(counts, discounted)


def test_covariates_move_the_draws_as_they_move_the_rows():
    n = 30_000
    plain, shifted = Customer(0.9, 4, 3, 30, 5, 18, 20), Customer(0.9, 4 * np.exp(-0.5), 3, 30 * np.exp(0.8), 5, 18, 20)
    start, stop, x, t_x, T, r, alpha, s, beta = row(plain)
    draws = np.tile([r, alpha[0], s, beta[0], 0.5, -0.4], (n, 1))
    counts, discounted = np.empty((1, n)), np.empty((1, n))
    seeds = np.array([7], dtype=np.uint64)
    arrays = (np.array([[1.0]]), np.array([[2.0]]), draws, 39.0, 0.0, seeds, counts, discounted)
    kernels.simulate(start, stop, x, t_x, T, *arrays)
    exact = run(kernels.expected, shifted, 39.0)
    assert abs(counts.mean() - exact) < 4.5 * counts.std() / np.sqrt(n)


def test_new_customers_are_those_of_the_model():
    n, (r, alpha, s, beta) = 100_000, CDNOW
    T, out, seeds = np.full(n, 39.0), np.empty((5, n)), np.arange(n, dtype=np.uint64)
    kernels.sample(0, n, T, r, alpha, s, beta, seeds, out)
    x, t_x, alive, purchase_rate, dropout_rate = out
    assert ((t_x <= T) & ((x == 0) == (t_x == 0))).all()
    assert purchase_rate.mean() == pytest.approx(r / alpha, rel=0.02)
    assert dropout_rate.mean() == pytest.approx(s / beta, rel=0.02)
    new = Customer(*CDNOW, 0, 0, 0)
    exact = run(kernels.expected, new, 39.0)
    assert abs(x.mean() - exact) < 4.5 * x.std() / np.sqrt(n)
    assert alive.mean() == pytest.approx((1 + 39 / beta) ** -s, rel=0.02)
    for k in range(3):
        exact = run(kernels.count_probability, new, float(k), 39.0)
        assert abs((x == k).mean() - exact) < 4.5 * np.sqrt(exact / n)
    few = np.empty((5, 20))
    kernels.sample.py_func(0, 20, T, r, alpha, s, beta, seeds, few)
    assert few == pytest.approx(out[:, :20], rel=1e-13)
