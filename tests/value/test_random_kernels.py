"""Draws follow the distributions that they are named after; seeds are fixed, so no test fails by chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from crmkit._numba import kernel
from crmkit.value import _random_kernels as random_kernels
from crmkit.value._random_kernels import (
    beta,
    exponential,
    gamma,
    geometric,
    log_gamma_variate,
    mixed_seed,
    next_bits,
    normal,
    poisson,
    row_seed,
    uniform,
)

_N = 100_000


@kernel
def _fill_plain(which, state, out):
    for i in range(len(out)):
        if which == 0:
            out[i] = uniform(state)
        elif which == 1:
            out[i] = exponential(state)
        else:
            out[i] = normal(state)


@kernel
def _fill_shaped(which, shape, state, out):
    for i in range(len(out)):
        if which == 0:
            out[i] = gamma(state, shape)
        elif which == 1:
            out[i] = log_gamma_variate(state, shape)
        elif which == 2:
            out[i] = poisson(state, shape)
        else:
            out[i] = geometric(state, shape, 1.0 - shape)


@kernel
def _fill_beta(a, b, state, p, q):
    for i in range(len(p)):
        p[i], q[i] = beta(state, a, b)


def new_state(seed=1):
    return np.array([seed], dtype=np.uint64)


def plain(name, n=_N, seed=1):
    out = np.empty(n)
    _fill_plain(["uniform", "exponential", "normal"].index(name), new_state(seed), out)
    return out


def shaped(name, shape, n=_N, seed=1):
    out = np.empty(n)
    _fill_shaped(["gamma", "log_gamma", "poisson", "geometric"].index(name), float(shape), new_state(seed), out)
    return out


def betas(a, b, n=_N):
    p, q = np.empty(n), np.empty(n)
    _fill_beta(float(a), float(b), new_state(), p, q)
    return p, q


@pytest.mark.parametrize(
    ("name", "law"), [("uniform", stats.uniform), ("exponential", stats.expon), ("normal", stats.norm)]
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_plain_draws_follow_their_law(name, law, seed):
    draws = plain(name, seed=seed)
    assert stats.kstest(draws, law.cdf).pvalue > 1e-3
    assert np.std(draws) == pytest.approx(law.std(), rel=0.01)
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 4 / math.sqrt(_N)


def test_the_tail_of_the_normal_is_there():
    draws = np.abs(plain("normal", 4_000_000))
    for edge in (3.0, 3.6541528853610088, 4.2):
        expected = 4_000_000 * 2 * stats.norm.sf(edge)
        assert abs((draws > edge).sum() - expected) < 4 * math.sqrt(expected)
    # The two sides of each layer's edge: a wrong table shows as a step.
    counts, edges = np.histogram(draws, bins=np.linspace(0, 3.8, 381))
    expected = 4_000_000 * 2 * np.diff(stats.norm.cdf(edges))
    assert stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), len(counts)) > 1e-3


def _state_before(bits):
    """The state whose next bits are these: the hash run backwards."""
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        unshifted = bits
        for _ in range(64 // shift + 1):
            unshifted = bits ^ (unshifted >> shift)
        bits = unshifted * pow(factor, -1, 2**64) & mask
    return new_state((bits - golden) & mask)


def test_uniform_is_never_zero_or_one():
    assert int(next_bits(_state_before(12345))) == 12345
    assert uniform(_state_before(0)) == 2.0**-53
    assert uniform(_state_before(2**64 - 1)) == 1.0 - 2.0**-53


def test_generator_gives_the_published_numbers():
    # SplitMix64 from the seed 1234567, as printed by Vigna's reference program.
    state = new_state(1234567)
    assert [int(next_bits(state)) for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@pytest.mark.parametrize("shape", [1e-3, 0.02, 0.3, 0.9999, 1.0, 1.5, 7.0, 300.0, 1e5])
def test_gamma_follows_its_law(shape):
    logs = shaped("log_gamma", shape)
    if shape < 1:
        # P(log X <= t) = P(X <= e^t), which for small shapes is x^shape / Gamma(shape + 1) down to nothing.
        small = np.exp(shape * logs - math.lgamma(shape + 1))
        exact = np.where(logs < -30, small, stats.gamma.cdf(np.exp(np.maximum(logs, -700)), shape))
        assert stats.kstest(exact, "uniform").pvalue > 1e-3
        assert np.isfinite(logs).all()
    draws = shaped("gamma", shape, seed=2)
    assert stats.kstest(draws[draws > 0], lambda x: _above_zero(x, shape)).pvalue > 1e-3
    assert draws.mean() == pytest.approx(shape, abs=5 * math.sqrt(shape / _N))


def _above_zero(x, shape):
    """Distribution of the variates that a float can tell from zero."""
    none = math.exp(shape * math.log(5e-324) - math.lgamma(shape + 1))
    return (stats.gamma.cdf(x, shape) - none) / (1 - none)


def test_gamma_is_zero_no_more_often_than_it_must():
    draws = shaped("gamma", 1e-3)
    must = math.exp(1e-3 * math.log(2.5e-324) - math.lgamma(1.001))
    assert (draws == 0).mean() == pytest.approx(must, abs=4 * math.sqrt(must / _N))


@pytest.mark.parametrize(
    ("a", "b"), [(1e-3, 1e-3), (0.5, 0.5), (0.02, 3.0), (1.0, 1.0), (2.0, 5.0), (1e4, 2e4), (1e-2, 1e4), (1e5, 0.7)]
)
def test_beta_follows_its_law_on_both_sides(a, b):
    p, q = betas(a, b)
    assert ((p >= 0) & (q >= 0)).all()
    np.testing.assert_allclose(p + q, 1.0, rtol=3e-16)
    for draws, law in ((p, stats.beta(a, b)), (q, stats.beta(b, a))):
        assert draws.mean() == pytest.approx(law.mean(), abs=5 * law.std() / math.sqrt(_N))
        # Next to zero many underflow, next to one doubles are few; from one half up the other side is looked at.
        low, high = law.cdf([1e-300, 0.5])
        inside = draws[(draws > 1e-300) & (draws <= 0.5)]
        assert len(inside) / _N == pytest.approx(high - low, abs=5 / math.sqrt(_N))
        if len(inside) > 100:
            share = (law.cdf(inside) - low) / (high - low)
            assert stats.kstest(share, "uniform").pvalue > 1e-3


def test_beta_keeps_the_small_side():
    _, q = betas(1e6, 1.0, 20_000)
    assert stats.kstest(q, stats.beta(1.0, 1e6).cdf).pvalue > 1e-3
    p, q = betas(1e-3, 50.0, 20_000)
    assert p[p > 0].min() < 1e-250
    assert (q[p < 1e-17] == 1).all()


@pytest.mark.parametrize("mean", [0.01, 0.7, 3.0, 9.99, 10.0, 12.5, 47.0, 300.0, 1e4])
def test_poisson_follows_its_law(mean):
    draws = shaped("poisson", mean)
    law = stats.poisson(mean)
    low, high = int(law.ppf(1e-4)), int(law.ppf(1 - 1e-4))
    step = max(1, (high - low) // 60)
    edges = np.arange(low, high + step, step)
    cells = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    counts = np.bincount(np.searchsorted(edges, draws), minlength=len(cells))
    often = cells * _N >= 5
    chi_square = ((counts - cells * _N) ** 2 / (cells * _N))[often].sum()
    assert stats.chi2.sf(chi_square, often.sum() - 1) > 1e-3


def test_poisson_of_large_means():
    for mean in (1e6, 1e9):
        z = (shaped("poisson", mean) - mean) / math.sqrt(mean)
        assert stats.kstest(z, "norm").pvalue > 1e-3
    assert poisson(new_state(), 0.0) == 0
    assert poisson(new_state(), 5e-324) == 0


@pytest.mark.parametrize("mean", [10.0, 33.0, 1e5])
def test_log_poisson_is_exact(mean):
    for k in (0, 1, 9, 10, 11, int(mean), int(mean * 1.3)):
        exact = stats.poisson.logpmf(k, mean)
        assert random_kernels._log_poisson(float(k), mean) == pytest.approx(exact, rel=1e-11, abs=1e-9)


@pytest.mark.parametrize("p", [1e-3, 0.2, 0.5, 0.9])
def test_geometric_follows_its_law(p):
    draws = shaped("geometric", p)
    law = stats.geom(p, loc=-1)
    edges = np.unique(law.ppf(np.linspace(0.05, 0.95, 19)))
    cells = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    counts = np.bincount(np.searchsorted(edges, draws), minlength=len(cells))
    keep = cells > 1e-12
    assert stats.chi2.sf(((counts - cells * _N) ** 2 / (cells * _N))[keep].sum(), keep.sum() - 1) > 1e-3


def test_geometric_at_its_ends():
    assert geometric(new_state(), 1.0, 0.0) == 0.0
    assert geometric(new_state(), 1.0, 1e-300) == 0.0
    assert geometric(new_state(), 0.0, 1.0) == math.inf
    assert 1e290 < geometric(new_state(), 1e-300, 1.0) < math.inf


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_impossible_parameters_come_back_as_such(bad):
    assert math.isnan(gamma(new_state(), bad))
    assert math.isnan(log_gamma_variate(new_state(), bad))
    assert all(math.isnan(number) for number in beta(new_state(), bad, 2.0))
    if bad != 0.0:
        assert poisson(new_state(), bad) == -1


def test_seeds_depend_on_content_alone():
    rows = np.random.default_rng(0).normal(size=(2000, 3))
    seeds = [int(row_seed(7, *row)) for row in rows]
    assert seeds == [int(row_seed(7, *row)) for row in rows]
    assert row_seed(7, 0.0, -0.0, 1.0) == row_seed(7, -0.0, 0.0, 1.0)
    # Grids of small numbers, seeds and places next to each other: all different.
    grid = {int(row_seed(s, a, b, c)) for s in range(3) for a in range(12) for b in range(12) for c in range(12)}
    assert len(grid) == 3 * 12**3
    assert len({int(mixed_seed(s, k)) for s in range(100) for k in range(100)}) == 10_000


def test_neighbouring_rows_have_independent_draws():
    firsts = np.array([uniform(new_state(row_seed(1, float(x), 0.0, 39.0))) for x in range(20_000)])
    assert stats.kstest(firsts, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(firsts[:-1], firsts[1:])[0, 1]) < 4 / math.sqrt(len(firsts))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("uniform", ()),
        ("exponential", ()),
        ("normal", ()),
        ("_outside", (np.uint64(0), 3.7)),
        ("_outside", (np.uint64(9), 2.9)),
        ("gamma", (0.4,)),
        ("gamma", (4.0,)),
        ("_gamma_from_one", (1.2,)),
        ("log_gamma_variate", (1e-3,)),
        ("log_gamma_variate", (3.0,)),
        ("beta", (0.1, 3.0)),
        ("beta", (2.0, 3.0)),
        ("poisson", (2.0,)),
        ("poisson", (15.0,)),
        ("_poisson_from_ten", (12.0,)),
        ("geometric", (0.3, 0.7)),
        ("geometric", (0.7, 0.3)),
    ],
)
def test_plain_python_gives_the_same(name, parameters):
    function = getattr(random_kernels, name)
    compiled, interpreted = new_state(11), new_state(11)
    with np.errstate(over="ignore"):  # the counter wraps around; numpy says so of scalars
        for _ in range(300):
            expected = function(compiled, *parameters)
            # A compiler may join a product and a sum into one rounding.
            assert function.py_func(interpreted, *parameters) == pytest.approx(expected, rel=1e-14)
            assert interpreted[0] == compiled[0]


def test_hashes_in_plain_python_are_the_same():
    with np.errstate(over="ignore"):
        for name, arguments in (("mix", (np.uint64(5),)), ("mixed_seed", (3, 9)), ("row_seed", (3, 1.5, 0.0, 39.0))):
            function = getattr(random_kernels, name)
            assert function.py_func(*arguments) == function(*arguments)
        state, other = new_state(2**64 - 5), new_state(2**64 - 5)
        assert next_bits(state) == next_bits.py_func(other)
    for k in (3.0, 12.0):
        function = random_kernels._log_poisson
        assert function.py_func(k, 11.0) == pytest.approx(function(k, 11.0), rel=1e-14)
