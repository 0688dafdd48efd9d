"""The contract kernels against 60-digit arithmetic, and compiled against plain."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest

from crmkit.value import _contracts_kernels as kernels


def precise(s, parameters):
    """Enough digits that the differences of log-gammas below keep 40 of them."""
    return mp.workdps(100 + int(float(parameters[2]) * math.log10(s + 2)))


def log_share(s, alpha, beta, c):
    """Log of the share that survives s renewals, as it is written."""
    power = mp.mpf(s) ** c if s else mp.mpf(0)
    return mp.loggamma(beta + power) + mp.loggamma(alpha + beta) - mp.loggamma(beta) - mp.loggamma(alpha + beta + power)


def log_likelihood(s, ended, alpha, beta, c):
    if not ended:
        return log_share(s, alpha, beta, c)
    return mp.log(mp.exp(log_share(s, alpha, beta, c)) - mp.exp(log_share(s + 1, alpha, beta, c)))


def cases(n, seed):
    rng = np.random.default_rng(seed)
    for i in range(n):
        alpha, beta = 10 ** rng.uniform(-3, 4, 2)
        c = [1.0, 10 ** rng.uniform(-1.5, 1), 10 ** rng.uniform(-3, 2)][i % 3]
        s = math.floor(10 ** rng.uniform(0, 4.3)) - 1 if i % 4 else int(rng.integers(0, 4))
        yield s, int(rng.integers(2)), np.array([alpha, beta, c])


def filled(kernel, s, ended, parameters, *arguments):
    out = np.empty(1)
    kernel(0, 1, np.array([float(s)]), np.array([float(ended)]), parameters, *arguments, out)
    return out[0]


@pytest.mark.parametrize("seed", range(4))
def test_log_likelihood_and_its_gradient(seed):
    step = mp.mpf(10) ** -20
    for s, ended, parameters in cases(40, seed):
        found = np.empty(4)
        kernels.sums(np.array([float(s)]), np.array([float(ended)]), np.ones(1), parameters, found)
        with precise(s, parameters):
            exact = [mp.mpf(float(value)) for value in parameters]
            value = float(log_likelihood(s, ended, *exact))
            assert abs(found[0] - value) <= 1e-12 * max(1.0, abs(value)), (s, ended, parameters)
            for j in range(3):
                ahead, back = list(exact), list(exact)
                ahead[j] *= mp.exp(step)
                back[j] *= mp.exp(-step)
                slope = (log_likelihood(s, ended, *ahead) - log_likelihood(s, ended, *back)) / (2 * step)
                assert found[j + 1] == pytest.approx(float(slope), rel=1e-8, abs=1e-12), (s, ended, parameters, j)
        assert filled(kernels.log_likelihood, s, ended, parameters) == pytest.approx(found[0], rel=1e-14)


@pytest.mark.parametrize("c", [1e4, 300.0, 1e-3])
@pytest.mark.parametrize("s", [0, 1, 2, 19_999])
@pytest.mark.parametrize("ended", [0, 1])
def test_powers_beyond_floats(s, ended, c):
    """Where s ** c has tens of thousands of digits the beta function is a power: its asymptotic form is exact."""
    parameters = np.array([0.7, 2.5, c])
    value = filled(kernels.log_likelihood, s, ended, parameters)
    sums = np.empty(4)
    kernels.sums(np.array([float(s)]), np.array([float(ended)]), np.ones(1), parameters, sums)
    assert np.isfinite(sums).all()
    alpha, beta = mp.mpf(0.7), mp.mpf(2.5)
    with mp.workdps(60):

        def share(age):
            if age * c and c * math.log(age) > 200:
                return mp.loggamma(alpha + beta) - mp.loggamma(beta) - alpha * c * mp.log(age)
            return log_share(age, alpha, beta, mp.mpf(c))

        expected = share(s) if not ended else share(s) + mp.log(-mp.expm1(share(s + 1) - share(s)))
    assert value == pytest.approx(float(expected), rel=1e-12, abs=1e-14)
    assert sums[0] == pytest.approx(value, rel=1e-14)


def test_survival_counts_and_rates():
    for s, _, parameters in cases(60, 7):
        with precise(s + 50, parameters):
            exact = [mp.mpf(float(value)) for value in parameters]
            alpha, beta, c = exact
            share = {age: log_share(age, *exact) for age in (s, s + 1, s + 3, s + 4, s + 7)}
            alive = float(mp.exp(share[s + 7] - share[s]))
            three = float(mp.exp(share[s + 3] - share[s]) - mp.exp(share[s + 4] - share[s]))
            power, next_power = (mp.mpf(age) ** c if age else mp.mpf(0) for age in (s, s + 1))
            leaver = (mp.beta(alpha + 1, beta + power) - mp.beta(alpha + 1, beta + next_power)) / (
                mp.beta(alpha, beta + power) - mp.beta(alpha, beta + next_power)
            )
            stayer = float(alpha / (alpha + beta + power))
            leaver = float(leaver)
        assert filled(kernels.survival, s, 0, parameters, 7.0) == pytest.approx(alive, rel=1e-11, abs=1e-300)
        assert filled(kernels.survival, s, 1, parameters, 7.0) == 0.0
        assert filled(kernels.count_probability, s, 0, parameters, 3.0, 7.0) == pytest.approx(
            three, rel=1e-11, abs=1e-300
        )
        assert filled(kernels.count_probability, s, 0, parameters, 7.0, 7.0) == pytest.approx(
            alive, rel=1e-11, abs=1e-300
        )
        assert filled(kernels.count_probability, s, 0, parameters, 8.0, 7.0) == 0.0
        assert [filled(kernels.count_probability, s, 1, parameters, n, 7.0) for n in (0.0, 1.0)] == [1.0, 0.0]
        assert filled(kernels.churn_rates, s, 0, parameters) == pytest.approx(stayer, rel=1e-11)
        if math.isfinite(leaver) and float(parameters[2]) * math.log(s + 2) < 200:
            assert filled(kernels.churn_rates, s, 1, parameters) == pytest.approx(leaver, rel=1e-10)


def residual_lifetime(s, alpha, beta, delta, horizon):
    """Quadrature over the customer's own chance to stay, on its logit: all terms are positive (c = 1)."""
    before = beta + s
    level = mp.loggamma(alpha + before) - mp.loggamma(alpha) - mp.loggamma(before)

    def integrand(v):
        log_stay, log_leave = -mp.log1p(mp.exp(-v)), -mp.log1p(mp.exp(v))
        term = mp.exp(log_stay - delta) / (-mp.expm1(log_stay - delta))
        if horizon is not None:
            term *= -mp.expm1(horizon * (log_stay - delta))
        return mp.exp(before * log_stay + alpha * log_leave + level) * term

    middle, width = mp.log(before / alpha), mp.sqrt(1 / alpha + 1 / before)
    low, high = middle - 60 * width - 100 / before, middle + 60 * width + 100 / alpha
    inner = [middle + j * width for j in range(-30, 31, 5)]
    outer = [low + (middle - low) * j / 10 for j in range(10)] + [middle + (high - middle) * j / 10 for j in range(11)]
    return mp.quad(integrand, sorted({*inner, *outer}))


