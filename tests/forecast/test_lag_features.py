from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from crmkit.datasets import make_purchases
from crmkit.events import EventLog
from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.forecast import LagFeatures

pytestmark = pytest.mark.kernels

LAGS = [1, 2, 5]
ROLLING = [("mean", 4), ("sum", 3), ("std", 4), ("min", 2), ("max", 5), ("median", 4)]
EMA = [0.3, 0.5]
FESTIVAL = {"date": ["2023-02-15", "2023-02-16", "2023-06-18"], "name": ["春节", "春节", "6.18"]}


def every(**options):
    return LagFeatures(
        LAGS, rolling=ROLLING, ema=EMA, time_features=["week", ("year", 1)], calendar=FESTIVAL, **options
    )


def naive_features(frame, shift=1):
    """The lagged features by pandas, series by series."""
    by_series = frame.sort_values("time").groupby("series")["value"]
    columns = {f"lag_{lag}": by_series.shift(lag) for lag in LAGS}
    for statistic, window in ROLLING:
        columns[f"{statistic}_{window}"] = by_series.transform(
            lambda own, statistic=statistic, window=window: getattr(own.shift(shift).rolling(window), statistic)()
        )
    for alpha in EMA:
        # A little beside .5: there pandas 3 is wrong if a value is missing.
        columns[f"ema_{alpha}"] = by_series.transform(
            lambda own, alpha=alpha: own.shift(shift).ewm(alpha=alpha + 1e-13, adjust=False).mean()
        )
    return pd.DataFrame(columns).loc[frame.index]


def shuffled(frame, seed=0):
    return frame.sample(frac=1, random_state=seed)


# --------------------------------------------------------------------------------------- the numbers


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_features_are_those_of_pandas_group_by_group(make_demand, missing):
    frame = shuffled(make_demand())
    frame.loc[np.random.default_rng(0).random(len(frame)) < missing, "value"] = np.nan
    found = every().fit_transform(frame)
    expected = naive_features(frame)
    assert list(found.columns)[: len(expected.columns)] == list(expected.columns)
    pd.testing.assert_frame_equal(found[expected.columns], expected, rtol=1e-9, atol=1e-9)
    assert found["week"].tolist() == frame["time"].dt.isocalendar().week.astype(float).tolist()


def test_order_of_rows_changes_nothing(make_demand):
    frame = make_demand()
    expected = every().fit_transform(frame)
    for seed in range(3):
        mixed = shuffled(frame, seed)
        pd.testing.assert_frame_equal(every().fit_transform(mixed), expected.loc[mixed.index], check_exact=True)


def test_shift_leaves_out_what_is_not_known_yet(make_demand):
    frame = make_demand()
    found = LagFeatures([3, 5], rolling=ROLLING, shift=3).fit_transform(frame)
    expected = naive_features(frame, shift=3)
    pd.testing.assert_frame_equal(found[["mean_4", "median_4"]], expected[["mean_4", "median_4"]])
    changed = frame.copy()
    changed.loc[changed["time"] > changed["time"].max() - pd.Timedelta("14D"), "value"] = 1e9
    other = LagFeatures([3, 5], rolling=ROLLING, shift=3).fit_transform(changed)
    pd.testing.assert_frame_equal(other, found, check_exact=True)


def test_rows_of_the_future_have_features_and_no_value(make_demand):
    frame = make_demand(n_series=2)
    weeks = frame["time"].max() + pd.to_timedelta([7, 14, 21], unit="D")
    future = pd.DataFrame({"series": "item 00", "time": weeks, "value": np.nan})
    found = LagFeatures([2, 3], shift=2).fit_transform(pd.concat([frame, future], ignore_index=True)).tail(3)
    last = frame.loc[frame["series"] == "item 00", "value"].tolist()
    np.testing.assert_array_equal(found, [[last[-2], last[-3]], [last[-1], last[-2]], [np.nan, last[-1]]])


