from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit._periods import frequency
from crmkit.exceptions import ParameterError
from crmkit.forecast._lag_plan import STATISTICS, LagPlan, read_lag_plan
from crmkit.forecast._panel import Panel

pytestmark = pytest.mark.kernels

ROLLING = [(statistic, window) for statistic in STATISTICS for window in (2, 3, 7, 12)]
ALPHAS = [0.1, 0.5, 0.75, 1.0]


def plan_of(**options) -> LagPlan:
    return read_lag_plan(owner="LagFeatures", **options)


def panel_of(series, freq="W", first=None, dtype=np.float64) -> Panel:
    """Series that are given one by one, the first of them beginning with period 0."""
    lengths = [len(values) for values in series]
    first = np.zeros(len(series), dtype=np.int64) if first is None else np.asarray(first)
    values = np.concatenate([np.asarray(values, dtype=dtype) for values in series])
    pointers = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    names = ("series", "time", "value")
    return Panel(np.arange(len(series)), pointers, first, values, frequency(freq, "tests"), names, "pandas")


def naive_statistic(statistic, window):
    if any(math.isnan(value) for value in window):
        return math.nan
    if statistic in ("mean", "sum"):
        return math.fsum(window) / (len(window) if statistic == "mean" else 1)
    if statistic == "std":
        mean = math.fsum(window) / len(window)
        return math.sqrt(math.fsum((value - mean) ** 2 for value in window) / (len(window) - 1))
    if statistic == "median":
        ordered, half = sorted(window), len(window) // 2
        return ordered[half] if len(window) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return {"min": min, "max": max}[statistic](window)


def naive_average(values, alpha):
    """The average of all values, whose weights shrink by 1 - alpha a period, and whose newest counts alpha at least."""
    level, weight = math.nan, 0.0
    for value in values:
        weight *= 1 - alpha
        if not math.isnan(value):
            level = value if weight == 0 else (weight * level + alpha * value) / (weight + alpha)
            weight = 1.0
    return level


def naive_rows(values, plan):
    """The features of one series, row by row."""
    rows = []
    for t in range(len(values)):
        row = [values[t - lag] if t >= lag else math.nan for lag in plan.lags]
        known = [float(value) for value in values[: max(t - plan.shift + 1, 0)]]
        for statistic, window in plan.rolling:
            row.append(naive_statistic(statistic, known[-window:]) if len(known) >= window else math.nan)
        row += [naive_average(known, alpha) for alpha in plan.ema]
        rows.append(row)
    return np.array(rows, dtype=float).reshape(len(values), len(plan.lag_names))


def naive_matrix(panel, plan):
    parts = np.split(panel.values, panel.pointers[1:-1])
    return np.concatenate([naive_rows(values.tolist(), plan) for values in parts])


def same(actual, expected):
    np.testing.assert_array_equal(actual, expected, strict=True)


numbers = st.one_of(
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.integers(-3, 3).map(float),
    st.just(math.nan),
)
many_series = st.lists(st.lists(numbers, min_size=1, max_size=20), min_size=1, max_size=4)


# ----------------------------------------------------------------------------------- all periods


@given(many_series, st.integers(1, 4))
def test_the_features_are_those_of_a_loop_over_each_series(series, shift):
    plan = plan_of(lags=[shift, shift + 1, shift + 6], rolling=ROLLING, ema=ALPHAS, shift=shift)
    panel = panel_of(series)
    found, expected = plan.matrix(panel), naive_matrix(panel, plan)
    same(np.isnan(found), np.isnan(expected))
    largest = np.nanmax(np.abs(panel.values), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14 * 12 * largest)


def test_exact_where_arithmetic_is():
    plan = plan_of(lags=[1, 2], rolling=[("sum", 2), ("mean", 4), ("std", 2), ("median", 4), ("max", 3)], ema=[0.5])
    panel = panel_of([[3.0, 5.0, 4.0, 8.0, 6.0], [10.0, 20.0, 30.0]])
    n = np.nan
    same(
        plan.matrix(panel),
        np.array(
            [
                [n, n, n, n, n, n, n, n],
                [3, n, n, n, n, n, n, 3],
                [5, 3, 8, n, np.sqrt(2.0), n, n, 4],
                [4, 5, 9, n, np.sqrt(0.5), n, 5, 4],
                [8, 4, 12, 5, np.sqrt(8.0), 4.5, 8, 6],
                [n, n, n, n, n, n, n, n],
                [10, n, n, n, n, n, n, 10],
                [20, 10, 30, n, np.sqrt(50.0), n, n, 15],
            ],
            dtype=float,
        ),
    )