@pytest.mark.parametrize(
    ("s", "alpha", "beta", "delta", "horizon"),
    [
        (0, 0.7, 1.2, 0.1, None),
        (7, 0.7, 1.2, 1e-4, None),
        (3, 0.05, 8.0, 1e-6, None),
        (900, 40.0, 3.0, 0.002, None),
        (12, 3.0, 500.0, 0.0, 2_000),
        (2, 0.4, 0.3, 1e-3, 700),
        (0, 150.0, 0.2, 0.01, 10_000),
    ],
)
def test_residual_lifetime_against_quadrature(s, alpha, beta, delta, horizon):
    with mp.workdps(25):
        expected = residual_lifetime(
            mp.mpf(s), mp.mpf(alpha), mp.mpf(beta), mp.mpf(delta), None if horizon is None else mp.mpf(horizon)
        )
    length = np.inf if horizon is None else float(horizon)
    found = kernels.discounted_renewals(float(s), length, delta, np.array([alpha, beta, 1.0]))
    assert found == pytest.approx(float(expected), rel=1e-11)


@pytest.mark.parametrize(
    ("s", "parameters", "delta", "horizon"),
    [
        (0.0, (0.8, 1.5, 1.3), 0.001, 40_000),
        (7.0, (2.0, 3.0, 0.6), 0.01, 6_000),
        (3.0, (0.1, 50.0, 2.5), 0.0, 20_000),
        (1.0, (4.0, 9.0, 1.4), 0.0, 512),
        (1.0, (4.0, 9.0, 1.4), 0.0, 513),
        (1.0, (0.4, 9.0, 0.4), 0.0, 576),
        (1.0, (0.4, 9.0, 0.4), 0.0, 577),
        (20.0, (0.7, 2.0, 1.0), 0.0, 5_000),
    ],
)
def test_long_sums_against_each_term(s, parameters, delta, horizon):
    terms = [math.exp(kernels.log_survival(s, float(t), *parameters) - delta * t) for t in range(1, horizon + 1)]
    found = kernels.discounted_renewals(s, float(horizon), delta, np.array(parameters))
    assert found == pytest.approx(math.fsum(terms), rel=1e-12)


@pytest.mark.parametrize(
    ("s", "parameters"),
    [(0.0, (4.0, 2.0, 1.3)), (6.0, (2.2, 5.0, 2.0)), (0.0, (9.0, 0.5, 0.6)), (4.0, (3.5, 9.0, 1.0))],
)
def test_without_discounting_and_for_ever(s, parameters):
    """The tail beyond what can be added up is a power, whose sum is a Hurwitz zeta function and nearly exact."""
    alpha, _, c = parameters
    n = 200_000
    head = math.fsum(math.exp(kernels.log_survival(s, float(t), *parameters)) for t in range(1, n))
    level = math.exp(kernels.log_survival(s, float(n), *parameters)) * (n + s) ** (alpha * c)
    rest = level * float(mp.zeta(alpha * c, n + s))
    found = kernels.discounted_renewals(s, np.inf, 0.0, np.array(parameters))
    assert rest / head < 1e-3
    assert found == pytest.approx(head + rest, rel=1e-9)