def test_gaps_count_as_periods():
    frame = {"time": pd.to_datetime(["2024-01-01", "2024-01-15", "2024-01-22"]), "value": [1.0, 3.0, 4.0]}
    with pytest.raises(ParameterError, match="lacks 1 periods .* gaps='zero'"):
        LagFeatures(freq="W").fit(frame)
    zero = LagFeatures([1, 2], rolling=[("mean", 2)], ema=[0.5], freq="W", gaps="zero").fit_transform(frame)
    np.testing.assert_array_equal(zero, [[np.nan] * 4, [0.0, 1.0, 0.5, 0.5], [3.0, 0.0, 1.5, 1.75]])
    missing = LagFeatures([1, 2], rolling=[("mean", 2)], ema=[0.5], freq="W", gaps="missing").fit_transform(frame)
    n, late = np.nan, 3.0 - 2.0 * (0.25 / 0.75)
    np.testing.assert_array_equal(missing, [[n] * 4, [n, 1.0, n, 1.0], [3.0, n, n, late]])


def test_stockouts_are_missing_and_not_zero():
    frame = {"time": [1, 2, 3, 4], "value": [5.0, 0.0, 7.0, 9.0], "sold_out": [False, True, False, False]}
    found = LagFeatures([1], rolling=[("sum", 2)], ema=[0.5], stockouts="sold_out").fit_transform(frame)
    n, late = np.nan, 7.0 - 2.0 * (0.25 / 0.75)
    np.testing.assert_array_equal(found, [[n, n, n], [5.0, n, 5.0], [n, n, 5.0], [7.0, n, late]])


def test_a_frame_without_a_column_of_series_is_one_series():
    frame = pd.DataFrame({"month": pd.date_range("2024-01-01", periods=4, freq="MS"), "sold": [1, 2, 4, 8]})
    lags = LagFeatures([1], rolling=[("sum", 2)], time="month", value="sold").fit(frame)
    assert lags.frequency_.name == "M"
    np.testing.assert_array_equal(lags.transform(frame), [[np.nan, np.nan], [1, np.nan], [2, 3], [4, 6]])


def test_the_season_is_that_of_the_frequency_unless_it_is_given(make_demand):
    frame = make_demand(n_series=1)
    week = (frame["time"] - pd.Timestamp("1970-01-05")).dt.days // 7
    assert LagFeatures((), time_features=["season"]).fit_transform(frame)["season"].tolist() == (week % 52).tolist()
    four = LagFeatures((), time_features=["season"], season=4).fit_transform(frame)
    assert four["season"].tolist() == (week % 4).tolist()


# -------------------------------------------------------------------------------------------- frames


def test_pandas_keeps_its_index_and_is_one_block(make_demand):
    frame = make_demand().set_index(pd.Index([f"row {i}" for i in range(len(make_demand()))], name="id"))
    found = every().fit_transform(frame)
    assert found.index.equals(frame.index)
    assert found.index.name == "id"
    assert found.to_numpy().flags.f_contiguous
    assert set(found.dtypes) == {np.dtype(np.float64)}


@pytest.mark.parametrize("order", [False, True])
def test_polars_gives_polars(make_demand, order):
    frame = make_demand()
    if order:
        frame = shuffled(frame)
    found = every().fit_transform(pl.from_pandas(frame))
    assert isinstance(found, pl.DataFrame)
    expected = every().fit_transform(frame)
    assert found.columns == list(expected.columns)
    np.testing.assert_array_equal(found.to_numpy(), expected.to_numpy())
    lazy = every().fit_transform(pl.from_pandas(frame).lazy())
    np.testing.assert_array_equal(lazy.to_numpy(), expected.to_numpy())


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, dict])
def test_set_output_is_obeyed(make_demand, container, make):
    frame = make_demand(n_series=2)
    given = (
        make({name: frame[name].to_numpy() for name in frame}) if make is not pl.DataFrame else pl.from_pandas(frame)
    )
    for found in (
        every().set_output(transform=container).fit_transform(given),
        every().set_output(transform=container).fit(given).transform(given),
    ):
        assert isinstance(found, pd.DataFrame if container == "pandas" else pl.DataFrame)
        assert list(found.columns) == every().get_feature_names_out().tolist()
        np.testing.assert_array_equal(found.to_numpy(), every().fit_transform(frame).to_numpy())


