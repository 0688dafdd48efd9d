"""The tabulated likelihood of Pareto/NBD against the exact one, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit._numba import run_in_ranges
from crmkit.value import ParetoNBD, _pareto
from crmkit.value import _pareto_kernels as exact
from crmkit.value import _pareto_table_kernels as tables
from crmkit.value._rows import Rows, frozen


def histories(n, seed, spread=1.0):
    """Customers with many repeats in common, and some whose number of repeats is their own."""
    rng = np.random.default_rng(seed)
    T = rng.uniform(20 - 19 * spread, 20 + 19 * spread, n)
    x = np.sort(rng.poisson(rng.gamma(0.7, 3.0, n))).astype(float)
    x[-3:] = [90, 400, 401]
    t_x = np.where(x > 0, T * rng.uniform(0, 1, n) ** (1 / np.maximum(x, 1)), 0.0)
    return Rows(*map(frozen, (x, t_x, T, rng.integers(1, 4, n).astype(float))))


def one_by_one(rows, parameters):
    r, alpha, s, beta = parameters
    columns = zip(rows.x, rows.t_x, rows.T, strict=True)
    found = [exact.log_likelihood_and_slopes(x, t_x, T, r, alpha, s, beta) for x, t_x, T in columns]
    return rows.weight @ np.array(found), np.abs(rows.weight @ np.abs(found))


def sums(rows, parameters):
    model = ParetoNBD()
    model._spread = np.empty(0)
    value, slopes = model._sums(rows, frozen(np.asarray(parameters, dtype=float)))
    return np.append(value, slopes)


@pytest.mark.parametrize(
    "parameters",
    [
        (0.55, 10.6, 0.6, 11.7),
        (0.55, 11.0, 0.6, 11.0),
        (2.0, 500.0, 0.4, 0.01),
        (0.01, 0.004, 1.0, 40.0),
        (300.0, 1e3, 20.0, 3.0),
        (1e-3, 1e4, 1e4, 1e-3),
        *10 ** np.random.default_rng(5).uniform(-3, 4, (12, 4)),
    ],
)
def test_tables_are_exact(parameters):
    rows = histories(3000, 1)
    expected, size = one_by_one(rows, parameters)
    assert sums(rows, parameters) == pytest.approx(expected, rel=0, abs=1e-11 * size.max())


def test_times_that_hardly_differ():
    rows = histories(600, 2, spread=1e-9)
    expected, size = one_by_one(rows, (0.55, 1e4, 0.6, 2e4))
    assert sums(rows, (0.55, 1e4, 0.6, 2e4)) == pytest.approx(expected, rel=0, abs=1e-11 * size.max())
    same = Rows(*map(frozen, (np.zeros(50), np.zeros(50), np.zeros(50), np.ones(50))))
    assert sums(same, (0.5, 3.0, 0.6, 2.0)) == pytest.approx(np.zeros(5), abs=1e-12)
    bought = Rows(*map(frozen, (np.ones(50), np.full(50, 7.0), np.full(50, 7.0), np.ones(50))))
    assert sums(bought, (0.5, 3.0, 0.6, 2.0)) == pytest.approx(one_by_one(bought, (0.5, 3.0, 0.6, 2.0))[0], rel=1e-12)


def test_threads_change_no_bit(monkeypatch):
    rows, at = histories(40_000, 3), (0.55, 10.6, 0.6, 11.7)
    found = []
    for threads in (1, 2, 3):

        def run(function, n, *args, minimum=1, threads=threads):
            return run_in_ranges(function, n, *args, threads=threads, minimum=1)

        monkeypatch.setattr(_pareto, "run_in_ranges", run)
        found.append(sums(rows, at))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 100, 1024, 1025])
def test_each_piece_is_worked_on_once(n):
    assert sorted(tables.in_rounds(position, n) for position in range(n)) == list(range(n))


def test_groups_and_pieces():
    x = np.array([0.0, 0, 0, 1, 1, 2])
    z = np.array([[0.0], [0], [1], [1], [1], [1]])
    T, t_x = np.arange(6) + 10.0, np.arange(6) + 0.5
    edges, low, high = np.empty(7, dtype=np.int64), np.empty(6), np.empty(6)
    n = tables.groups(x, t_x, T, z, np.empty((6, 0)), edges, low, high)
    assert edges[: n + 1].tolist() == [0, 2, 3, 5, 6]
    assert low[:n].tolist() == [0.5, 2.5, 3.5, 5.5]
    assert high[:n].tolist() == [11.0, 12.0, 14.0, 15.0]
    long = np.array([0, 3, 3 + 2 * tables.PIECE + 1], dtype=np.int64)
    begins, ends, group_of = (np.empty(9, dtype=np.int64) for _ in range(3))
    n = tables.pieces(long, begins, ends, group_of)
    assert (ends[:n] - begins[:n]).tolist() == [3, tables.PIECE, tables.PIECE, 1]
    assert group_of[:n].tolist() == [0, 1, 1, 1]


def test_polynomials_are_those_of_chebyshev():
    out = np.empty(tables.ORDER)
    for z in (-1.0, -0.3, 0.0, 0.9, 1.0):
        tables._polynomials(z, out)
        assert out == pytest.approx(np.polynomial.chebyshev.chebvander(z, tables.ORDER - 1)[0], abs=1e-14)


def test_plain_python_gives_the_same(monkeypatch):
    rows, at = histories(60, 4), (0.55, 10.6, 0.6, 11.7)
    compiled = sums(rows, at)
    for name in (
        "groups",
        "pieces",
        "plan",
        "fill",
        "add_up",
        "_tabulate",
        "_add_tabulated",
        "_polynomials",
        "_series",
    ):
        monkeypatch.setattr(tables, name, getattr(tables, name).py_func)
    assert sums(rows, at) == pytest.approx(compiled, rel=1e-13)