def test_long_series_are_taken_in_stretches():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(9_000)
    values[rng.integers(0, 9_000, 20)] = np.nan
    panel = panel_of([values[:5_000], values[5_000:5_001], values[5_001:]])
    plan = plan_of(lags=[1, 1_500], rolling=[("sum", 700), ("std", 365), ("min", 1_500), ("median", 333)], shift=1)
    expected = naive_matrix(panel, plan)
    for threads in (1, 2, 3):
        np.testing.assert_allclose(plan.matrix(panel, threads=threads), expected, rtol=0, atol=1e-11)


def test_no_digits_are_lost_after_huge_values():
    """A running sum would carry the error of 1e17 along for ever."""
    values = np.concatenate([np.full(50, 1e17), np.random.default_rng(0).random(500)])
    plan = plan_of(rolling=[("sum", 12), ("mean", 5), ("std", 7)])
    panel = panel_of([values])
    found, expected = plan.matrix(panel)[63:], naive_matrix(panel, plan)[63:]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_constant_series_varies_by_nothing():
    panel = panel_of([np.full(60, 0.1)])
    found = plan_of(rolling=[("std", 2), ("std", 7), ("std", 28)], ema=[0.3, 0.9]).matrix(panel)
    same(found[28:], np.tile([0.0, 0.0, 0.0, 0.1, 0.1], (32, 1)))


def test_windows_longer_than_every_series_are_never_full():
    plan = plan_of(lags=[10_000_000], rolling=[(statistic, 10_000_000) for statistic in STATISTICS])
    panel = panel_of([[1.0, 2.0], [3.0]])
    assert np.isnan(plan.matrix(panel)).all()
    recursion = plan.recursion(panel, 2)
    for _ in range(2):
        assert np.isnan(recursion.rows()).all()
        recursion.add(np.ones(2))


def test_a_missing_value_spoils_the_windows_that_hold_it_and_no_other():
    values = np.arange(40.0)
    values[20] = np.nan
    found = plan_of(rolling=ROLLING).matrix(panel_of([values]))
    for column, (_, window) in enumerate(ROLLING):
        spoilt = np.flatnonzero(np.isnan(found[window:, column])) + window
        assert spoilt.tolist() == list(range(21, 21 + window))


def test_an_average_with_a_gap_weighs_what_is_left():
    panel = panel_of([[1.0, np.nan, 5.0, 0.0]])
    same(plan_of(ema=[0.5]).matrix(panel)[:, 0], np.array([np.nan, 1.0, 1.0, 5.0 - 4.0 / 3.0]))


def test_averages_are_those_of_the_smoother():
    from crmkit.smoothing import EMASmoother

    values = np.random.default_rng(0).standard_normal(300)
    for missing in (0, 40):
        values[np.random.default_rng(1).integers(0, 300, missing)] = np.nan
        for alpha in (0.05, 0.3, 0.5, 0.9, 1.0):
            expected = EMASmoother(alpha=alpha).fit_transform(values[None])[0]
            same(plan_of(ema=[alpha]).matrix(panel_of([values]))[1:, 0], expected[:-1])


# ---------------------------------------------------------------------------------- independence


@given(many_series, st.integers(1, 3), st.sampled_from([1e300, -1e300, math.nan]))
def test_no_value_reaches_a_neighbour(series, shift, poison):
    plan = plan_of(lags=[shift, 9], rolling=ROLLING, ema=ALPHAS, shift=shift)
    poisoned = [[poison] * len(values) for values in series]
    for own in range(len(series)):
        mixed = [series[i] if i == own else poisoned[i] for i in range(len(series))]
        alone = plan.matrix(panel_of([series[own]]))
        panel = panel_of(mixed)
        same(plan.matrix(panel)[panel.pointers[own] : panel.pointers[own + 1]], alone)