def test_names_are_there_before_fitting_and_are_the_columns(make_demand):
    names = every().get_feature_names_out()
    assert names.dtype == object
    assert names.tolist() == [
        *("lag_1", "lag_2", "lag_5", "mean_4", "sum_3", "std_4", "min_2", "max_5", "median_4", "ema_0.3", "ema_0.5"),
        *("week", "year_sin_1", "year_cos_1", "6.18", "6.18_before", "6.18_after", "春节", "春节_before", "春节_after"),
    ]
    assert list(every().fit_transform(make_demand()).columns) == names.tolist()


@pytest.mark.parametrize("order", [False, True])
def test_float32_stays_float32(make_demand, order):
    frame = make_demand().astype({"value": np.float32})
    frame = shuffled(frame) if order else frame
    found = every().fit_transform(frame)
    assert set(found.dtypes) == {np.dtype(np.float32)}
    pd.testing.assert_frame_equal(found, every().fit_transform(frame.astype({"value": float})).astype(np.float32))
    assert every().fit_transform(frame.astype({"value": int})).dtypes.iloc[0] == np.float64


# ----------------------------------------------------------------------------------------- behaviour


def test_fit_and_transform_are_fit_transform(make_demand):
    frame = shuffled(make_demand())
    pd.testing.assert_frame_equal(every().fit(frame).transform(frame), every().fit_transform(frame), check_exact=True)


def test_nothing_but_the_frequency_is_learnt(make_demand):
    frame = make_demand()
    lags = every().fit(frame)
    assert [name for name in vars(lags) if name.endswith("_")] == ["frequency_"]
    other = make_demand(n_series=3, seed=7).assign(series=lambda own: "new " + own["series"])
    pd.testing.assert_frame_equal(lags.transform(other), every().fit_transform(other), check_exact=True)
    # One row alone says nothing of its frequency, which is that of fit.
    assert lags.transform(frame.head(1))["week"].tolist() == [1.0]


@pytest.mark.filterwarnings("ignore:calendar")
def test_a_series_alone_has_the_features_it_has_among_others(make_demand):
    frame = make_demand()
    whole = every().fit_transform(frame)
    for _, own in frame.groupby("series"):
        pd.testing.assert_frame_equal(every().fit_transform(own), whole.loc[own.index], check_exact=True)


def test_any_n_jobs_gives_the_same_bits():
    n_series, n_periods = 400, 120
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "series": np.repeat(np.arange(n_series), n_periods),
            "time": np.tile(np.arange(n_periods), n_series),
            "value": rng.random(n_series * n_periods),
        }
    )
    for given in (frame, shuffled(frame)):
        expected = LagFeatures(LAGS, rolling=ROLLING, ema=EMA).fit_transform(given)
        for n_jobs in (1, 2, 3, -1):
            found = LagFeatures(LAGS, rolling=ROLLING, ema=EMA, n_jobs=n_jobs).fit_transform(given)
            pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_the_callers_frame_and_the_transformer_stay_as_they_are(make_demand):
    frame = shuffled(make_demand())
    before = frame.copy()
    lags = every().fit(frame)
    state = pickle.dumps(lags)
    lags.transform(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert pickle.dumps(lags) == state


def test_clone_and_pickle(make_demand):
    frame = make_demand()
    lags = every().fit(frame)
    expected = lags.transform(frame)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(lags)).transform(frame), expected)
    copy = clone(lags)
    with pytest.raises(NotFittedError):
        copy.transform(frame)
    pd.testing.assert_frame_equal(copy.fit_transform(frame), expected)


def test_it_stands_before_a_regressor(make_demand):
    """Each row's features precede its value, so the value may be the target."""
    frame = make_demand(n_series=20)
    lags = LagFeatures([1, 2], rolling=[("mean", 4)], time_features=["week"])
    model = make_pipeline(lags, SimpleImputer(), LinearRegression()).fit(frame, frame["value"])
    assert len(model.predict(frame)) == len(frame)
    assert model.score(frame, frame["value"]) > 0.5


