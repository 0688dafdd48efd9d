"""Targets of forecasts against loops over single series: there and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.forecast._targets import TARGETS, levels, levels_before, target

MODELLED = [name for name in TARGETS if name is not None]


def level_by_loops(values):
    known = [abs(value) for value in values if not math.isnan(value)]
    level = sum(known) / len(known) if known else 0.0
    return level if level >= 2.2250738585072014e-308 else 0.0


def forward_by_loops(name, values, season):
    """One series, value by value."""
    if name in (None, "scale"):
        return list(values)
    if name.startswith("log"):
        values = [math.log1p(value) for value in values]
    if name == "log":
        return values
    lag = season if "seasonal" in name else 1
    return [values[i] - values[i - lag] if i >= lag else math.nan for i in range(len(values))]


def back_by_loops(name, said, history, season):
    """Forecasts of one series, step by step; what is missing is looked for a lag earlier, again and again."""
    if name in (None, "scale"):
        return list(said)
    path = [math.log1p(value) for value in history] if name.startswith("log") else list(history)
    if name != "log":
        lag = season if "seasonal" in name else 1
        for change in said:
            position = len(path) - lag
            while position >= 0 and math.isnan(path[position]):
                position -= lag
            path.append(path[position] + change if position >= 0 else math.nan)
    else:
        path.extend(said)
    path = path[len(history) :]
    return [math.expm1(value) for value in path] if name.startswith("log") else path


def panel(series):
    pointers = np.cumsum([0, *map(len, series)])
    return np.array([value for values in series for value in values], dtype=np.float64), pointers


amounts = st.floats(0, 1e6).map(lambda value: value if value > 1e-200 else 0.0)
demand = st.one_of(amounts, st.integers(0, 20).map(float), st.just(math.nan))
panels = st.lists(st.lists(demand, max_size=12), min_size=1, max_size=5)


@pytest.mark.parametrize("name", TARGETS)
@given(series=panels, season=st.integers(1, 5))
def test_forward_is_the_loop_over_each_series(name, series, season):
    found = target(name, season).forward(*panel(series))
    wanted = [value for values in series for value in forward_by_loops(name, values, season)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", TARGETS)
@given(
    series=panels,
    season=st.integers(1, 5),
    said=st.lists(st.floats(-3, 3), min_size=1, max_size=8),
)
def test_back_is_the_loop_over_each_series(name, series, season, said):
    values, pointers = panel(series)
    found = target(name, season).back(np.tile(said, (len(series), 1)), values, pointers)
    for row, history in zip(found, series, strict=True):
        np.testing.assert_allclose(row, back_by_loops(name, said, history, season), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MODELLED)
@given(
    values=st.lists(st.floats(0, 1000), min_size=12, max_size=20),
    season=st.integers(1, 6),
    steps=st.integers(1, 6),
)
def test_what_was_made_of_the_values_leads_back_to_them(name, values, season, steps):
    values = np.array(values)
    history, pointers = values[:-steps], np.array([0, len(values) - steps])
    modelled = target(name, season)
    said = modelled.forward(values, np.array([0, len(values)]))[-steps:]
    found = modelled.back(said[None, :], history, pointers)
    np.testing.assert_allclose(found[0], values[-steps:], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("name", TARGETS)
def test_reach_is_what_is_needed(name):
    modelled = target(name, 4)
    values = np.arange(1.0, 12.0) ** 2
    found = modelled.forward(values, np.array([0, 11]))
    assert np.isnan(found[: modelled.reach]).all()
    assert np.isfinite(found[modelled.reach :]).all()
    short = np.arange(1.0, modelled.reach + 1)
    assert np.isfinite(modelled.back(np.zeros((1, 6)), short, np.array([0, len(short)]))).all()


@pytest.mark.parametrize("name", TARGETS)
def test_no_series_sees_its_neighbours(name):
    rng = np.random.default_rng(0)
    series = [rng.poisson(5, n).astype(float) for n in (7, 9, 1, 8)]
    said = rng.normal(size=(4, 3))
    modelled = target(name, 3)
    values, pointers = panel(series)
    forward, back = modelled.forward(values, pointers), modelled.back(said, values, pointers)
    for poison in (math.nan, 1e200):
        poisoned = [np.full_like(series[0], poison), series[1], np.full_like(series[2], poison), series[3]]
        values, _ = panel(poisoned)
        for i in (1, 3):
            inside = slice(pointers[i], pointers[i + 1])
            np.testing.assert_array_equal(modelled.forward(values, pointers)[inside], forward[inside])
            np.testing.assert_array_equal(modelled.back(said, values, pointers)[i], back[i])


def test_values_are_not_changed_and_float32_stays():
    values = np.array([1, 2, 4, 8], dtype=np.float32)
    values.flags.writeable = False
    pointers = np.array([0, 4])
    for name in TARGETS:
        assert target(name, 2).forward(values, pointers).dtype == np.float32
        assert target(name, 2).back(np.zeros((1, 2)), values, pointers).dtype == np.float64


@given(series=panels)
def test_levels_are_the_loop_over_what_is_before(series):
    values, pointers = panel(series)
    np.testing.assert_allclose(levels(values, pointers), [level_by_loops(values) for values in series], rtol=1e-12)
    wanted = [level_by_loops(values[:at]) for values in series for at in range(len(values))]
    np.testing.assert_allclose(levels_before(values, pointers), wanted, rtol=1e-12)


def test_level_of_a_series_without_demand_is_zero():
    values, pointers = panel([[0.0, 0.0], [], [math.nan], [2.0, math.nan, -4.0], [0.0, 5e-324]])
    np.testing.assert_array_equal(levels(values, pointers), [0, 0, 0, 3, 0])
    np.testing.assert_array_equal(levels_before(values, pointers), [0, 0, 0, 0, 2, 2, 0, 0])
