"""The kernels of Pareto/NBD against 50 digits, at the edges of what may come.

A thousand such cases and more are run by benchmarks/studies/exactness_pareto.py.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from crmkit.value import _pareto_kernels as kernels


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
    "bought just now": Customer(*CDNOW, 3, 20, 20),
    "alpha is beta": Customer(0.5, 7, 0.8, 7, 4, 12, 30),
    "s is one": Customer(0.5, 7, 1, 3, 4, 12, 30),
    "peak far from both ends": Customer(10.465, 0.00798565181, 3.0516, 2.82, 500, 4, 37),
    "no dropout": Customer(2, 5, 1e-3, 1e4, 10, 30, 40),
    "all drop out at once": Customer(1e-3, 1e4, 1e4, 1e-3, 1, 1e-4, 1e4),
    "20,000 repeats": Customer(0.6, 10, 0.6, 12, 20_000, 99.999, 100),
    "next to nothing left": Customer(3, 2, 0.1, 1e3, 40, 1, 31),
}
RANDOM = [oracle.random_customer(np.random.default_rng(seed)) for seed in range(6)]
each = pytest.mark.parametrize("customer", [*EDGES.values(), *RANDOM], ids=[*EDGES, *range(len(RANDOM))])


def row(customer):
    """Arguments of the kernels that work out rows, all arrays closed to writing."""
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
def test_log_likelihoods_and_predictions_of_the_present(customer):
    exact = oracle.log_likelihood(customer)
    found = run(kernels.log_likelihood, customer)
    assert float(abs(found - exact)) <= 1e-11 * max(1.0, abs(float(exact)))
    assert relative(run(kernels.alive, customer, 0.0), oracle.alive(customer, 0)) < 1e-9
    assert relative(run(kernels.alive, customer, 13.0), oracle.alive(customer, 13)) < 1e-9
    purchase_rate = np.empty(1)
    dropout_rate = run(kernels.rates, customer, purchase_rate)
    exact_rates = oracle.rates(customer)
    assert relative(purchase_rate[0], exact_rates[0]) < 1e-9
    assert relative(dropout_rate, exact_rates[1]) < 1e-9


@each
def test_whoever_is_not_alive_is_dead(customer):
    x, t_x, T, r, alpha, s, beta = row(customer)[2:]
    lives, dead = kernels.chances(x[0], t_x[0], T[0], r, alpha[0], s, beta[0])
    assert lives + dead == pytest.approx(1.0, rel=1e-12)
    assert 0.0 <= lives <= 1.0


@pytest.mark.parametrize("name", ["silent", "alpha is beta", "peak far from both ends", "no dropout"])
def test_slopes_are_differences_in_50_digits(name):
    customer, h = EDGES[name], mp.mpf("1e-15")
    x, t_x, T, r, alpha, s, beta = row(customer)[2:]
    found = kernels.log_likelihood_and_slopes(x[0], t_x[0], T[0], r, alpha[0], s, beta[0])[1:]

    class Moved:
        def __init__(self, factors):
            self.factors = factors

        def exact(self):
            values = customer.exact()
            return [value * factor for value, factor in zip(values[:4], self.factors, strict=True)] + values[4:]

    for position in range(4):
        with mp.workdps(oracle.DIGITS):
            ahead = [mp.exp(h) if k == position else mp.mpf(1) for k in range(4)]
            back = [1 / factor for factor in ahead]
            slope = (oracle.log_likelihood(Moved(ahead)) - oracle.log_likelihood(Moved(back))) / (2 * h)
        assert found[position] == pytest.approx(float(slope), rel=1e-9, abs=1e-10)


def test_purchase_or_dropout_comes_for_certain():
    rng = np.random.default_rng(0)
    for R, s, a, b in 10 ** rng.uniform(-3, 4.3, (500, 4)):
        dropout, *_, purchase, _, _, _, _ = kernels.lapse(R, s, a, b, np.inf)
        assert dropout + purchase == pytest.approx(1.0, abs=1e-13)


def test_stretches_add_up():
    a, b, whole = 11.0, 4.0, 2.5
    far = kernels.lapse(3.5, 0.7, a, b, whole)
    near = kernels.lapse(3.5, 0.7, a, b, 1.0)
    passed = b * math.expm1(1.0)
    left = (1 + passed / a) ** -3.5 * (1 + passed / b) ** -0.7
    rest = kernels.lapse(3.5, 0.7, a + passed, b + passed, whole - 1.0)
    assert near[0] + left * rest[0] == pytest.approx(far[0], rel=1e-14)
    assert near[3] + left * rest[3] == pytest.approx(far[3], rel=1e-14)
    assert near[8] + left * rest[8] == pytest.approx(far[8], rel=1e-14)


def test_plain_python_gives_the_same():
    for args in [(3.5, 0.7, 11.0, 4.0, 2.5), (0.4, 2.0, 1.0, 50.0, np.inf), (1.0, 1.0, 2.0, 2.0, 0.0)]:
        assert kernels.lapse.py_func(*args) == pytest.approx(kernels.lapse(*args), rel=1e-14)
    customer = EDGES["silent"]
    for kernel in (kernels.log_likelihood, kernels.alive, kernels.rates):
        args = {"alive": (2.0,), "rates": (np.empty(1),)}.get(kernel.py_func.__name__, ())
        assert run(kernel.py_func, customer, *args) == pytest.approx(run(kernel, customer, *args), rel=1e-14)
    # A column of zeros, or effects of zero, change nothing at all.
    out = np.empty(3)
    for covariates, effects in [(np.zeros((3, 1)), [0.7]), (np.ones((3, 1)), [0.0]), (np.ones((3, 0)), [])]:
        kernels.shift(0, 3, covariates, np.array(effects), 10.58, out)
        assert (out == 10.58).all()
    kernels.shift.py_func(0, 3, np.array([[1.0], [0.0], [-1.0]]), np.array([0.5]), 2.0, out)
    assert out == pytest.approx(2.0 * np.exp([-0.5, 0.0, 0.5]))
