"""Run lengths against the tables in print, against Markov chains on a grid, and against simulated charts."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from crmkit.smoothing import _run_lengths as module
from crmkit.smoothing._run_lengths import (
    cusum_interval,
    cusum_run_length,
    ewma_limit,
    ewma_run_length,
    shortest_cusum,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "smoothing_charts.json").read_text(encoding="utf-8"))


# -- oracles: the statistic moves on a grid of cells ---------------------------------------------


def naive_ewma(alpha: float, limit: float, shift: float, cells: int, steps: int = 0) -> float:
    """Run length by cells; the first `steps` times have limits of their own, and cells outside them are alarms."""
    width = limit * math.sqrt(alpha / (2 - alpha))
    edges = np.linspace(-width, width, cells + 1)
    middles = (edges[1:] + edges[:-1]) / 2

    def moves(start, edges):
        reached = norm.cdf((edges - (1 - alpha) * np.reshape(start, (-1, 1))) / alpha - shift)
        return np.diff(reached, axis=1)

    length = np.linalg.solve(np.eye(cells) - moves(middles, edges), np.ones(cells))
    total, places, mass = 0.0, np.zeros(1), np.ones(1)
    for step in range(1, steps + 1):
        total += mass.sum()
        own = edges * math.sqrt(1 - (1 - alpha) ** (2 * step))
        mass = mass @ moves(places, own)
        places = (own[1:] + own[:-1]) / 2
    total += mass.sum()
    return float(total + mass @ moves(places, edges) @ length)


def naive_cusum(k: float, h: float, shift: float, cells: int) -> float:
    """Brook and Evans (1972): cell 0 is half as wide, around zero."""
    step = 2 * h / (2 * cells - 1)
    places = np.arange(cells) * step

    def one_side(shift):
        upper = norm.cdf(places[None, :] + step / 2 - places[:, None] + k - shift)
        moves = np.diff(upper, axis=1, prepend=0.0)
        return np.linalg.solve(np.eye(cells) - moves, np.ones(cells))[0]

    return float(1 / (1 / one_side(shift) + 1 / one_side(-shift)))


def extrapolated(values: list[float]) -> float:
    """Halving the cells takes three quarters of the error away."""
    coarse, fine = values
    return fine + (fine - coarse) / 3


# -- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", GOLDEN["ewma_run_lengths"]["rows"])
def test_ewma_table(row):
    alpha, limit, in_control, one_sigma = row
    # The table's last digit is that of a chain of finitely many cells.
    assert ewma_run_length(alpha, limit, exact=False) == pytest.approx(in_control, abs=0.15)
    if one_sigma is not None:
        assert round(ewma_run_length(alpha, limit, 1.0, exact=False), 1) == one_sigma


@pytest.mark.parametrize("row", GOLDEN["cusum_run_lengths"]["rows"])
def test_cusum_table(row):
    h, in_control, one_sigma = row
    k = GOLDEN["cusum_run_lengths"]["k"]
    assert round(cusum_run_length(k, h), 1) == in_control
    assert round(cusum_run_length(k, h, 1.0), 1) == one_sigma


# -- chains -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 0.7, 3.0])
@pytest.mark.parametrize(("alpha", "limit"), [(0.05, 2.615), (0.1, 2.7), (0.4, 3.054), (0.9, 2.5), (1.0, 3.0)])
def test_ewma_is_that_of_a_chain(alpha, limit, shift):
    chain = extrapolated([naive_ewma(alpha, limit, shift, cells) for cells in (200, 400)])
    assert ewma_run_length(alpha, limit, shift, exact=False) == pytest.approx(chain, rel=2e-5)


@pytest.mark.parametrize("shift", [0.0, -0.7, 2.0])
@pytest.mark.parametrize(("alpha", "limit"), [(0.1, 2.7), (0.3, 2.0), (0.8, 2.9)])
def test_ewma_with_exact_limits_is_that_of_a_chain(alpha, limit, shift):
    chain = extrapolated([naive_ewma(alpha, limit, shift, cells, steps=60) for cells in (150, 300)])
    assert ewma_run_length(alpha, limit, shift, exact=True) == pytest.approx(chain, rel=5e-5)


@pytest.mark.parametrize("shift", [0.0, -0.5, 1.5])
@pytest.mark.parametrize(("k", "h"), [(0.5, 4.0), (0.5, 0.3), (0.25, 8.0), (1.5, 1.2)])
def test_cusum_is_that_of_a_chain(k, h, shift):
    chain = extrapolated([naive_cusum(k, h, shift, cells) for cells in (200, 400)])
    assert cusum_run_length(k, h, shift) == pytest.approx(chain, rel=1e-3)


@pytest.mark.parametrize("exact", [False, True])
def test_more_nodes_change_nothing(monkeypatch, exact):
    def lengths():
        found = [ewma_run_length(alpha, 2.8, 0.5, exact=exact) for alpha in (0.02, 0.1, 0.5, 1.0)]
        return found + [cusum_run_length(k, h, 0.5) for k, h in ((0.1, 12.0), (0.5, 5.0), (2.0, 0.5))]

    few = lengths()
    original = module._nodes
    monkeypatch.setattr(module, "_nodes", lambda half: original(2.0 * half + 10.0))
    np.testing.assert_allclose(few, lengths(), rtol=1e-9)


# -- simulation ---------------------------------------------------------------------------------


def simulated(runs: int, longest: int, alarms) -> tuple[float, float]:
    """Mean run length and its standard error, of charts that are all followed to their end."""
    rng = np.random.default_rng(0)
    alive, lengths = np.arange(runs), np.zeros(runs)
    state = None
    for time in range(1, longest + 1):
        state, alarm = alarms(rng.standard_normal(len(alive)), state, time)
        lengths[alive[alarm]] = time
        alive, state = alive[~alarm], [part[~alarm] for part in state]
        if not len(alive):
            return float(lengths.mean()), float(lengths.std() / math.sqrt(runs))
    raise AssertionError("some charts did not end")


@pytest.mark.parametrize(("alpha", "exact"), [(0.05, True), (0.2, True), (0.2, False)])
def test_simulated_ewma_charts_have_the_run_length_asked_for(alpha, exact):
    limit = ewma_limit(alpha, 60.0, exact=exact)

    def alarms(points, state, time):
        z = alpha * points + (1 - alpha) * (0.0 if state is None else state[0])
        variance = alpha / (2 - alpha) * (1 - (1 - alpha) ** (2 * time) if exact else 1.0)
        return [z], np.abs(z) > limit * math.sqrt(variance)

    mean, error = simulated(20_000, 3_000, alarms)
    assert mean == pytest.approx(60.0, abs=4 * error)
    assert error < 0.6


def test_simulated_cusum_charts_have_the_run_length_asked_for():
    h = cusum_interval(0.5, 60.0)

    def alarms(points, state, time):
        up, down = (0.0, 0.0) if state is None else state
        up, down = np.maximum(0, up + points - 0.5), np.maximum(0, down - points - 0.5)
        return [up, down], np.maximum(up, down) > h

    mean, error = simulated(20_000, 3_000, alarms)
    assert mean == pytest.approx(60.0, abs=4 * error)
    assert error < 0.6


# -- solving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("arl0", [1.1, 2.0, 50.0, 370.0, 1e4, 1e8])
@pytest.mark.parametrize("exact", [False, True])
def test_ewma_limits_have_the_run_length(arl0, exact):
    for alpha in (0.05, 0.3, 1.0):
        assert ewma_run_length(alpha, ewma_limit(alpha, arl0, exact=exact), exact=exact) == pytest.approx(
            arl0, rel=1e-6
        )


@pytest.mark.parametrize("k", [0.1, 0.25, 0.5, 1.0, 2.5])
@pytest.mark.parametrize("times", [1.01, 3.0, 370.0, 1e6])
def test_cusum_intervals_have_the_run_length(k, times):
    arl0 = times * shortest_cusum(k)
    assert cusum_run_length(k, cusum_interval(k, arl0)) == pytest.approx(arl0, rel=1e-6)


def test_a_chart_of_single_points_is_shewharts():
    for exact in (False, True):
        assert ewma_run_length(1.0, 3.0, exact=exact) == pytest.approx(1 / (2 * norm.sf(3)), rel=1e-10)
        assert ewma_run_length(1.0, 3.0, 2.0, exact=exact) == pytest.approx(1 / (norm.sf(1) + norm.cdf(-5)), rel=1e-10)
    assert ewma_limit(1.0, 200.0, exact=True) == pytest.approx(norm.isf(1 / 400), rel=1e-8)


def test_the_shortest_cusum_looks_at_signs_beyond_k():
    assert shortest_cusum(0.5) == pytest.approx(1 / (2 * norm.sf(0.5)))
    assert cusum_run_length(0.5, 1e-9) == pytest.approx(shortest_cusum(0.5), rel=1e-6)


def test_solving_takes_few_run_lengths_and_none_the_second_time(monkeypatch):
    calls = []
    original = module.ewma_run_length

    def counted(*args, **kwargs):
        calls.append(kwargs["exact"])
        return original(*args, **kwargs)

    monkeypatch.setattr(module, "ewma_run_length", counted)
    module.ewma_limit.cache_clear()
    first = module.ewma_limit(0.137, 289.0, exact=True)
    assert calls.count(True) <= 8
    assert len(calls) <= 20
    calls.clear()
    assert module.ewma_limit(0.137, 289.0, exact=True) == first
    assert calls == []


# -- theory -------------------------------------------------------------------------------------

ALPHAS = st.floats(0.03, 1.0)
SHIFTS = st.floats(0.0, 4.0)


@settings(max_examples=40, deadline=None)
@given(ALPHAS, st.floats(0.5, 3.5), SHIFTS)
def test_ewma_run_lengths_obey_theory(alpha, limit, shift):
    exact = ewma_run_length(alpha, limit, shift, exact=True)
    steady = ewma_run_length(alpha, limit, shift, exact=False)
    assert 1.0 <= exact <= steady * (1 + 1e-4)  # early limits are narrower
    assert ewma_run_length(alpha, limit, -shift, exact=True) == pytest.approx(exact, rel=1e-9)
    assert ewma_run_length(alpha, 1.1 * limit, shift, exact=True) > exact - 1e-9
    assert ewma_run_length(alpha, limit, shift + 0.5, exact=True) < exact + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 2.0), st.floats(0.1, 6.0), SHIFTS)
def test_cusum_run_lengths_obey_theory(k, h, shift):
    length = cusum_run_length(k, h, shift)
    assert length >= 1.0
    assert cusum_run_length(k, h, -shift) == pytest.approx(length, rel=1e-9)
    assert cusum_run_length(k, 1.1 * h, shift) > length - 1e-9
    assert cusum_run_length(1.1 * k, h, 0.0) > cusum_run_length(k, h, 0.0)
    assert cusum_run_length(k, h, shift + 0.5) < length + 1e-9


def test_beyond_floats_it_is_infinite():
    assert ewma_run_length(0.2, 12.0, exact=True) == math.inf
    assert ewma_run_length(0.2, 12.0, exact=False) == math.inf
    assert cusum_run_length(2.0, 30.0) == math.inf
    assert ewma_run_length(0.2, 3.0, 60.0, exact=True) == pytest.approx(1.0)
    assert cusum_run_length(0.5, 5.0, 60.0) == pytest.approx(1.0)
