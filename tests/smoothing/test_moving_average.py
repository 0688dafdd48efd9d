"""MovingAverageSmoother against plain windows, pandas, and what must hold of every statistic of a window."""

from __future__ import annotations

import itertools
import math
import pickle
import statistics

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from crmkit.exceptions import ParameterError
from crmkit.smoothing import MovingAverageSmoother

pytestmark = pytest.mark.kernels

STATISTICS = ("mean", "sum", "median", "min", "max", "std")
REDUCED = {
    "mean": lambda known: math.fsum(known) / len(known),
    "sum": math.fsum,
    "median": statistics.median,
    "min": min,
    "max": max,
    "std": lambda known: statistics.stdev(known) if len(known) > 1 else math.nan,
}


def naive(row, window, statistic="mean", center=False, min_periods=None):
    """Each window anew, by the standard library."""
    ahead = (window - 1) // 2 if center else 0
    out = []
    for t in range(len(row)):
        held = row[max(t + ahead - window + 1, 0) : max(t + ahead + 1, 0)]
        known = [float(value) for value in held if not math.isnan(value)]
        least = window if min_periods is None else min_periods
        if len(known) < least or (not known and statistic != "sum"):
            out.append(math.nan)
        else:
            out.append(REDUCED[statistic](known))
    return out