def test_one_series_of_one_row():
    frame = pd.DataFrame({"time": pd.to_datetime(["2024-01-01"]), "value": [3.0]})
    found = LagFeatures([1], rolling=[("mean", 2)], time_features=["month"], freq="M").fit_transform(frame)
    np.testing.assert_array_equal(found, [[np.nan, np.nan, 1.0]])


# ----------------------------------------------------------------------------------- named dates


def test_a_name_without_a_date_among_the_rows_is_a_warning(make_demand):
    frame = make_demand()
    calendar = {"date": ["2023-02-15", "2030-04-21"], "name": ["春节", "Easter"]}
    lags = LagFeatures(calendar=calendar)
    for fit in (lags.fit, lags.fit_transform):
        with pytest.warns(CrmkitWarning, match="calendar: 'Easter' has no day in the periods of X, from 2023-") as seen:
            fit(frame)
        assert [warning.filename for warning in seen] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = lags.transform(frame)
        every().fit(frame)
    assert found[["Easter", "Easter_before", "Easter_after"]].to_numpy().sum() == 0
    assert found["春节"].sum() == (frame["time"] == "2023-02-13").sum()


def test_the_run_up_is_seen(make_demand):
    frame = make_demand(n_series=1)
    found = every().fit_transform(frame).set_index(frame["time"])
    assert found.loc["2023-02-06":"2023-02-20", "春节"].tolist() == [0, 2, 0]
    assert found.loc["2023-02-06":"2023-02-20", "春节_before"].tolist() == [2, 0, 0]
    assert found.loc["2023-02-06":"2023-02-20", "春节_after"].tolist() == [0, 0, 2]


# ------------------------------------------------------------------------------------ what is refused


def test_snapshots_are_refused():
    log = EventLog.from_frame(make_purchases(20, random_state=0)[0], customer="customer_id", time="time")
    for X in (log, log.snapshot()):
        with pytest.raises(ParameterError, match="X of LagFeatures is .* Pass a long frame of series"):
            LagFeatures().fit(X)


def test_nothing_to_make():
    with pytest.raises(ParameterError, match="LagFeatures has nothing to make"):
        LagFeatures(lags=()).fit({"time": [1, 2], "value": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lags": 3}, "'lags'"),
        ({"shift": 1.5}, "'shift'"),
        ({"rolling": [("mean",)]}, "'rolling'"),
        ({"ema": [2.0]}, "'ema'"),
        ({"time_features": ["hour"]}, "'time_features' .* for periods of freq 'W'"),
        ({"calendar": 3}, "'calendar'"),
        ({"season": 0}, "'season'"),
        ({"gaps": "drop"}, "'gaps'"),
        ({"freq": "fortnight"}, "'freq'"),
        ({"series": 3}, "'series'"),
        ({"time": None}, "'time'"),
        ({"value": b"value"}, "'value'"),
        ({"stockouts": 1}, "'stockouts'"),
        ({"n_jobs": 1.5}, "'n_jobs'"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_parameters_are_refused_by_name(make_demand, options, said):
    with pytest.raises(ValueError, match=said):
        LagFeatures(**options).fit(make_demand(n_series=1))


def test_columns_that_are_not_there(make_demand):
    with pytest.raises(ColumnNotFoundError, match="value='sold'"):
        LagFeatures(value="sold").fit(make_demand(n_series=1))


def test_another_frequency_than_that_of_fit_is_refused(make_demand):
    lags = LagFeatures().fit(make_demand(n_series=1))
    with pytest.raises(ParameterError, match="freq"):
        lags.transform({"time": [1, 2, 3], "value": [1.0, 2.0, 3.0]})


def test_two_rows_of_one_period_are_refused():
    frame = {"time": pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-08"]), "value": [1.0, 2.0, 3.0]}
    with pytest.raises(ParameterError, match="1 of 3 rows whose series and period stand in an earlier row"):
        LagFeatures().fit(frame)