@given(many_series, st.integers(1, 4), st.data())
def test_no_row_sees_its_own_value_or_a_later_one(series, shift, data):
    plan = plan_of(lags=[shift, 5], rolling=ROLLING, ema=ALPHAS, shift=shift)
    panel = panel_of(series)
    at = data.draw(st.integers(0, len(panel.values) - 1))
    values = panel.values.copy()
    values[at:] = 1e300
    # What is seen of a change are rows of the same series, `shift` places later at the earliest.
    unchanged = slice(0, at + shift)
    other = replace(panel, values=values)
    same(plan.matrix(other)[unchanged], plan.matrix(panel)[unchanged])


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 60, 5_000)
    series = np.split(rng.standard_normal(lengths.sum()), np.cumsum(lengths)[:-1])
    panel = panel_of(series, first=rng.integers(0, 50, 5_000))
    plan = plan_of(lags=[1, 13], rolling=ROLLING, ema=ALPHAS, time_features=["week", ("year", 2)])
    expected = plan.matrix(panel, threads=1)
    for threads in (2, 3, 7):
        same(plan.matrix(panel, threads=threads), expected)


def test_float32_values_give_float32_features_computed_in_float64():
    values = np.random.default_rng(0).random(100).astype(np.float32)
    plan = plan_of(lags=[1], rolling=ROLLING, ema=ALPHAS, time_features=["week"])
    found = plan.matrix(panel_of([values], dtype=np.float32))
    assert found.dtype == np.float32
    same(found, plan.matrix(panel_of([values.astype(float)])).astype(np.float32))


def test_read_only_values_are_not_changed():
    panel = panel_of([[1.0, 2.0, 3.0, 4.0]])
    before = panel.values.copy()
    panel.values.flags.writeable = False
    plan = plan_of(lags=[1], rolling=ROLLING, ema=ALPHAS)
    plan.matrix(panel)
    recursion = plan.recursion(panel, 1)
    recursion.rows()
    recursion.add(np.zeros(1))
    same(panel.values, before)


def test_a_buffer_is_filled_and_its_further_rows_are_left_alone():
    plan = plan_of(lags=[1, 2], rolling=[("mean", 2)], time_features=["week"])
    panel = panel_of([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0]])
    buffer = np.full((7, 6), -7.0)
    found = plan.matrix(panel, out=buffer)
    assert np.shares_memory(found, buffer)
    assert found.flags.f_contiguous
    same(found, plan.matrix(panel))
    same(buffer[4:], np.full((3, 6), -7.0))


def test_what_is_known_ahead_is_that_of_the_later_period():
    plan = plan_of(lags=[1], time_features=["month"])
    panel = panel_of([np.arange(14.0)], freq="M")
    later = plan.matrix(panel, ahead=3)
    same(later[:, 0], plan.matrix(panel)[:, 0])
    assert later[:, 1].tolist() == [4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5]


def test_series_that_are_ages_apart():
    """One table of all periods between them would not fit into memory."""
    panel = panel_of([[1.0, 2.0, 3.0], [4.0, 5.0]], freq="I", first=[0, 10**15])
    plan = plan_of(lags=[1], time_features=["season"], season=4)
    same(plan.matrix(panel)[:, 1], np.array([0.0, 1.0, 2.0, 0.0, 1.0]))
    recursion = plan.recursion(panel, 3)
    assert recursion.rows()[:, 1].tolist() == [3.0, 2.0]
    recursion.add(np.zeros(2))
    assert recursion.rows(ahead=1)[:, 1].tolist() == [1.0, 0.0]


# --------------------------------------------------------------------------------- the next period


@given(many_series, st.integers(1, 4), st.integers(1, 8), st.sampled_from([np.float64, np.float32]), st.data())
def test_the_next_row_has_the_bits_of_the_matrix(series, shift, steps, dtype, data):
    """Go on from the front of each series by the values that follow: the same features, whenever they are made."""
    plan = plan_of(
        lags=[shift, shift + 2, 11],
        rolling=ROLLING,
        ema=ALPHAS,
        shift=shift,
        time_features=["week", "month", ("year", 2)],
        calendar={"date": ["1970-02-01", "1970-02-01", "1970-03-08"], "name": ["春节", "Easter", "春节"]},
    )
    added = [data.draw(st.lists(numbers, min_size=steps, max_size=steps)) for _ in series]
    first = data.draw(st.lists(st.integers(-5, 5), min_size=len(series), max_size=len(series)))
    whole = panel_of([[*old, *new] for old, new in zip(series, added, strict=True)], first=first, dtype=dtype)
    expected, ahead = plan.matrix(whole), plan.matrix(whole, ahead=2)
    ends = whole.pointers[1:] - steps
    recursion = plan.recursion(panel_of(series, first=first, dtype=dtype), steps + 2)
    for step in range(steps):
        found = recursion.rows()
        assert found.dtype == dtype
        same(found, expected[ends + step])
        same(recursion.rows(ahead=2), ahead[ends + step])
        recursion.add(np.array([new[step] for new in added]))