def naive_halves(row, window, statistic, min_periods):
    """Centred even windows: one value more, and half of the first and the last."""
    out = []
    for t in range(len(row)):
        terms, weights = [], []
        for place in range(t - window // 2, t + window // 2 + 1):
            if 0 <= place < len(row) and not math.isnan(row[place]):
                weights.append(0.5 if abs(place - t) == window // 2 else 1.0)
                terms.append(weights[-1] * row[place])
        enough = math.fsum(weights) >= (window if min_periods is None else min_periods)
        if not enough or (statistic == "mean" and not terms):
            out.append(math.nan)
        else:
            out.append(math.fsum(terms) / (math.fsum(weights) if statistic == "mean" else 1.0))
    return out


def smoothed(X, window, **parameters):
    return MovingAverageSmoother(window, **parameters).fit_transform(np.asarray(X))


def table(n_series=4, n_times=40, gaps=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_series, n_times)) * 10
    X[rng.random(X.shape) < gaps] = np.nan
    return X


# ----------------------------------------------------------------------------------- against oracles


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("gaps", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("window", [1, 2, 3, 6, 7, 20, 39, 40, 41, 79, 80, 600])
def test_plain_windows(window, gaps, statistic):
    X = table(gaps=gaps)
    least = sorted({None, 0, 1, 2, window} - {2 if window < 2 else -1}, key=str)
    for center, min_periods in itertools.product((False, True) if window % 2 else (False,), least):
        got = smoothed(X, window, statistic=statistic, center=center, min_periods=min_periods)
        expected = [naive(row, window, statistic, center, min_periods) for row in X]
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("statistic", ["mean", "sum"])
@pytest.mark.parametrize("gaps", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("window", [2, 4, 6, 12, 40, 42, 80, 600])
def test_centred_even_windows(window, gaps, statistic):
    X = table(gaps=gaps)
    for min_periods in (None, 0, 1, 2, window):
        got = smoothed(X, window, statistic=statistic, center=True, min_periods=min_periods)
        expected = [naive_halves(row, window, statistic, min_periods) for row in X]
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("window", [2, 5, 30, 31, 700, 1_023, 1_024, 1_100])
def test_pandas_on_long_series(window, statistic):
    """Longer than what one set of loops runs over, and windows on both sides of each border between the ways."""
    X = np.round(table(2, 2_500, gaps=0.02), 1)
    X[0] = np.nan_to_num(X[0])
    for center, min_periods in itertools.product((False, True) if window % 2 else (False,), (None, window // 2)):
        got = smoothed(X, window, statistic=statistic, center=center, min_periods=min_periods)
        rolled = pd.DataFrame(X.T).rolling(window, center=center, min_periods=min_periods)
        np.testing.assert_allclose(got, getattr(rolled, statistic)().to_numpy().T, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("center", [False, True])
def test_windows_of_any_length(center, statistic):
    """A window far longer than the series is the series, and takes no longer."""
    X = table(3, 50, gaps=0.1)
    for window in (101, 1_001, 2**31 - 1):
        got = smoothed(X, window, statistic=statistic, center=center, min_periods=2)
        expected = [naive(row, 101, statistic, center, 2) for row in X]
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)
    if statistic in {"mean", "sum"}:
        got = smoothed(X, 2**31, statistic=statistic, center=center, min_periods=2)
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)


def test_a_year_of_months():
    """The 2 x 12 average: thirteen months, January twice by half, divided by 12."""
    months = np.arange(24.0) ** 2
    at = 9
    expected = (months[3] / 2 + months[4:15].sum() + months[15] / 2) / 12
    assert smoothed([months], 12, center=True)[0, at] == pytest.approx(expected, rel=1e-15)
    # A pure season is gone, and a trend stays where it is.
    season = np.tile(np.arange(12.0), 3)
    np.testing.assert_allclose(smoothed([season], 12, center=True)[0, 6:-6], 5.5, rtol=1e-15)
    np.testing.assert_allclose(smoothed([np.arange(36.0)], 12, center=True)[0, 6:-6], np.arange(6, 30), rtol=1e-15)


# -------------------------------------------------------------------------------------------- digits


@pytest.mark.parametrize("window", [5, 365, 1_000, 100_000])
def test_long_series_of_mixed_scale_lose_no_digits(window):
    n = 10_000_000
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1, n)) * 1e-3
    spikes = rng.integers(0, n, 300)
    X[0, spikes] = 1e16 * rng.normal(size=300)
    X[0, spikes[:100]] = 1e300
    means, sums = smoothed(X, window), smoothed(X, window, statistic="sum")
    # Around the places where a spike has just left, and anywhere.
    ends = np.concatenate([spikes[:8] + window, spikes[100:108] + window - 1, rng.integers(window, n, 8)])
    for end in ends[ends < n]:
        held = X[0, end - window + 1 : end + 1]
        exact, size = math.fsum(held), math.fsum(np.abs(held))
        assert abs(sums[0, end] - exact) <= 1e-13 * size
        assert abs(means[0, end] * window - exact) <= 1e-13 * size


@pytest.mark.parametrize("window", [4, 30, 365, 1_200])
def test_deviations_depend_on_the_spread_alone(window):
    rng = np.random.default_rng(2)
    X = rng.integers(-1_000, 1_000, size=(1, 3_000)) / 8.0
    expected = smoothed(X, window, statistic="std")
    np.testing.assert_allclose(smoothed(X + 2.0**44, window, statistic="std"), expected, rtol=1e-12)
    # What was huge leaves nothing behind.
    X[0, 100] = 1e200
    after = smoothed(X, window, statistic="std")
    np.testing.assert_allclose(after[0, 100 + window :], expected[0, 100 + window :], rtol=1e-12)
    for end in (2_000, 2_500):
        held = [float(value) for value in X[0, end - window + 1 : end + 1]]
        assert after[0, end] == pytest.approx(statistics.stdev(held), rel=1e-14)


def test_counts_add_up_exactly():
    counts = np.random.default_rng(3).integers(0, 1_000, size=(2, 5_000))
    for window in (7, 365, 1_500):
        expected = np.array([np.convolve(row, np.ones(window, dtype=int), "valid") for row in counts])
        np.testing.assert_array_equal(smoothed(counts, window, statistic="sum")[:, window - 1 :], expected)
        np.testing.assert_array_equal(smoothed(counts, window)[:, window - 1 :], expected / window)


@pytest.mark.parametrize("window", [3, 30, 600])
def test_sums_that_no_float_holds(window):
    X = np.full((1, 2_000), 1.0e308)
    X[0, ::2] = -1.25e308
    X[0, 1_000:] = 1.25
    means, deviations = smoothed(X, window), smoothed(X, window, statistic="std")
    for end in (window - 1, 999, 1_990):
        held = [float(value) / 2.0**600 for value in X[0, end - window + 1 : end + 1]]
        assert means[0, end] / 2.0**600 == pytest.approx(math.fsum(held) / window, rel=1e-12, abs=0.1)
        assert deviations[0, end] / 2.0**600 == pytest.approx(statistics.stdev(held), rel=1e-12)
    assert smoothed(X, window, statistic="max")[0, 999] == 1e308
    middle = smoothed(X, window, statistic="median")[0, 999]
    assert middle == (1e308 if window == 3 else pytest.approx(-1.25e307))


# ---------------------------------------------------------------------------------------- properties

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False, width=32)
ROWS = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 30)), elements=NUMBERS)
GAPPY = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 30)), elements=NUMBERS | st.just(math.nan))
RULES = st.fixed_dictionaries(
    {"window": st.integers(1, 40), "statistic": st.sampled_from(STATISTICS), "lenient": st.booleans()}
)


