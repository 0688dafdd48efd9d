"""The kernels of BG/NBD and MBG/NBD against 50 digits, at the edges of what may come.

A thousand such cases and more are run by benchmarks/studies/exactness_beta_geo.py.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from crmkit.value import BetaGeoNBD, ModifiedBetaGeoNBD
from crmkit.value import _beta_geo_kernels as kernels
from crmkit.value._rows import Rows, frozen


def _oracle():
    path = Path(__file__).with_name("oracle_beta_geo.py")
    spec = importlib.util.spec_from_file_location("oracle_beta_geo", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["oracle_beta_geo"] = module
    spec.loader.exec_module(module)
    return module


oracle = _oracle()
Customer, Model = oracle.Customer, oracle.Model


def estimator(model):
    """An estimator that can be asked for any parameters, without a fit."""
    found = (ModifiedBetaGeoNBD if model.modified else BetaGeoNBD)(regularity=model.k)
    found.regularity_ = model.k
    return found


def rows_of(*customers, weight=None):
    columns = [[c.x for c in customers], [c.t_x for c in customers], [c.T for c in customers]]
    weight = np.ones(len(customers)) if weight is None else weight
    columns = [frozen(np.array(column, dtype=np.float64)) for column in [*columns, weight]]
    return Rows(*columns, frozen(np.array([c.log_gaps for c in customers])))


def natural(model):
    return frozen(np.array([model.r, model.alpha, model.a, model.b]))


def close(found, truth, demand=1e-8):
    """As near as is demanded: relatively, and 0 for what no float can hold."""
    if truth < mp.mpf("1e-300"):
        return 0 <= found < 1e-299
    return bool(abs(found - truth) <= demand * truth)


# ------------------------------------------------------------------------------------- the oracle


@pytest.mark.parametrize("modified", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_two_ways_of_the_oracle_agree(k, modified):
    """The quadrature over p and the sum over purchases; and purchases are those of the counts."""
    model, customer = Model(1.3, 2.8, 0.42, 1.79, k, modified), Customer(3, 20.0, 52.0, 1.2)
    by_quadrature = oracle.expected(model, customer, 6)
    assert abs(by_quadrature / oracle.expected_by_summation(model, customer, 6) - 1) < 1e-14
    counts = [oracle.count_probability(model, customer, n, 6) for n in range(60)]
    assert abs(mp.fsum(counts) - 1) < 1e-9
    assert abs(mp.fsum(n * one for n, one in enumerate(counts)) / by_quadrature - 1) < 1e-6


def test_the_oracle_agrees_with_simulated_customers():
    """20,000 customers who are drawn as the story says, by those that are alive in the end."""
    rng, model, T = np.random.default_rng(0), Model(1.3, 6.0, 0.9, 1.8, 2, True), 30.0
    rate, p = rng.gamma(model.r, 1 / model.alpha, 20_000), rng.beta(model.a, model.b, 20_000)
    bought = np.zeros(20_000)
    for i in range(20_000):
        time = 0.0
        while rng.random() >= p[i]:
            time += rng.gamma(model.k) / rate[i]
            if time > T:
                break
            bought[i] += 1
    assert bought.mean() == pytest.approx(
        float(oracle.new_customer(model, T)), abs=4 * bought.std() / math.sqrt(20_000)
    )
    none = float(oracle.count_probability(model, Customer(0, 0.0, 0.0), 0, T))
    assert (bought == 0).mean() == pytest.approx(none, abs=4 * math.sqrt(none * (1 - none) / 20_000))


# ------------------------------------------------------------------------------------ at the edges


def test_log_likelihoods():
    for model, customer, _, _ in oracle.extreme_cases(1, 200, phases=(1, 2, 3, 8)):
        rows, one = rows_of(customer), estimator(model)
        found = float((one._log_likelihood(rows, natural(model)) + one._constants(rows))[0])
        truth = oracle.log_likelihood(model, customer)
        assert abs(found - truth) <= 1e-8 * max(1, abs(truth)), (model, customer)


def test_alive_and_rates():
    for model, customer, _, _ in oracle.extreme_cases(2, 100):
        rows, one = rows_of(customer), estimator(model)
        rates, truth = one._rates(rows, natural(model)), oracle.mean_rates(model, customer)
        assert close(one._alive(rows, natural(model), 0.0)[0], oracle.alive(model, customer)), (model, customer)
        assert close(rates["purchase_rate"][0], truth[0]), (model, customer)
        assert close(rates["dropout_probability"][0], truth[1]), (model, customer)


def test_count_probabilities():
    for model, customer, horizon, _ in oracle.extreme_cases(3, 25):
        for n in (0, 1, 17):
            found = estimator(model)._count_probability(rows_of(customer), natural(model), n, horizon)[0]
            assert close(found, oracle.count_probability(model, customer, n, horizon)), (model, customer, n, horizon)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_expectations(k):
    for model, customer, horizon, _ in oracle.extreme_cases(30 + k, 4, phases=(k,)):
        found = estimator(model)._expected(rows_of(customer), natural(model), horizon)[0]
        assert close(found, oracle.expected(model, customer, horizon)), (model, customer, horizon)


def test_alive_later():
    for model, customer, horizon, _ in oracle.extreme_cases(5, 5):
        found = estimator(model)._alive(rows_of(customer), natural(model), horizon)[0]
        assert close(found, oracle.alive(model, customer, horizon)), (model, customer, horizon)


# What `oracle.discounted` gives, which takes half a minute: the study in benchmarks asks it for more.
@pytest.mark.parametrize(
    ("model", "customer", "horizon", "delta", "truth"),
    [
        (Model(1.3, 2.8, 0.7, 1.79, 1, True), Customer(3, 20.0, 52.0), 26.0, 0.01, 0.21841832060933741),
        (Model(1.3, 2.8, 0.7, 1.79, 2, True), Customer(3, 20.0, 52.0), 26.0, 0.01, 0.095313747054675775),
        (Model(0.25, 4.4, 0.8, 2.4, 1, False), Customer(7, 35.0, 39.0), np.inf, 0.0027, 16.395921995033324),
        (Model(0.25, 4.4, 0.8, 2.4, 1, True), Customer(7, 35.0, 39.0), np.inf, 0.0027, 17.487925360248569),
    ],
)
def test_discounted(model, customer, horizon, delta, truth):
    found = estimator(model)._discounted(rows_of(customer), natural(model), horizon, delta)[0]
    assert found == pytest.approx(truth, rel=1e-10)
    if horizon == np.inf:  # only the infinite horizon has a short cut
        found = estimator(model)._discounted(rows_of(customer), natural(model), 1e5, delta)[0]
        assert found == pytest.approx(truth, rel=1e-8)


@pytest.mark.parametrize("modified", [False, True])
@pytest.mark.parametrize("k", [1, 2])
def test_removable_singularities(k, modified):
    """Where a formula divides by zero nothing happens: a = 1, T = t_x, no time ahead, no time at all."""
    customers = [Customer(4, 20.0, 31.0), Customer(4, 31.0, 31.0), Customer(0, 0.0, 31.0), Customer(0, 0.0, 0.0)]
    rows = rows_of(*customers)
    for a in (1.0, 1.0 + 1e-13, 1.0 - 1e-13):
        model = Model(0.6, 5.0, a, 2.0, k, modified)
        at, near = estimator(model), Model(0.6, 5.0, 1.0 + 1e-9, 2.0, k, modified)
        for found, nearby in [
            (at._expected(rows, natural(model), 10.0), at._expected(rows, natural(near), 10.0)),
            (at._alive(rows, natural(model), 3.0), at._alive(rows, natural(near), 3.0)),
            (at._discounted(rows, natural(model), np.inf, 0.01), at._discounted(rows, natural(near), np.inf, 0.01)),
        ]:
            np.testing.assert_allclose(found, nearby, rtol=1e-7)
            assert np.isfinite(found).all()
        assert (at._expected(rows, natural(model), 0.0) == 0).all()
        assert at._count_probability(rows, natural(model), 0, 0.0) == pytest.approx(np.ones(4), rel=1e-14)


def test_counts_add_up():
    for k in (1, 3):
        model = Model(0.6, 5.0, 0.9, 2.0, k, True)
        rows = rows_of(Customer(4, 20.0, 31.0), Customer(0, 0.0, 31.0))
        counts = [estimator(model)._count_probability(rows, natural(model), n, 8.0) for n in range(200)]
        np.testing.assert_allclose(np.sum(counts, axis=0), 1.0, rtol=1e-10)
        mean = estimator(model)._expected(rows, natural(model), 8.0)
        np.testing.assert_allclose(np.sum([n * one for n, one in enumerate(counts)], axis=0), mean, rtol=1e-8)


# --------------------------------------------------------------------------------------- gradient


@pytest.mark.parametrize("modified", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_gradient_is_that_of_high_precision_differences(k, modified):
    weight = np.array([1.0, 2.5, 0.5, 3.0])
    for drawn, _, _, _ in oracle.extreme_cases(40 + k, 4, phases=(k,)):
        customers = [
            Customer(0, 0.0, 39.0),
            Customer(2, 30.0, 38.9),
            Customer(150, 51.0, 51.0),
            Customer(3, 1e-3, 52.0),
        ]
        model = Model(drawn.r, drawn.alpha, drawn.a, drawn.b, k, modified)
        value, gradient = estimator(model)._sums(rows_of(*customers, weight=weight), natural(model))

        def total(logs, customers=customers):
            moved = Model(*(mp.exp(one) for one in logs), k, modified)
            return mp.fsum(w * oracle.log_likelihood(moved, one) for w, one in zip(weight, customers, strict=True))

        with mp.workdps(45):
            logs = [mp.log(one) for one in (model.r, model.alpha, model.a, model.b)]
            truth, step = total(logs), mp.mpf(10) ** -14
            gaps = mp.fsum(w * one.x for w, one in zip(weight, customers, strict=True)) * mp.loggamma(k)
            assert abs(value - gaps - truth) <= 1e-9 * max(1, abs(truth))
            for j in range(4):
                ahead, back = list(logs), list(logs)
                ahead[j] += step
                back[j] -= step
                slope = (total(ahead) - total(back)) / (2 * step)
                assert abs(gradient[j] - slope) <= 1e-8 * max(1, abs(slope), 1e-4 * abs(truth)), (model, j)


# --------------------------------------------------------------------------------------- as kernels


def test_kernels_are_what_python_says():
    x, t_x, T, _ = (
        frozen(np.array(column, dtype=float)) for column in ([0, 2, 30], [0, 30, 51], [39, 39, 51], [1, 1, 1])
    )
    for k, at_zero in [(1, 0), (2, 1)]:
        shared = (0, 3, x, t_x, T, natural(Model(0.6, 5.0, 0.9, 2.0)), k, at_zero)
        for kernel, more in [
            (kernels.log_likelihood, ()),
            (kernels.alive, (5.0,)),
            (kernels.expected, (5.0,)),
            (kernels.count_probability, (2, 5.0)),
        ]:
            fast, slow = np.empty(3), np.empty(3)
            kernel(*shared, *more, fast)
            kernel.py_func(*shared, *more, slow)
            np.testing.assert_allclose(fast, slow, rtol=1e-12)


@pytest.mark.parametrize("delta", [0.0, 0.02])
@pytest.mark.parametrize("k", [1, 2])
def test_simulated_futures_are_those_of_the_formulas(k, delta):
    """Without discounting numbers are drawn, with it times: both have the distribution of the formulas."""
    model = Model(0.6, 5.0, 0.9, 2.0, k, True)
    rows = rows_of(Customer(4, 20.0, 26.0), Customer(0, 0.0, 10.0), Customer(90, 25.9, 26.0))
    draws, seeds = frozen(np.tile(natural(model), (20_000, 1))), frozen(np.array([1, 2, 3], dtype=np.uint64))
    counts, discounted = np.empty((3, 20_000)), np.empty((3, 20_000))
    one = estimator(model)
    one._simulate(rows, draws, 26.0, delta, seeds, counts, discounted)
    for found, truth in [
        (counts, one._expected(rows, natural(model), 26.0)),
        (discounted, one._discounted(rows, natural(model), 26.0, max(delta, 1e-12))),
        *((counts == n, one._count_probability(rows, natural(model), n, 26.0)) for n in (0, 1, 2, 7, 60)),
    ]:
        error = np.sqrt(found.var(axis=1) + 1e-9) / math.sqrt(20_000)
        assert (np.abs(found.mean(axis=1) - truth) < 4.5 * error).all()


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("row", [(0.0, 0.0, 0.0), (2.0, 30.43, 38.86), (26.0, 30.857143, 31.0), (300.0, 99.0, 100.0)])
def test_for_ever_is_a_very_long_horizon_whatever_the_regularity(k, row):
    x, t_x, T = (np.array([value]) for value in row)
    parameters, long, ever = np.array([0.53, 6.18, 0.89, 1.61]), np.empty(1), np.empty(1)
    kernels.discounted(0, 1, x, t_x, T, parameters, k, 1, 4500.0, 0.01, long)
    kernels.discounted(0, 1, x, t_x, T, parameters, k, 1, np.inf, 0.01, ever)
    assert ever[0] == pytest.approx(long[0], rel=1e-9)
    if k == 2:
        one = kernels._mean_over_p(2.5, 0.0, 0.89, 3.0, 2, 0.01 * 40.0)
        assert kernels._for_ever_in_phases(2.5, 40.0, 0.0, 0.01, 0.89, 3.0, 1) == pytest.approx(one, rel=1e-12)
