"""Every kernel against sums in 50 digits of the formulas as Fader, Hardie and Shang print them."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from crmkit.value import _beta_geo_beta_binomial_kernels as kernels

DONATIONS = (1.203522, 0.749716, 0.656718, 2.783443)


def frozen(values):
    array = np.atleast_1d(np.asarray(values, dtype=np.float64)).copy()
    array.flags.writeable = False
    return array


def arrays(*columns):
    return [frozen(column) for column in columns]


# ------------------------------------------------------------------------------------------ oracles


def oracle_terms(x, t_x, n, parameters):
    """The terms of the likelihood (their equation 5): having left after t_x ... n - 1, and living at n."""
    alpha, beta, gamma, delta = map(mp.mpf, parameters)
    scale = 1 / (mp.beta(alpha, beta) * mp.beta(gamma, delta))
    bought = mp.beta(alpha + x, beta + t_x - x)
    left = mp.beta(gamma + 1, delta + t_x)
    alive = mp.beta(gamma, delta + t_x)
    terms = []
    for j in range(t_x, n):
        terms.append(scale * bought * left)
        # B(a, b + 1) = B(a, b) b / (a + b)
        bought *= (beta + j - x) / (alpha + beta + j)
        left *= (delta + j) / (gamma + 1 + delta + j)
        alive *= (delta + j) / (gamma + delta + j)
    return terms, scale * bought * alive


def oracle_likelihood(x, t_x, n, parameters):
    terms, alive = oracle_terms(x, t_x, n, parameters)
    return mp.fsum(terms) + alive


def oracle_survival_sum(n, parameters, horizon, rate):
    gamma, delta = mp.mpf(parameters[2]), mp.mpf(parameters[3])
    z, q = delta + n, mp.e ** -mp.mpf(rate)
    if horizon == np.inf and rate < 1e-3 and gamma < 20:
        return oracle_endless_sum(z, gamma, q)
    total, term, k = mp.mpf(0), mp.mpf(1), 0
    while k < horizon and (term > 1e-19 * total or k < 10):
        term *= q * (z + k) / (gamma + z + k)
        total += term
        k += 1
    return total


def oracle_endless_sum(z, gamma, q):
    """E of s / (1 - s), s = (1 - theta) q, over the log-odds y of theta: everything is positive."""
    with mp.workdps(20):

        def integrand(y):
            theta, stay = 1 / (1 + mp.e**-y), 1 / (1 + mp.e**y)
            return theta**gamma * stay ** (z + 1) * q / (theta + stay * (1 - q))

        top, bottom = mp.log(gamma / z) + 40, min(mp.log(gamma / z), mp.log(1 - q)) - 40
        edges = [bottom - 50 / gamma, *mp.linspace(bottom, top, int(top - bottom) + 1)]
        return mp.quad(integrand, edges, method="gauss-legendre") / mp.beta(gamma, z)


def oracle_count(x, t_x, n, parameters, k, horizon):
    """Their equation for P(X(n, n + m) = k), term by term."""
    alpha, beta, gamma, delta = map(mp.mpf, parameters)
    scale = 1 / (mp.beta(alpha, beta) * mp.beta(gamma, delta))
    terms, _ = oracle_terms(x, t_x, n, parameters)
    total = mp.fsum(terms) if k == 0 else mp.mpf(0)
    for i in range(k, horizon + 1):
        bought = mp.binomial(i, k) * mp.beta(alpha + x + k, beta + n - x + i - k)
        life = mp.beta(gamma + 1, delta + n + i) if i < horizon else mp.beta(gamma, delta + n + horizon)
        total += scale * bought * life if k <= horizon else 0
    return total / oracle_likelihood(x, t_x, n, parameters)


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(50):
        yield


def extreme_cases(count, seed, longest):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        parameters = tuple(10 ** rng.uniform(-3, 4, 4))
        n = int(10 ** rng.uniform(0, math.log10(longest)))
        t_x = int(rng.choice([0, n, n - 1, rng.integers(0, n + 1), rng.integers(0, n + 1)]))
        x = 0 if t_x == 0 else int(rng.choice([1, t_x, rng.integers(1, t_x + 1)]))
        yield x, t_x, n, parameters


# ---------------------------------------------------------------------------------------- numbers


def log_likelihood(x, t_x, n, parameters):
    out = np.empty(1)
    kernels.log_likelihoods(0, 1, *arrays(x, t_x, n, parameters), out)
    return out[0]


def expected(x, t_x, n, parameters, horizon, rate):
    x, t_x, n, parameters = arrays(x, t_x, n, parameters)
    sums, out = np.empty(len(n)), np.empty(len(n))
    kernels.survival_sums(0, len(n), n, parameters, float(horizon), rate, sums)
    kernels.expected_purchases(0, len(n), x, t_x, n, parameters, frozen(sums), out)
    return out


def count_probability(x, t_x, n, parameters, k, horizon):
    x, t_x, n, parameters = arrays(x, t_x, n, parameters)
    out = np.empty(len(n))
    kernels.count_probabilities(0, len(n), x, t_x, n, parameters, float(k), float(horizon), out)
    return out


def close(value, exact, rel=1e-10):
    """Whether a value is right where it is a normal double, and next to nothing where it is not."""
    return abs(value - exact) <= rel * exact if exact > 1e-300 else value < 1.1e-300


def test_log_likelihood_is_right_to_the_end():
    for case in extreme_cases(20, 0, 20_000):
        exact = mp.log(oracle_likelihood(*case))
        assert abs(log_likelihood(*case) - exact) <= 1e-9 * max(1, abs(exact)), case


def test_alive_probability_now_and_later():
    for x, t_x, n, parameters in extreme_cases(25, 1, 3_000):
        terms, alive = oracle_terms(x, t_x, n, parameters)
        gamma, delta = map(mp.mpf, parameters[2:])
        for after in (0, 1, 40, 2_000):
            later = mp.beta(gamma, delta + n + after) / mp.beta(gamma, delta + n)
            out = np.empty(1)
            kernels.alive_probabilities(0, 1, *arrays(x, t_x, n, parameters), float(after), out)
            assert close(out[0], alive * later / (mp.fsum(terms) + alive)), (x, t_x, n, parameters, after)


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.05])
def test_expected_purchases_over_finite_horizons(rate):
    for x, t_x, n, parameters in extreme_cases(12, 2, 2_000):
        terms, alive = oracle_terms(x, t_x, n, parameters)
        alpha, beta = map(mp.mpf, parameters[:2])
        for horizon in (1, 7, 500):
            exact = oracle_survival_sum(n, parameters, horizon, rate) * alive / (mp.fsum(terms) + alive)
            exact *= (alpha + x) / (alpha + beta + n)
            assert close(expected(x, t_x, n, parameters, horizon, rate)[0], exact), (x, t_x, n, parameters)


def survival_sum(n, parameters, horizon, rate):
    out = np.empty(1)
    kernels.survival_sums(0, 1, *arrays(n, parameters), float(horizon), rate, out)
    return out[0]


@pytest.mark.parametrize(
    ("rate", "n", "delta", "gammas"),
    [
        (1e-12, 6, 2.8, (1e-3, 1.0, 2.5)),
        (1e-6, 20_000, 1e4, (0.3, 1.0000001, 30.0)),
        (0.003, 0, 1e-3, (1e-3, 1.0, 30.0, 1e4)),
        (3.0, 6, 5.0, (1e-3, 0.3, 1.0, 2.5, 30.0, 1e4)),
    ],
)
def test_infinite_horizons_with_any_discount(rate, n, delta, gammas):
    for gamma in gammas:
        parameters = (1.0, 1.0, gamma, delta)
        exact = oracle_survival_sum(n, parameters, np.inf, rate)
        assert survival_sum(n, parameters, np.inf, rate) == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize("gamma", [0.01, 1.0, 3.0, 40.0])
def test_horizons_beyond_the_direct_sum(gamma):
    for rate, n in ((0.0, 5), (1e-5, 20_000)):
        exact = oracle_survival_sum(n, (1, 1, gamma, 2.5), 26_000, rate)
        assert survival_sum(n, (1, 1, gamma, 2.5), 26_000, rate) == pytest.approx(float(exact), rel=1e-11)
    # The closed form (Gamma functions) of the undiscounted sum, where it does not cancel.
    z, m = mp.mpf(2.5) + 5, 10**9
    g = mp.mpf(gamma)
    if g != 1:
        ratio = mp.exp(mp.loggamma(z + m + 1) - mp.loggamma(z + g + m) + mp.loggamma(z + g) - mp.loggamma(z + 1))
        assert survival_sum(5, (1, 1, gamma, 2.5), m, 0.0) == pytest.approx(float(z * (1 - ratio) / (g - 1)), rel=1e-11)


def test_without_discount_the_infinite_sum_is_its_limit():
    assert survival_sum(6, (1, 1, 0.9, 2.0), np.inf, 0.0) == math.inf
    assert survival_sum(6, (1, 1, 1.0, 2.0), np.inf, 0.0) == math.inf
    assert survival_sum(6, (1, 1, 3.0, 2.0), np.inf, 0.0) == 4.0
    assert survival_sum(6, (1, 1, 3.0, 2.0), np.inf, 1e-14) == pytest.approx(4.0, rel=1e-10)
    assert survival_sum(6, (1, 1, 3.0, 2.0), 0.0, 0.5) == 0.0


def test_count_probabilities_are_right_to_the_end():
    for x, t_x, n, parameters in extreme_cases(15, 3, 400):
        for horizon in (1, 12, 60):
            for k in {0, 1, horizon // 2, horizon}:
                exact = oracle_count(x, t_x, n, parameters, k, horizon)
                value = count_probability(x, t_x, n, parameters, k, horizon)[0]
                assert close(value, exact), (x, t_x, n, parameters, k, horizon)


def test_count_probabilities_of_many_opportunities_do_not_underflow():
    # The first term of the sum is some 1e-500, the probability is not small.
    parameters = (30.0, 3000.0, 0.2, 50.0)
    k, horizon = 250, 20_000
    value = count_probability(0, 0, 0, parameters, k, horizon)[0]
    alpha, beta, gamma, delta = map(mp.mpf, parameters)
    term = mp.beta(alpha + k, beta) / mp.beta(alpha, beta) * mp.beta(gamma, delta + k) / mp.beta(gamma, delta)
    total = mp.mpf(0)
    for i in range(k, horizon):
        total += term * gamma / (gamma + delta + i)
        term *= (mp.mpf(i) + 1) / (i + 1 - k) * (beta + i - k) / (alpha + beta + i) * (delta + i) / (gamma + delta + i)
    assert total + term > 1e-5
    assert value == pytest.approx(float(total + term), rel=1e-10)


@settings(max_examples=40)
@given(
    st.tuples(*[st.floats(-3, 4).map(lambda e: 10**e)] * 4),
    st.integers(0, 30),
    st.data(),
)
def test_probabilities_add_up_and_have_the_expected_mean(parameters, n, data):
    t_x = data.draw(st.integers(0, n))
    x = 0 if t_x == 0 else data.draw(st.integers(1, t_x))
    horizon = data.draw(st.integers(1, 25))
    chances = np.array([count_probability(x, t_x, n, parameters, k, horizon)[0] for k in range(horizon + 2)])
    assert chances[-1] == 0
    assert chances.sum() == pytest.approx(1, rel=1e-11)
    mean = expected(x, t_x, n, parameters, horizon, 0.0)[0]
    assert (chances * np.arange(horizon + 2)).sum() == pytest.approx(mean, rel=1e-9, abs=1e-300)


@settings(max_examples=25)
@given(st.tuples(*[st.floats(-3, 4).map(lambda e: 10**e)] * 4), st.integers(1, 9))
def test_all_patterns_have_probability_one(parameters, n):
    # C(t_x - 1, x - 1) orders of purchases belong to each row.
    total = math.exp(log_likelihood(0, 0, n, parameters))
    for t_x in range(1, n + 1):
        for x in range(1, t_x + 1):
            total += math.comb(t_x - 1, x - 1) * math.exp(log_likelihood(x, t_x, n, parameters))
    assert total == pytest.approx(1, rel=1e-11)


def sums(x, t_x, n, weight, parameters, size=64):
    columns = arrays(x, t_x, n, weight, parameters)
    out = np.empty((-(-len(columns[0]) // size), 5))
    kernels.likelihood_sums(0, len(out), size, *columns, out)
    return out.sum(axis=0)


def test_gradient_is_the_slope_of_the_likelihood():
    for x, t_x, n, parameters in extreme_cases(25, 4, 500):
        value, *gradient = sums(x, t_x, n, 2.0, parameters)
        assert value == pytest.approx(2 * log_likelihood(x, t_x, n, parameters), rel=1e-12)
        for place in range(4):
            values = []
            for step in (-1, 1):
                moved = list(map(mp.mpf, parameters))
                moved[place] *= mp.e ** (step * mp.mpf("1e-15"))
                values.append(mp.log(oracle_likelihood(x, t_x, n, moved)))
            slope = float((values[1] - values[0]) / mp.mpf("1e-15"))
            assert gradient[place] == pytest.approx(slope, rel=1e-8, abs=1e-8), (x, t_x, n, parameters, place)


def test_sums_are_the_same_for_any_ranges():
    rng = np.random.default_rng(5)
    n = rng.integers(1, 40, 1000)
    t_x = rng.integers(0, n + 1)
    x = np.where(t_x == 0, 0, rng.integers(1, np.maximum(t_x, 1) + 1))
    weight = rng.integers(1, 5, 1000)
    columns = arrays(x, t_x, n, weight, DONATIONS)
    whole, parts = np.empty((16, 5)), np.empty((16, 5))
    kernels.likelihood_sums(0, 16, 64, *columns, whole)
    for start, stop in ((9, 16), (0, 2), (2, 9)):
        kernels.likelihood_sums(start, stop, 64, *columns, parts)
    assert (whole == parts).all()
    order = np.lexsort((-t_x, x, n))
    in_order = sums(x[order], t_x[order], n[order], weight[order], DONATIONS)
    np.testing.assert_allclose(in_order, whole.sum(axis=0), rtol=1e-11)
    repeated = np.repeat(np.arange(1000), weight)
    alone = sums(x[repeated], t_x[repeated], n[repeated], np.ones(len(repeated)), DONATIONS)
    np.testing.assert_allclose(alone, whole.sum(axis=0), rtol=1e-11)


def test_posterior_means_are_integrals_over_the_chances():
    for x, t_x, n, parameters in [
        (3, 4, 6, DONATIONS),
        (0, 0, 6, DONATIONS),
        (6, 6, 6, DONATIONS),
        (2, 3, 9, (0.1, 5, 3, 0.2)),
        (0, 0, 0, DONATIONS),
    ]:
        buying, leaving = np.empty(1), np.empty(1)
        kernels.posterior_means(0, 1, *arrays(x, t_x, n, parameters), buying, leaving)
        alpha, beta, gamma, delta = map(mp.mpf, parameters)
        scale = mp.beta(alpha, beta) * mp.beta(gamma, delta)
        total = oracle_likelihood(x, t_x, n, parameters)
        # E[p^i theta^j] by the moments of each term's beta distributions.
        mean_p, mean_theta = mp.mpf(0), mp.mpf(0)
        for lived in range(t_x, n + 1):
            misses = lived - x
            a_life = gamma + 1 if lived < n else gamma
            mean_p += mp.beta(alpha + x + 1, beta + misses) * mp.beta(a_life, delta + lived)
            mean_theta += mp.beta(alpha + x, beta + misses) * mp.beta(a_life + 1, delta + lived)
        assert buying[0] == pytest.approx(float(mean_p / scale / total), rel=1e-12)
        assert leaving[0] == pytest.approx(float(mean_theta / scale / total), rel=1e-12)


def test_customers_with_long_histories_take_the_short_cut():
    # Nearly surely gone: the loop over the opportunities ends early.
    parameters = (5.0, 5.0, 0.5, 3.0)
    x, t_x, n = 40, 80, 5_000
    terms, alive = oracle_terms(x, t_x, n, parameters)
    left, living = kernels._paths(float(x), float(t_x), float(n), parameters)
    assert left / living == pytest.approx(float(mp.fsum(terms) / alive), rel=1e-10) if living else False
    buying, leaving = np.empty(1), np.empty(1)
    kernels.posterior_means(0, 1, *arrays(x, t_x, n, parameters), buying, leaving)
    mean_p = mp.fsum(term * (5 + x) / (10 + t_x + i) for i, term in enumerate(terms)) + alive * (5 + x) / (10 + n)
    assert buying[0] == pytest.approx(float(mean_p / (mp.fsum(terms) + alive)), rel=1e-11)


# -------------------------------------------------------------------------------------- simulation


def simulated(x, t_x, n, draws, horizon, rate, n_rows=1):
    x, t_x, n = (np.full(n_rows, float(value)) for value in (x, t_x, n))
    seeds = np.arange(n_rows, dtype=np.uint64) + np.uint64(99)
    counts, discounted = np.empty((n_rows, len(draws))), np.empty((n_rows, len(draws)))
    kernels.simulate(0, n_rows, x, t_x, n, draws, float(horizon), rate, seeds, counts, discounted)
    return counts, discounted


@pytest.mark.parametrize(("x", "t_x", "n"), [(0, 0, 6), (3, 4, 6), (6, 6, 6)])
def test_simulated_futures_have_the_exact_distribution(x, t_x, n):
    draws = np.tile(np.array(DONATIONS), (40_000, 1))
    counts, discounted = simulated(x, t_x, n, draws, 8, 0.1)
    chances = np.array([count_probability(x, t_x, n, DONATIONS, k, 8)[0] for k in range(9)])
    seen = np.bincount(counts[0].astype(int), minlength=9)
    assert stats.chisquare(seen, chances * len(draws)).pvalue > 1e-3
    mean = expected(x, t_x, n, DONATIONS, 8, 0.1)[0]
    assert discounted.mean() == pytest.approx(mean, abs=5 * discounted.std() / 200)
    endless = simulated(x, t_x, n, draws, np.inf, 0.1)[1]
    assert endless.mean() == pytest.approx(expected(x, t_x, n, DONATIONS, np.inf, 0.1)[0], abs=5 * endless.std() / 200)


def test_each_draw_uses_its_own_parameters():
    draws = np.array([DONATIONS, (50.0, 1e-3, 1e-3, 1e4), (1e-3, 1e4, 1.0, 1.0)])
    counts, _ = simulated(3, 3, 3, draws, 20, 0.0, n_rows=50)
    assert (counts[:, 1] == 20).all()
    assert counts[:, 2].mean() < 1 < counts[:, 0].mean() < 19


def test_samples_are_customers_of_the_model():
    n = np.full(60_000, 6.0)
    seeds = np.arange(60_000, dtype=np.uint64)
    x, t_x, alive, buying, leaving = (np.empty(60_000) for _ in range(5))
    kernels.sample(0, 60_000, n, frozen(DONATIONS), seeds, x, t_x, alive, buying, leaving)
    assert ((x <= t_x) & (t_x <= 6) & ((x == 0) == (t_x == 0))).all()
    chances = np.array([count_probability(0, 0, 0, DONATIONS, k, 6)[0] for k in range(7)])
    assert stats.chisquare(np.bincount(x.astype(int), minlength=7), chances * 60_000).pvalue > 1e-3
    # The share of each pattern is its likelihood times the number of its orders.
    for last in range(1, 7):
        for count in range(1, last + 1):
            share = math.comb(last - 1, count - 1) * math.exp(log_likelihood(count, last, 6, DONATIONS))
            found = ((x == count) & (t_x == last)).mean()
            assert abs(found - share) < 5 * math.sqrt(share / 60_000)
    assert buying.mean() == pytest.approx(1.203522 / (1.203522 + 0.749716), abs=0.01)
    assert leaving.mean() == pytest.approx(0.656718 / (0.656718 + 2.783443), abs=0.01)
    survival = math.exp(mp.log(mp.beta(0.656718, 8.783443) / mp.beta(0.656718, 2.783443)))
    assert alive.mean() == pytest.approx(survival, abs=0.01)


# ------------------------------------------------------------------------------------ plain Python

_COLUMNS = arrays([0, 3, 6, 2], [0, 4, 6, 2], [6, 6, 6, 400])


@pytest.mark.parametrize(
    ("name", "arguments", "shapes"),
    [
        ("log_likelihoods", (*_COLUMNS, frozen(DONATIONS)), [(4,)]),
        ("alive_probabilities", (*_COLUMNS, frozen(DONATIONS), 2.0), [(4,)]),
        ("survival_sums", (_COLUMNS[2], frozen(DONATIONS), np.inf, 1e-5), [(4,)]),
        ("expected_purchases", (*_COLUMNS, frozen(DONATIONS), frozen([1, 2, 3, 4])), [(4,)]),
        ("count_probabilities", (*_COLUMNS, frozen(DONATIONS), 2.0, 5.0), [(4,)]),
        ("posterior_means", (*_COLUMNS, frozen(DONATIONS)), [(4,), (4,)]),
        (
            "simulate",
            (*_COLUMNS, frozen(DONATIONS).reshape(1, 4), 9.0, 0.1, np.arange(4, dtype=np.uint64)),
            [(4, 1), (4, 1)],
        ),
        ("sample", (_COLUMNS[2], frozen(DONATIONS), np.arange(4, dtype=np.uint64)), [(4,)] * 5),
    ],
)
def test_plain_python_gives_the_same(name, arguments, shapes):
    function = getattr(kernels, name)
    results = []
    for call in (function, function.py_func):
        out = [np.empty(shape) for shape in shapes]
        call(0, 4, *arguments, *out)
        results.append(out)
    for compiled, interpreted in zip(*results, strict=True):
        np.testing.assert_allclose(interpreted, compiled, rtol=1e-13)


def test_inner_functions_in_plain_python_give_the_same():
    state, other = np.array([4], dtype=np.uint64), np.array([4], dtype=np.uint64)
    cases = [
        ("_paths", (3.0, 4.0, 6.0, DONATIONS), None),
        ("_paths", (40.0, 80.0, 5_000.0, (5.0, 5.0, 0.5, 3.0)), None),
        ("_log_survival", (3.0, 4.0, 6.0, DONATIONS), None),
        ("_log_path", (3.0, 4.0, DONATIONS), None),
        ("_step_back", (5.0, 3.0, DONATIONS, (1.0, 0.1, -0.2, 0.3, -0.4)), None),
        ("_survival_sum", (8.0, 0.6, np.inf, 0.1), None),
        ("_survival_tail", (20_000.0, 0.6, np.inf, 1e-4), None),
        ("_survival_tail", (20_000.0, 0.6, 5_000.0, 0.0), None),
        ("_count_of_living", (3.0, 2.0, 5.0, 8.0, 0.6, 20.0), None),
        ("_count_of_living", (700.0, 30.0, 3000.0, 50.0, 0.2, 3_000.0), None),
        ("_future", (2.0, 3.0, 0.6, 8.0, 30.0, 0.1), (state, other)),
        ("_future", (2.0, 3.0, 0.6, 8.0, np.inf, 0.1), (state, other)),
    ]
    for name, arguments, states in cases:
        function = getattr(kernels, name)
        one, two = states or ((), ())
        expected_value = function(*([one] if states else []), *arguments)
        value = function.py_func(*([two] if states else []), *arguments)
        np.testing.assert_allclose(value, expected_value, rtol=1e-12)
    rows = arrays([0, 3], [0, 4], [6, 6], [2, 1], DONATIONS)
    compiled, interpreted = np.empty((1, 5)), np.empty((1, 5))
    kernels.likelihood_sums(0, 1, 64, *rows, compiled)
    kernels.likelihood_sums.py_func(0, 1, 64, *rows, interpreted)
    np.testing.assert_allclose(interpreted, compiled, rtol=1e-13, atol=1e-13)