def apply(X, window, statistic, lenient, **parameters):
    return smoothed(X, window, statistic=statistic, min_periods=1 if lenient else None, **parameters)


@given(X=GAPPY, rule=RULES)
def test_plain_windows_of_anything(X, rule):
    got = apply(X, **rule)
    least = 1 if rule["lenient"] else None
    expected = [naive(row, rule["window"], rule["statistic"], False, least) for row in X]
    scale = np.nanmax(np.abs(X), initial=1.0)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12 * scale)


@given(value=NUMBERS, n=st.integers(1, 40), rule=RULES)
def test_a_constant_stays_constant(value, n, rule):
    got = apply(np.full((1, n), value), **rule)[0]
    known = got[~np.isnan(got)]
    if rule["statistic"] == "std":
        np.testing.assert_array_equal(known, 0.0)
    elif rule["statistic"] == "sum":
        np.testing.assert_allclose(known, value * np.minimum(np.arange(n) + 1, rule["window"])[~np.isnan(got)])
    elif rule["statistic"] == "mean":
        np.testing.assert_allclose(known, value, rtol=1e-15)
    else:
        np.testing.assert_array_equal(known, value)
    assert len(known) == (n - (rule["statistic"] == "std") if rule["lenient"] else max(n - rule["window"] + 1, 0)) or (
        rule["statistic"] == "std" and rule["window"] == 1
    )


@given(X=GAPPY, rule=RULES, by=st.integers(-100, 100), times=st.sampled_from([0.5, 2.0, -4.0]))
def test_shift_and_scale(X, rule, by, times):
    """Of an affine map the statistics of windows are known; minima and maxima change places."""
    statistic = rule["statistic"]
    got = apply(X * times + by, **rule)
    turned = {"min": "max", "max": "min"}.get(statistic, statistic) if times < 0 else statistic
    plain = apply(X, **{**rule, "statistic": turned})
    counts = apply(np.where(np.isnan(X), np.nan, 1.0), **{**rule, "statistic": "sum"})
    expected = {"std": abs(times) * plain, "sum": times * plain + by * counts}.get(statistic, times * plain + by)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


@given(X=ROWS, other=st.integers(0, 2**32 - 1), rule=RULES)
def test_means_and_sums_are_linear(X, other, rule):
    rule = {**rule, "statistic": "mean"}
    Y = np.random.default_rng(other).normal(size=X.shape)
    scale = np.abs(X).max() + 10.0
    np.testing.assert_allclose(apply(X + Y, **rule), apply(X, **rule) + apply(Y, **rule), atol=1e-14 * 40 * scale)


@given(X=GAPPY, rule=RULES)
def test_statistics_are_ordered(X, rule):
    found = {statistic: apply(X, **{**rule, "statistic": statistic}) for statistic in STATISTICS}
    known = ~np.isnan(found["min"])
    rounding = 1e-12 * np.nanmax(np.abs(X), initial=1.0)
    for middle in ("mean", "median"):
        np.testing.assert_array_equal(np.isnan(found[middle]), ~known)
        assert (found["min"] <= found[middle] + rounding)[known].all()
        assert (found[middle] <= found["max"] + rounding)[known].all()
    several = ~np.isnan(found["std"])
    assert (found["std"][several] >= 0).all()
    assert (found["std"] <= (found["max"] - found["min"]) * 0.7072 + rounding)[several].all()


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("window", [1, 2, 5, 8, 31, 100, 550, 1_100])
@pytest.mark.parametrize("min_periods", [None, 1])
def test_what_follows_changes_no_bit(window, statistic, min_periods):
    """Trailing windows are causal; a value that is missing, or huge, later on changes nothing before it."""
    X = np.tile(table(1, 2_400), (4, 1))
    X[1, 2_200] = np.nan
    X[2, 2_200] = 1e300
    X[3, 2_200:] = 0.0
    rule = {"statistic": statistic, "min_periods": min_periods}
    everything = smoothed(X, window, **rule)
    for row in everything[1:]:
        np.testing.assert_array_equal(row[:2_200], everything[0, :2_200])
    for stop in (1, 3, 30, 600, 2_100):
        np.testing.assert_array_equal(smoothed(X[:, :stop], window, **rule), everything[:, :stop])


