"""EMASmoother against a plain loop, pandas, published figures, and what must hold of every average."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from crmkit import EMASmoother, EventLog
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.testing import assert_identical

pytestmark = pytest.mark.kernels

DECAYS = [{"alpha": 0.3}, {"alpha": 1.0}, {"alpha": 0.01}, {"span": 4.0}, {"halflife": 2.5}, {"com": 1.7}, {"com": 0.0}]
RULES = list(itertools.product((False, True), (False, True)))


def naive(row, alpha, adjust=False, ignore_na=False, min_periods=1, elapsed=None):
    """The weights of all values so far, added up anew for each time."""
    out = []
    for end in range(len(row)):
        weights, values, age = [], [], 0.0
        for i in range(end, -1, -1):
            if not math.isnan(row[i]):
                weights.append((1 - alpha) ** age)
                values.append(row[i])
            if i and (not math.isnan(row[i]) or not ignore_na):
                age += 1.0 if elapsed is None else elapsed[i]
        if len(values) < max(min_periods, 1):
            out.append(math.nan)
        elif adjust:
            out.append(math.fsum(w * x for w, x in zip(weights, values, strict=True)) / math.fsum(weights))
        else:
            out.append(_not_adjusted(row[: end + 1], alpha, ignore_na, elapsed))
    return out


def _not_adjusted(row, alpha, ignore_na, elapsed):
    mean, faded = math.nan, 1.0
    for i, value in enumerate(row):
        if not math.isnan(mean) and (not math.isnan(value) or not ignore_na):
            faded *= (1 - alpha) ** (1.0 if elapsed is None else elapsed[i])
        if not math.isnan(value):
            mean = value if math.isnan(mean) else (faded * mean + alpha * value) / (faded + alpha)
            faded = 1.0
    return mean


def table(seed=0, shape=(30, 23), missing=0.3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, size=(shape[0], 1))
    X[rng.random(shape) < missing] = np.nan
    return X


# -- published figures ---------------------------------------------------------------------------


def test_the_two_ways_to_begin():
    row = [[10, 12, 13, 12, 15, 16, 18]]
    adjusted = [10, 11.333333, 12.285714, 12.133333, 13.612903, 14.825397, 16.425197]
    np.testing.assert_allclose(EMASmoother(span=3, adjust=True).fit_transform(row)[0], adjusted, atol=5e-7)
    np.testing.assert_array_equal(EMASmoother(span=3).fit_transform(row)[0], [10, 11, 12, 12, 13.5, 14.75, 16.375])


@pytest.mark.parametrize(
    ("adjust", "ignore_na", "last"),
    [
        (True, True, (3.4, 3.210526)),
        (True, False, (3.769231, 3.377358)),
        (False, True, (2.333333, 2.555556)),
        (False, False, (2.714286, 2.809524)),
    ],
)
def test_a_gap(adjust, ignore_na, last):
    smoothed = EMASmoother(com=2, adjust=adjust, ignore_na=ignore_na).fit_transform([[1, np.nan, 5, 3]])
    np.testing.assert_allclose(smoothed[0, 2:], last, atol=5e-7)
    assert smoothed[0, 1] == 1


def test_by_the_clock():
    times = ["2020-01-01", "2020-01-03", "2020-01-10", "2020-01-15", "2020-01-17"]
    row = [[0, 1, 2, np.nan, 4]]
    smoothed = EMASmoother(halflife="4D", adjust=True).fit(row, times=times).transform(row, times=times)
    np.testing.assert_allclose(smoothed[0], [0, 0.585786, 1.523889, 1.523889, 3.233686], atol=5e-7)
    smoothed = EMASmoother(com=0.5, adjust=True).fit_transform(row)
    np.testing.assert_allclose(smoothed[0], [0, 0.75, 1.615385, 1.615385, 3.670213], atol=5e-7)
    ignoring = EMASmoother(com=0.5, adjust=True, ignore_na=True).fit_transform(row)
    assert ignoring[0, -1] == pytest.approx(3.225, abs=5e-7)


@pytest.mark.parametrize("decay", [{"alpha": 0.5}, {"com": 1}, {"span": 3}, {"halflife": 1}])
def test_one_half_is_no_exception(decay):
    """pandas 3 gives 4.0; 3.666667 is what pandas 2 gave, and what the alphas beside one half give."""
    smoothed = EMASmoother(**decay).fit_transform([[1, np.nan, 5]])
    assert smoothed[0, 2] == pytest.approx(11 / 3, rel=1e-15)
    beside = [EMASmoother(alpha=a).fit_transform([[1, np.nan, 5]])[0, 2] for a in (0.4999, 0.5001)]
    assert beside[0] < smoothed[0, 2] < beside[1]


# -- the same as others ----------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0.0, 0.05, 0.6, 1.0])
@pytest.mark.parametrize(("adjust", "ignore_na"), RULES)
@pytest.mark.parametrize("decay", DECAYS, ids=str)
def test_all_ways_are_those_of_pandas(decay, adjust, ignore_na, missing):
    X = table(missing=missing)
    for min_periods in (0, 1, 4):
        smoother = EMASmoother(**decay, adjust=adjust, ignore_na=ignore_na, min_periods=min_periods)
        expected = pd.DataFrame(X.T).ewm(**decay, adjust=adjust, ignore_na=ignore_na, min_periods=min_periods).mean()
        found = smoother.fit_transform(X)
        np.testing.assert_allclose(found, expected.to_numpy().T, rtol=1e-12, atol=1e-12)
        assert_identical(smoother.transform(np.asfortranarray(X)), found, "of columns in memory")
        grouped = smoother.transform_groups(X.ravel(), np.repeat(np.arange(len(X)), X.shape[1]))
        assert_identical(grouped.reshape(X.shape), found, "of groups")
        chunks = [smoother.update(X[:, a:b]) for a, b in itertools.pairwise([0, 1, 8, 9, 23])]
        assert_identical(np.hstack(chunks), found, "of a stream")


@pytest.mark.parametrize(("adjust", "ignore_na"), RULES)
@given(
    row=st.lists(st.one_of(st.just(math.nan), st.floats(-1e6, 1e6)), min_size=1, max_size=12),
    alpha=st.floats(1e-3, 0.999),
    min_periods=st.integers(0, 4),
)
@settings(max_examples=60, deadline=None)
def test_all_ways_are_those_of_a_plain_loop(adjust, ignore_na, row, alpha, min_periods):
    found = EMASmoother(alpha=alpha, adjust=adjust, ignore_na=ignore_na, min_periods=min_periods).fit_transform([row])
    expected = naive(row, alpha, adjust, ignore_na, min_periods)
    np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("adjust", "ignore_na"), RULES)
def test_the_clock_is_that_of_a_plain_loop(adjust, ignore_na):
    X, rng = table(), np.random.default_rng(1)
    days = np.cumsum(rng.integers(0, 9, X.shape[1]))
    times = np.datetime64("2024-01-01") + days
    smoother = EMASmoother(halflife=np.timedelta64(4, "D"), adjust=adjust, ignore_na=ignore_na)
    found = smoother.fit_transform(X, times=times)
    elapsed = np.diff(days, prepend=days[:1]) / 4.0
    np.testing.assert_allclose(found, [naive(row, 0.5, adjust, ignore_na, 1, elapsed) for row in X], rtol=1e-11)
    groups, repeated = np.repeat(np.arange(len(X)), X.shape[1]), np.tile(times, len(X))
    assert_identical(smoother.transform_groups(X.ravel(), groups, times=repeated).reshape(X.shape), found, "of groups")
    parts = [smoother.update(X[:, a:b], times=times[a:b]) for a, b in ((0, 2), (2, 9), (9, 23))]
    assert_identical(np.hstack(parts), found, "of a stream")
    once = np.append(np.diff(days) > 0, True)
    named = pd.DataFrame(X[:, once], columns=pd.DatetimeIndex(times[once]))
    expected = clone(smoother).fit_transform(X[:, once], times=times[once])
    assert_identical(clone(smoother).fit(named).transform(named), expected, "of columns named by dates")
    named.columns = named.columns.to_period("D")
    assert_identical(clone(smoother).fit(named).transform(named), expected, "of columns named by days")
    if adjust:  # pandas 3 knows times only with adjusted weights
        moments = pd.DatetimeIndex(times).as_unit("ns")
        expected = pd.DataFrame(X.T).ewm(halflife="4D", times=moments, adjust=True, ignore_na=ignore_na).mean()
        np.testing.assert_allclose(found, expected.to_numpy().T, rtol=1e-12)


# -- what holds of every average -------------------------------------------------------------------

numbers = arrays(np.float64, st.tuples(st.integers(1, 11), st.integers(1, 9)), elements=st.floats(-1e9, 1e9))
gappy = arrays(
    np.float64, st.tuples(st.integers(1, 11), st.integers(1, 9)),
    elements=st.one_of(st.just(np.nan), st.floats(-1e300, 1e300)),
)  # fmt: skip
smoothers = st.builds(EMASmoother, alpha=st.floats(1e-9, 1.0), adjust=st.booleans(), ignore_na=st.booleans())


@given(smoother=smoothers, X=gappy)
@settings(max_examples=150, deadline=None)
def test_it_lies_between_what_there_was(smoother, X):
    found = smoother.fit_transform(X)
    low, high = np.fmin.accumulate(X, axis=1), np.fmax.accumulate(X, axis=1)
    slack = 4e-15 * np.fmax(abs(low), abs(high))
    assert (np.isnan(found) == np.isnan(low)).all()
    seen = ~np.isnan(low)
    assert ((low - slack <= found) & (found <= high + slack))[seen].all()


@given(smoother=smoothers, X=gappy, changed=st.floats(-1e300, 1e300))
@settings(max_examples=100, deadline=None)
def test_rows_stand_alone_and_do_not_see_the_future(smoother, X, changed):
    found = smoother.fit_transform(X)
    rows = np.arange(len(X))[::-2]
    assert_identical(smoother.transform(X[rows]), found[rows], "of some rows")
    other = X.copy()
    other[:, -1] = changed
    assert_identical(smoother.transform(other)[:, :-1], found[:, :-1], "before the last time")


@given(smoother=smoothers, X=gappy, value=st.floats(-1e300, 1e300))
@settings(max_examples=60, deadline=None)
def test_a_constant_stays(smoother, X, value):
    X[~np.isnan(X)] = value
    found = smoother.fit_transform(X)
    assert (found[~np.isnan(found)] == value).all()


@given(smoother=smoothers, X=numbers, shift=st.floats(-1e9, 1e9), factor=st.floats(-1e3, 1e3))
@settings(max_examples=60, deadline=None)
def test_it_is_linear(smoother, X, shift, factor):
    found = smoother.fit_transform(X)
    size = max(abs(X).max() * max(abs(factor), 1.0), abs(shift))
    np.testing.assert_allclose(
        smoother.transform(factor * X + shift), factor * found + shift, rtol=0, atol=1e-13 * size
    )


@given(X=gappy, adjust=st.booleans(), ignore_na=st.booleans())
@settings(max_examples=60, deadline=None)
def test_alpha_of_one_is_the_identity(X, adjust, ignore_na):
    found = EMASmoother(alpha=1.0, adjust=adjust, ignore_na=ignore_na).fit_transform(X)
    np.testing.assert_array_equal(found, pd.DataFrame(X.T).ffill().to_numpy().T)


def test_alpha_close_to_one_is_close_to_the_identity():
    X = table(missing=0)
    near = EMASmoother(alpha=1 - 1e-12).fit_transform(X)
    np.testing.assert_allclose(near, X, rtol=0, atol=1e-11 * abs(X).max())


def test_a_heavy_value_keeps_its_digits_beside_a_huge_mean():
    assert EMASmoother(alpha=1.0).fit_transform([[1e20, 1, 2]]).tolist() == [[1e20, 1, 2]]
    found = EMASmoother(alpha=1 - 2.0**-40).fit_transform([[2.0**60, 1.0]])[0, 1]
    assert found == 1.0 + 2.0**-40 * (2.0**60 - 1.0)
    by_clock = EMASmoother(halflife="1D").fit_transform([[1e6, 0.1]], times=["2024-01-01", "2025-01-01"])
    assert by_clock[0, 1] == 0.1


def test_negative_zero_has_the_same_bits_in_any_company():
    X = np.array([[-0.0, -0.0, 1.0], [np.nan, -0.0, 1.0]])
    for data in (X, np.asfortranarray(X)):
        together = EMASmoother().fit_transform(data)
        assert_identical(EMASmoother().fit_transform(data[:1]), together[:1], "of a row alone")


def test_values_further_apart_than_a_float_holds():
    row = [[1e308, -1.7e308, 1e308, np.nan, 1e308]]
    quarter = EMASmoother(alpha=0.3).fit_transform(np.array(row) / 4)
    for X in (row, np.asfortranarray(np.repeat(row, 3, axis=0))):
        found = EMASmoother(alpha=0.3).fit_transform(X)
        assert_identical(found[:1], quarter * 4, "of huge values")
    assert_identical(EMASmoother(alpha=0.3).transform_groups(row[0], [0] * 5), quarter[0] * 4, "of a group")


# -- sorts of input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0.0, 0.02, 0.5])
@pytest.mark.parametrize("shape", [(1, 1), (7, 40), (300, 5), (1, 1000), (523, 130)])
def test_layouts_types_and_threads_give_the_same_bits(shape, missing):
    X = table(3, shape, missing)
    X[0] = np.nan_to_num(X[0])
    expected = EMASmoother().fit_transform(X)
    read_only = X.copy()
    read_only.flags.writeable = False
    strided = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]
    for same in (read_only, strided, np.asfortranarray(X), X[::-1][::-1], X.astype(">f8"), X.astype(object)):
        assert_identical(np.ascontiguousarray(EMASmoother().fit_transform(same)), expected, "of another layout")
    for n_jobs in (1, 2, 3, -1):
        assert_identical(EMASmoother(n_jobs=n_jobs).fit_transform(X), expected, f"with n_jobs={n_jobs}")


def test_threads_share_large_tables(monkeypatch):
    monkeypatch.setattr("crmkit.smoothing._smoother.VALUES_PER_THREAD", 50)
    X = table(4, (301, 17), 0.01)
    for data in (X, np.asfortranarray(X)):
        alone = EMASmoother(alpha="auto", n_jobs=1).fit(data)
        shared = EMASmoother(alpha="auto", n_jobs=3).fit(data)
        assert alone.alpha_ == shared.alpha_
        assert_identical(shared.transform(data), alone.transform(data), "on three threads")


def test_float32_stays_and_is_as_good():
    X = table(5, missing=0.1).astype(np.float32)
    for data in (X, np.asfortranarray(X), np.nan_to_num(X), np.asfortranarray(np.nan_to_num(X))):
        found = EMASmoother().fit_transform(data)
        assert found.dtype == np.float32
        assert_identical(found, EMASmoother().fit_transform(data.astype(np.float64)).astype(np.float32), "as float32")
    assert EMASmoother().transform_groups(X[0], np.zeros(X.shape[1])).dtype == np.float32
    assert EMASmoother().update(X).dtype == np.float32


def test_whole_numbers_and_frames():
    numbers = np.arange(12).reshape(3, 4)
    expected = EMASmoother().fit_transform(numbers.astype(float))
    assert_identical(EMASmoother().fit_transform(numbers), expected, "of whole numbers")
    frame = pd.DataFrame(numbers, columns=list("abcd"), index=["x", "y", "z"])
    out = EMASmoother().set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == list("abcd")
    assert list(out.index) == list("xyz")
    assert_identical(out.to_numpy(), expected, "of a frame")
    out = EMASmoother().set_output(transform="polars").fit_transform(pl.DataFrame(numbers, schema=list("abcd")))
    assert isinstance(out, pl.DataFrame)
    assert_identical(out.to_numpy(), expected, "of a polars frame")


# -- refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
@pytest.mark.parametrize("alpha", [0.3, 1.0])
@pytest.mark.parametrize("column", [0, 2, 3])
def test_infinite_values_are_refused_wherever_they_stand(bad, alpha, column):
    X = np.array([[1.0, 2, 3, 4], [1.0, np.nan, 3, 4]])
    for row, order in itertools.product((0, 1), "CF"):
        broken = np.array(X, order=order)
        broken[row, column] = bad
        smoother = EMASmoother(alpha=alpha).fit(X)
        with pytest.raises(ValueError, match=f"contains infinity; the first in row {row} at time {column}"):
            smoother.transform(broken)
        for refusing in (smoother.update, EMASmoother(alpha=alpha).fit, EMASmoother(alpha=alpha).fit_transform):
            with pytest.raises(ValueError, match="contains infinity"):
                refusing(broken)
        with pytest.raises(ValueError, match="infinite values; the first at position"):
            smoother.transform_groups(broken.ravel(), np.repeat([0, 1], 4))
    with pytest.raises(ValueError, match="infinity"):
        EMASmoother(alpha="auto").fit(broken)


def test_series_in_columns_are_refused():
    frame = pd.DataFrame({"sales": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2))
    for refused in (frame, frame.to_period("D")):
        with pytest.raises(ParameterError, match=r"series are rows; pass X\.T"):
            EMASmoother().fit(refused)


def test_errors_say_what_to_do_and_no_data():
    frame = pd.DataFrame({"customer_id": ["alice@example.org"], "d1": [1.0]})
    with pytest.raises(ParameterError, match=r"holds text in the columns \['customer_id'\].*set_index") as caught:
        EMASmoother().fit(frame)
    assert "alice" not in str(caught.value)
    for one in (np.arange(3.0), [1.0, 2.0], pd.Series([1.0, 2.0])):
        with pytest.raises(ParameterError, match=r"make one row, \[x\]"):
            EMASmoother().fit(one)
    smoother = EMASmoother().fit([[1.0, 2.0]])
    with pytest.raises(ParameterError, match=r"Got DataFrame of shape \(1, 2\) instead"):
        smoother.forecast([[1.0, 2.0]], frame)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": 0.0}, "'alpha' parameter of EMASmoother"),
        ({"alpha": 1.1}, "'alpha' parameter of EMASmoother"),
        ({"alpha": "best"}, "'alpha' parameter of EMASmoother"),
        ({"span": 0.5}, "'span' parameter of EMASmoother"),
        ({"com": -1}, "'com' parameter of EMASmoother"),
        ({"halflife": 0}, "'halflife' parameter of EMASmoother"),
        ({"halflife": "1M"}, "halflife"),
        ({"halflife": True}, "halflife"),
        ({"alpha": 0.3, "span": 5}, r"takes one of alpha, span, halflife and com.*alpha=0.3, span=5"),
        ({"min_periods": -1}, "'min_periods' parameter"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        EMASmoother(**parameters).fit([[1.0, 2.0]])


def test_wrong_times():
    X = [[1.0, 2.0]]
    with pytest.raises(ParameterError, match=r"'times' parameter of EMASmoother must be given where halflife='7D'"):
        EMASmoother(halflife="7D").fit(X)
    with pytest.raises(ParameterError, match="3 dates for 2 values"):
        EMASmoother(halflife="7D").fit(X, times=["2024-01-01"] * 3)
    with pytest.raises(ParameterError, match="goes back in time"):
        EMASmoother(halflife="7D").fit(X, times=["2024-01-02", "2024-01-01"])
    with pytest.raises(ParameterError, match="halflife is a duration"):
        EMASmoother(alpha=0.3).fit(X, times=["2024-01-01", "2024-01-02"])
    with pytest.raises(ParameterError, match="goes back within a series"):
        EMASmoother(halflife="7D").transform_groups([1, 2], ["a", "a"], times=["2024-01-02", "2024-01-01"])
    smoother = EMASmoother(halflife="7D")
    smoother.update(X, times=["2024-01-01", "2024-01-02"])
    with pytest.raises(ParameterError, match="goes back behind the last chunk"):
        smoother.update(X, times=["2024-01-01", "2024-01-02"])


def test_wrong_groups():
    with pytest.raises(ParameterError, match="names of the series of the 2 values, in one dimension. Got .* instead"):
        EMASmoother().transform_groups([1, 2], ["a", "a", "b"])
    with pytest.raises(ParameterError, match="must hold numbers or text"):
        EMASmoother().transform_groups([1, 2], [["a"], ["b"]])
    with pytest.raises(ParameterError, match="1 missing values; the first at position 1"):
        EMASmoother().transform_groups([1, 2], ["a", None])


# -- groups, streams, forecasts -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [int, str, "category"])
def test_groups_in_any_order(kind):
    rng = np.random.default_rng(6)
    groups, values = rng.integers(0, 9, 200), rng.normal(size=200)
    named = pd.Series(groups).astype(str).astype("category") if kind == "category" else groups.astype(kind)
    found = EMASmoother().transform_groups(values, named)
    for group in range(9):
        rows = groups == group
        assert_identical(found[rows], EMASmoother().fit_transform(values[None, rows])[0], "of one group")
    assert EMASmoother().transform_groups([], []).shape == (0,)


def test_a_stream_is_of_the_same_series_and_survives_a_pickle():
    X = table(7)
    smoother = EMASmoother().fit(X)
    expected = smoother.transform(X)
    smoother.update(X[:, :9])
    before = pickle.dumps(smoother)
    with pytest.raises(ParameterError, match="The stream has 30 series, and the chunk 29 rows"):
        smoother.update(X[1:, 9:])
    with pytest.raises(ValueError, match="infinity"):
        smoother.update(np.full((30, 2), np.inf))
    assert_identical(smoother.transform(X), expected, "in the middle of a stream")
    for again in (smoother, pickle.loads(before)):
        assert_identical(again.update(X[:, 9:]), expected[:, 9:], "after what was refused")
    smoother.fit(X)
    assert smoother.update(X[:, :0]).shape == (30, 0)
    assert_identical(smoother.update(X[:, :9]), expected[:, :9], "of a new stream")


def test_forecasts_repeat_the_last_mean():
    X = table(8)
    smoother = EMASmoother().fit(X)
    found = smoother.forecast(X, 3)
    assert found.shape == (30, 3)
    assert_identical(found, np.repeat(smoother.transform(X)[:, -1:], 3, axis=1), "for three steps")
    with pytest.raises(ParameterError, match="'steps' parameter"):
        smoother.forecast(X, 0)


# -- alpha="auto" ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("adjust", "ignore_na"), RULES)
def test_a_learnt_alpha_forecasts_best(adjust, ignore_na):
    rng = np.random.default_rng(9)
    level = np.cumsum(rng.normal(size=(40, 60)), axis=1)
    X = level + 2.0 * rng.normal(size=level.shape)
    X[rng.random(X.shape) < 0.1] = np.nan
    smoother = EMASmoother(alpha="auto", adjust=adjust, ignore_na=ignore_na).fit(X)

    def error(alpha):
        means = EMASmoother(alpha=alpha, adjust=adjust, ignore_na=ignore_na).fit_transform(X)
        return np.nansum((X[:, 1:] - means[:, :-1]) ** 2)

    assert 0.2 < smoother.alpha_ < 0.6
    best = error(smoother.alpha_)
    assert all(best <= error(alpha) for alpha in np.linspace(0.02, 1, 50))
    assert_identical(smoother.transform(X), EMASmoother(alpha=smoother.alpha_, adjust=adjust, ignore_na=ignore_na)
                     .fit_transform(X), "with the learnt alpha")  # fmt: skip


def test_alpha_of_the_ends():
    rng = np.random.default_rng(10)
    walk = np.cumsum(rng.normal(size=(200, 80)), axis=1)
    assert EMASmoother(alpha="auto").fit(walk).alpha_ > 0.95
    noise = 5 + rng.normal(size=(200, 80))
    assert EMASmoother(alpha="auto", adjust=True).fit(noise).alpha_ < 0.02
    assert EMASmoother(alpha="auto").fit(np.ones((3, 4))).alpha_ == 0.3
    assert EMASmoother(alpha="auto").fit(walk * 1e300).alpha_ == pytest.approx(
        EMASmoother(alpha="auto").fit(walk).alpha_
    )
    with pytest.raises(ParameterError, match="series of two values or more"):
        EMASmoother(alpha="auto").fit([[1.0], [2.0]])


# -- customers' events ------------------------------------------------------------------------------------


def shop(seed=11, n=300):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "who": rng.integers(0, 20, n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 24, n), "h"),
            "kind": rng.choice(["order", "visit", "return"], n),
            "paid": np.round(rng.gamma(2, 20, n), 2),
            "stars": rng.choice([1.0, 2, 3, 4, 5, np.nan], n),
            "where": rng.choice(["A", "B"], n),
        }
    )
    frame.loc[frame["kind"] == "return", "paid"] *= -1
    frame.loc[frame["kind"] == "visit", "paid"] = np.nan
    log = EventLog.from_frame(
        frame, customer="who", time="when", value="paid", kind="kind", purchases=["order", "return"],
        columns=["stars", "where"], observed_until="2024-11-01",
    )  # fmt: skip
    return log, frame


@pytest.mark.parametrize("adjust", [False, True])
@pytest.mark.parametrize("decay", [{"halflife": "20D"}, {"alpha": 0.4}])
@pytest.mark.parametrize("column", [None, "stars"])
def test_events_are_smoothed_as_of_each_row(column, decay, adjust):
    log, frame = shop()
    X = log.snapshots(["2024-03-01", "2024-06-15", "2024-10-01"])
    X = X[np.random.default_rng(0).permutation(len(X))]
    smoother = EMASmoother(**decay, adjust=adjust, column=column, min_periods=2)
    found = smoother.fit(X).transform(X)
    assert list(found.columns) == [f"ema_{column or 'money'}"] == list(smoother.get_feature_names_out())
    assert_identical(found.index.get_level_values(0).to_numpy(), X.customer_id, "their customers")
    frame = frame.sort_values("when", kind="stable")
    frame = frame[(frame["kind"] == "order") if column is None else frame["stars"].notna()]
    for (who, as_of), mean in found.iloc[:, 0].items():
        seen = frame[(frame["who"] == who) & (frame["when"] < as_of)]
        days = seen["when"].to_numpy().astype("M8[us]").astype(np.int64) / 86_400e6
        elapsed = np.diff(days, prepend=days[:1]) / 20.0 if "halflife" in decay else None
        values = seen["paid" if column is None else "stars"].tolist()
        alpha = 0.5 if "halflife" in decay else 0.4
        expected = naive(values, alpha, adjust, min_periods=2, elapsed=elapsed)
        np.testing.assert_allclose(mean, expected[-1] if expected else np.nan, rtol=1e-11)


def test_alpha_learnt_from_events_is_that_of_their_series():
    log, frame = shop()
    X = log.snapshots(["2024-03-01", "2024-10-01"])
    orders = frame[(frame["kind"] == "order") & (frame["when"] < "2024-10-01")].sort_values("when", kind="stable")
    rows = [group["paid"].to_numpy() for _, group in orders.groupby("who")]
    padded = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    learnt = EMASmoother(alpha="auto").fit(X).alpha_
    assert learnt == EMASmoother(alpha="auto").fit(padded).alpha_


def test_what_cannot_be_read_of_a_log():
    log, _ = shop()
    X = log.snapshot()
    with pytest.raises(ColumnNotFoundError, match="column='starz' is not among .* it has 'stars', 'where'"):
        EMASmoother(column="starz").fit(X)
    with pytest.raises(ParameterError, match="column='where' of the log holds categories"):
        EMASmoother(column="where").fit(X)
    with pytest.raises(ParameterError, match="Events of snapshots have their own times"):
        EMASmoother().fit(X, times=["2024-01-01"])
    bare = EventLog.from_frame({"who": [1], "when": ["2024-01-01"]}, customer="who", time="when")
    with pytest.raises(ParameterError, match="the log has none. Name value="):
        EMASmoother().fit(bare.snapshot())
    with pytest.raises(ParameterError, match=r"log\.snapshot\(\)"):
        EMASmoother().fit(log)
    with pytest.raises(ParameterError, match="has none"):
        EMASmoother().fit(X[:0])


# -- among scikit-learn's tools ---------------------------------------------------------------------------


def test_it_tunes_in_a_pipeline():
    rng = np.random.default_rng(12)
    X = rng.normal(size=(60, 12))
    y = EMASmoother(alpha=0.6).fit_transform(X)[:, -1]
    search = GridSearchCV(
        make_pipeline(EMASmoother(), Ridge(1e-6)), {"emasmoother__alpha": [0.1, 0.6, "auto"], "ridge__alpha": [1e-6]}
    ).fit(X, y)
    assert search.best_score_ > 0.99


def test_what_was_fitted_stays_when_parameters_change():
    X = table(14)
    smoother = EMASmoother(alpha=0.4).fit(X)
    expected = smoother.transform(X)
    assert_identical(smoother.set_params(alpha=7).transform(X), expected, "before the next fit")
    with pytest.raises(ValueError, match="'alpha' parameter"):
        smoother.fit(X)
    with pytest.raises(ValueError, match="infinity"):
        smoother.set_params(alpha=0.9).fit([[1.0, np.inf]])
    assert_identical(smoother.transform(X), expected, "after fits that failed")


def test_predicting_changes_nothing():
    X = table(13)
    smoother = EMASmoother().fit(X)
    before = pickle.dumps(smoother)
    first = smoother.transform(X), smoother.forecast(X, 2)
    assert_identical(smoother.transform(X), first[0], "a second time")
    assert_identical(smoother.forecast(X, 2), first[1], "a second time")
    assert pickle.dumps(smoother) == before