def test_a_lifetime_without_end():
    assert kernels.discounted_renewals(3.0, np.inf, 0.0, np.array([1.0, 2.0, 1.0])) == np.inf
    assert kernels.discounted_renewals(3.0, np.inf, 0.0, np.array([0.4, 2.0, 2.0])) == np.inf
    near = kernels.discounted_renewals(3.0, np.inf, 0.0, np.array([1.0001, 2.0, 1.0]))
    assert near == pytest.approx(5.0 / 0.0001, rel=1e-9)  # (beta + s) / (alpha - 1)


def test_the_sums_of_both_models_agree_where_they_meet():
    """The running product of c = 1 against its own limit from the general formula."""
    plain = kernels.discounted_renewals(5.0, np.inf, 0.02, np.array([0.7, 2.0, 1.0]))
    assert kernels.discounted_renewals(5.0, np.inf, 0.02, np.array([0.7, 2.0, 1.0 + 1e-12])) == pytest.approx(
        plain, rel=1e-9
    )


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    periods, ended = rng.integers(0, 30, 50).astype(float), rng.integers(0, 2, 50).astype(float)
    weight = rng.integers(1, 9, 50).astype(float)
    for array in (periods, ended, weight):
        array.flags.writeable = False
    return periods, ended, weight


@pytest.mark.parametrize("c", [1.0, 0.6, 1.7])
def test_plain_python_gives_the_same(rows, c):
    periods, ended, weight = rows
    parameters = np.array([0.7, 1.2, c])
    parameters.flags.writeable = False
    for kernel, arguments in (
        (kernels.log_likelihood, ()),
        (kernels.survival, (4.0,)),
        (kernels.count_probability, (2.0, 4.0)),
        (kernels.churn_rates, ()),
        (kernels.discounted, (12.0, 0.01)),
    ):
        compiled, plain = np.empty(50), np.empty(50)
        kernel(0, 50, periods, ended, parameters, *arguments, compiled)
        kernel.py_func(0, 50, periods, ended, parameters, *arguments, plain)
        np.testing.assert_allclose(compiled, plain, rtol=1e-14)
    compiled, plain = np.empty(4), np.empty(4)
    kernels.sums(periods, ended, weight, parameters, compiled)
    kernels.sums.py_func(periods, ended, weight, parameters, plain)
    np.testing.assert_allclose(compiled, plain, rtol=1e-13)


@pytest.mark.parametrize("c", [1.0, 0.6, 1.7, 3_000.0])
def test_simulated_futures_follow_the_probabilities(c):
    n = 40_000
    for s in (0.0, 5.0):
        parameters = np.array([1.3, 4.0, c])
        draws = np.tile(parameters, (n, 1))
        counts, values = np.empty((2, n)), np.empty((2, n))
        periods, ended, seeds = np.array([s, s]), np.array([0.0, 1.0]), np.array([11, 12], dtype=np.uint64)
        kernels.simulate(0, 2, periods, ended, draws, 4.0, 0.1, seeds, counts, values)
        assert (counts[1] == 0).all()
        assert (values[1] == 0).all()
        for k in range(5):
            share = filled(kernels.count_probability, s, 0, parameters, float(k), 4.0)
            error = math.sqrt(share * (1 - share) / n)
            assert abs((counts[0] == k).mean() - share) <= 4.5 * error + 1e-12, (s, k)
        present = [sum(math.exp(-0.1 * t) for t in range(1, int(count) + 1)) for count in range(5)]
        np.testing.assert_allclose(values[0], np.array(present)[counts[0].astype(int)], rtol=1e-13)


@pytest.mark.parametrize("c", [1.0, 0.5, 2.0])
def test_new_contracts_follow_the_probabilities(c):
    n = 60_000
    parameters = np.array([0.7, 1.2, c])
    seeds = np.random.default_rng(5).integers(2**63, size=n, dtype=np.uint64)
    observed = np.tile([0.0, 3.0, 6.0], n // 3)
    periods, ended, churn = np.empty((3, n))
    kernels.draw_contracts(0, n, observed, parameters, seeds, periods, ended, churn)
    assert ((ended == 1) == (periods < observed)).all()
    assert (periods <= observed).all()
    assert abs(churn.mean() - 0.7 / 1.9) < 0.01
    for up_for in (3.0, 6.0):
        own = periods[observed == up_for]
        for age in range(1, int(up_for) + 1):
            share = math.exp(kernels.log_survival(0.0, float(age), *parameters))
            assert abs((own >= age).mean() - share) < 4.5 * math.sqrt(share * (1 - share) / len(own))