def test_centred_windows_know_what_follows():
    X = table(1, 20)
    changed = X.copy()
    changed[0, 10] += 1.0
    different = smoothed(X, 5, center=True, min_periods=1) != smoothed(changed, 5, center=True, min_periods=1)
    assert np.flatnonzero(different[0]).tolist() == [8, 9, 10, 11, 12]
    assert "know what came later" in " ".join(MovingAverageSmoother.__doc__.split())


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("min_periods", [None, 3])
def test_windows_forget(statistic, min_periods):
    """From where a window no longer holds what differs, results are the same to the last bit."""
    X = table(2, 60)
    X[1, 10:20] = [1e300, -1e300, np.nan, 1e-300, 0.0, -0.0, 1e16, np.nan, 5e-324, 1.0]
    X[1, 20:] = X[0, 20:]
    got = smoothed(X, 6, statistic=statistic, min_periods=min_periods)
    np.testing.assert_array_equal(got[1, 25:], got[0, 25:])


# ------------------------------------------------------------------------------------- shapes, types


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_rows_are_independent_and_layout_does_not_matter(statistic, gaps):
    X = table(37, 150, gaps=gaps)
    for window, min_periods, center in [
        (5, None, False),
        (30, 4, False),
        (13, 1, True),
        (140, 20, False),
        (149, 2, True),
    ]:
        rule = {"statistic": statistic, "min_periods": min_periods, "center": center}
        expected = smoothed(X, window, **rule)
        chosen = np.array([3, 0, 36, 36])
        np.testing.assert_array_equal(smoothed(X[chosen], window, **rule), expected[chosen])
        np.testing.assert_array_equal(smoothed(np.asfortranarray(X), window, **rule), expected)
        strided = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]
        np.testing.assert_array_equal(smoothed(strided, window, **rule), expected)
        locked = X.copy()
        locked.flags.writeable = False
        np.testing.assert_array_equal(smoothed(locked, window, **rule), expected)
        groups = np.repeat(np.arange(37), 150)
        grouped = MovingAverageSmoother(window, **rule).transform_groups(X.ravel(), groups)
        np.testing.assert_array_equal(grouped.reshape(X.shape), expected)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("layout", ["C", "F"])
def test_threads_change_nothing(statistic, layout):
    X = np.asarray(table(900, 500, gaps=0.01), order=layout)
    expected = smoothed(X, 9, statistic=statistic, min_periods=5)
    for n_jobs in (2, 5, -1):
        np.testing.assert_array_equal(smoothed(X, 9, statistic=statistic, min_periods=5, n_jobs=n_jobs), expected)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("layout", ["C", "F"])
def test_float32_stays_float32_and_is_computed_as_float64(statistic, layout):
    X = np.asarray(table(5, 80, gaps=0.05), dtype=np.float32, order=layout)
    for window, min_periods in ((3, None), (20, 2), (600, 1)):
        got = smoothed(X, window, statistic=statistic, min_periods=min_periods)
        assert got.dtype == np.float32
        expected = smoothed(X.astype(np.float64), window, statistic=statistic, min_periods=min_periods)
        np.testing.assert_array_equal(got, expected.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, np.bool_, object])
def test_numbers_of_other_types_become_float64(dtype):
    X = np.array([[1, 0, 1, 1]]).astype(dtype)
    got = smoothed(X, 2)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, [[np.nan, 0.5, 0.5, 1.0]])


def test_one_time_one_series():
    assert smoothed([[5.0]], 1).tolist() == [[5.0]]
    assert np.isnan(smoothed([[5.0]], 2)).all()
    assert smoothed([[5.0], [6.0]], 2, min_periods=1).tolist() == [[5.0], [6.0]]
    assert smoothed([[np.nan]], 3, min_periods=0, statistic="sum").tolist() == [[0.0]]


def test_frames():
    days = pd.date_range("2024-01-01", periods=6)
    frame = pd.DataFrame(table(3, 6), index=["a", "b", "c"], columns=days.astype(str))
    expected = smoothed(frame.to_numpy(), 2)
    np.testing.assert_array_equal(MovingAverageSmoother(2).fit_transform(frame), expected)
    shown = MovingAverageSmoother(2).set_output(transform="pandas").fit_transform(frame)
    assert shown.columns.tolist() == frame.columns.tolist()
    assert shown.index.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(MovingAverageSmoother(2).fit_transform(pl.from_pandas(frame)), expected)
    with pytest.raises(ParameterError, match=r"series are rows; pass X\.T"):
        MovingAverageSmoother(2).fit(frame.set_axis(days[:3]))
    nullable = frame.astype("Float64").mask(frame > 5)
    np.testing.assert_array_equal(
        MovingAverageSmoother(2).fit_transform(nullable), smoothed(frame.mask(frame > 5).to_numpy(), 2)
    )