@given(many_series, st.integers(1, 3), st.integers(0, 5))
def test_a_tail_as_long_as_needed_gives_the_same_bits(series, shift, more):
    plan = plan_of(lags=[shift, 5], rolling=ROLLING, shift=shift)
    panel = panel_of(series)
    same(plan.recursion(panel.tail(plan.longest + more), 1).rows(), plan.recursion(panel, 1).rows())


def test_how_long_a_history_is_needed():
    assert plan_of(lags=[3, 13], rolling=[("mean", 4)], shift=2).longest == 13
    assert plan_of(lags=[3], rolling=[("mean", 4)], shift=2).longest == 5
    assert plan_of(ema=[0.3], shift=4).longest == 4
    assert plan_of(time_features=["month"]).longest == 0


def test_a_recursion_leaves_the_plan_and_the_panel_as_they_are():
    plan = plan_of(lags=[1, 2], rolling=[("mean", 2)], ema=[0.5])
    panel = panel_of([[1.0, 2.0, 3.0], [4.0]])
    first = plan.recursion(panel, 5)
    expected = first.rows().copy()
    for _ in range(5):
        first.add(np.array([9.0, 9.0]))
    same(plan.recursion(panel, 5).rows(), expected)
    same(expected, np.array([[3.0, 2.0, 2.5, 2.25], [4.0, np.nan, np.nan, 4.0]]))


# ------------------------------------------------------------------------------------- parameters


def test_names_are_in_order():
    plan = plan_of(
        lags=range(1, 3),
        rolling=(["mean", np.int64(4)],),
        ema=np.array([0.25]),
        time_features=["month", ("season", 1)],
        calendar={"date": ["2024-02-10"], "name": ["春节"]},
    )
    assert plan.lag_names == ("lag_1", "lag_2", "mean_4", "ema_0.25")
    assert plan.names[4:] == ("month", "season_sin_1", "season_cos_1", "春节", "春节_before", "春节_after")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lags": 3}, "'lags' parameter of LagFeatures must be a list of lags .* Got 3 instead. Write \\(3,\\)."),
        ({"lags": "13"}, "'lags' parameter"),
        (
            {"lags": [0]},
            "'lags' parameter of LagFeatures must be an int in the range \\[1, 10000000\\]. Got 0 instead.",
        ),
        ({"lags": [1.0]}, "'lags' parameter"),
        ({"lags": [10**30]}, "'lags' parameter"),
        ({"lags": [1, 2, 1]}, "'lags' parameter of LagFeatures makes columns of one name: \\['lag_1'\\]"),
        ({"lags": [1, 3], "shift": 2}, "'lags' .* at least shift=2.* not known with that shift"),
        ({"shift": 0}, "'shift' parameter"),
        ({"rolling": ("mean", 4)}, "'rolling' .* 'mean' is no such pair"),
        ({"rolling": [("mean", 0)]}, "'rolling' parameter of LagFeatures must be an int in the range \\[1"),
        ({"rolling": [("std", 1)]}, "'rolling' parameter of LagFeatures must be an int in the range \\[2"),
        ({"rolling": [("mode", 4)]}, "'rolling' .*{'mean', 'sum', 'std', 'min', 'max', 'median'}"),
        ({"rolling": {"mean": 4}}, "'rolling' parameter"),
        ({"ema": 0.3}, "'ema' .* Write \\(0.3,\\)"),
        ({"ema": [0.0]}, "'ema' parameter of LagFeatures must be a finite float in the range \\(0, 1\\]"),
        ({"ema": [0.3, 0.3]}, "'ema' parameter of LagFeatures makes columns of one name"),
        ({"season": 0}, "'season' parameter"),
        (
            {"lags": [1], "calendar": {"date": ["2024-01-01"], "name": ["lag_1"]}},
            "'calendar' .* Name these dates other",
        ),
    ],
)
def test_what_is_refused(options, said):
    with pytest.raises(ParameterError, match=said):
        plan_of(**options)