def test_groups():
    values = [1.0, 10.0, 2.0, np.nan, 3.0, 30.0]
    names = ["a", "b", "a", "a", "a", "b"]
    got = MovingAverageSmoother(2, min_periods=1).transform_groups(values, names)
    np.testing.assert_array_equal(got, [1.0, 10.0, 1.5, 2.0, 3.0, 20.0])
    expected = pd.Series(values).groupby(names).rolling(2, min_periods=1).mean().droplevel(0).sort_index()
    np.testing.assert_array_equal(got, expected)
    assert MovingAverageSmoother(2).transform_groups(np.ones(3, np.float32), [0, 0, 1]).dtype == np.float32
    assert len(MovingAverageSmoother(2).transform_groups([], [])) == 0
    with pytest.raises(ParameterError, match="'groups' parameter of MovingAverageSmoother.transform_groups"):
        MovingAverageSmoother(2).transform_groups([1.0], [1, 2])
    with pytest.raises(ParameterError, match="1 infinite values; the first at position 0"):
        MovingAverageSmoother(2).transform_groups([np.inf, 1.0], [1, 2])


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("window", [1, 2, 3, 9, 60])
@pytest.mark.parametrize("min_periods", [None, 1])
def test_no_group_reaches_another(window, statistic, min_periods):
    """Neighbours that are poisoned, of lengths from nothing to more than a window."""
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(60), rng.poisson(12, 60))
    values = rng.normal(size=len(groups))
    smoother = MovingAverageSmoother(window, statistic=statistic, min_periods=min_periods)
    expected = smoother.transform_groups(values, groups)
    even = groups % 2 == 0
    for poison in (np.nan, 1e300, -1e300):
        got = smoother.transform_groups(np.where(even, values, poison), groups)
        np.testing.assert_array_equal(got[even], expected[even])
    for group in (0, 17, 59):
        alone = smoothed(values[groups == group][None], window, statistic=statistic, min_periods=min_periods)
        np.testing.assert_array_equal(expected[groups == group], alone[0])


# -------------------------------------------------------------------------------- an estimator's life


@settings(max_examples=20)
@given(X=GAPPY)
def test_nothing_is_changed(X):
    before = X.copy()
    smoother = MovingAverageSmoother(3).fit(X)
    first = smoother.transform(X)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(smoother.transform(X), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(smoother)).transform(X), first)
    assert clone(smoother).get_params() == smoother.get_params()


def test_in_a_pipeline():
    X = np.random.default_rng(0).normal(size=(50, 12))
    pipeline = make_pipeline(MovingAverageSmoother(3, min_periods=1), Ridge())
    assert pipeline.fit(X, X.sum(axis=1)).score(X, X.sum(axis=1)) > 0.99


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused(value, statistic, layout):
    X = np.ones((3, 9), order=layout)
    X[1, 4] = value
    smoother = MovingAverageSmoother(3, statistic=statistic, min_periods=1).fit(np.ones((3, 9)))
    with pytest.raises(ValueError, match="contains infinity; the first in row 1 at time 4"):
        smoother.transform(X)


def test_widths_must_agree():
    smoother = MovingAverageSmoother(3).fit(np.ones((2, 5)))
    with pytest.raises(ValueError, match="expecting 5 features"):
        smoother.transform(np.ones((2, 6)))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"window": 0}, "'window' parameter of MovingAverageSmoother must be an int in the range [1"),
        ({"window": 2.0}, "'window' parameter"),
        ({"statistic": "mode"}, "'statistic' parameter"),
        ({"min_periods": -1}, "'min_periods' parameter"),
        ({"window": 3, "min_periods": 4}, "must be at most window=3. Got 4 instead"),
        ({"window": 4, "center": True, "statistic": "median"}, "Take the next odd window, 5."),
        ({"center": 1}, "'center' parameter"),
    ],
)
def test_parameters_that_make_no_sense(parameters, words):
    with pytest.raises(ValueError) as caught:
        MovingAverageSmoother(**parameters).fit(np.ones((1, 9)))
    assert words in str(caught.value)
