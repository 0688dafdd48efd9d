"""Back-tests against a plain loop over origins, and against metrics of crmkit and scikit-learn."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import mean_absolute_error

from crmkit.exceptions import ParameterError
from crmkit.forecast import (
    CrostonForecaster,
    EMAForecaster,
    MovingAverageForecaster,
    NaiveForecaster,
    SeasonalNaiveForecaster,
    rolling_origin,
)
from crmkit.forecast._forecaster import Forecaster
from crmkit.metrics import (
    forecast_bias,
    interval_coverage,
    mean_absolute_scaled_error,
    naive_scale,
    pinball_loss,
    weighted_absolute_percentage_error,
)

WEEK = pd.Timedelta(days=7)


def loop(model, frame, steps, origins, coverage, season):
    """Fit on what was before each origin, with the public methods alone; a row for each forecast."""
    rows = []
    for origin in origins:
        past = frame[frame["time"] < origin]
        alive = past.groupby("series")["time"].max() == origin - WEEK
        fitted = copy.deepcopy(model).set_params(steps=steps).fit(past)
        said = fitted.predict()
        low, high = fitted.predict_interval(coverage=coverage).T
        said = said.assign(low=low, high=high, step=np.tile(np.arange(1, steps + 1), len(alive)), origin=origin)
        said = said[said["series"].isin(alive.index[alive])]
        scales = {key: naive_scale(group["value"], season) for key, group in past.groupby("series")}
        rows.append(said.assign(scale=said["series"].map(scales)).merge(frame, on=["series", "time"]))
    return pd.concat(rows, ignore_index=True)


def scores_of(rows, coverage):
    y, said = rows["value"].to_numpy(), rows["forecast"].to_numpy()
    low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
    known = ~np.isnan(y)
    tail = (1 - coverage) / 2
    return {
        "n": known.sum(),
        "mae": mean_absolute_error(y[known], said[known]),
        "wape": weighted_absolute_percentage_error(y, said),
        "mase": mean_absolute_scaled_error(y, said, rows["scale"].to_numpy()),
        "bias": forecast_bias(y, said),
        "pinball": (pinball_loss(y, low, tail) + pinball_loss(y, high, 1 - tail)) / 2,
        "coverage": interval_coverage(y, low, high),
    }


@pytest.fixture(scope="module")
def shop(make_demand):
    """Series that begin at different times; one ends early, one has unknown values."""
    frame = make_demand(12, 60)
    last = frame["time"].max()
    frame = frame[(frame["series"] != "item 03") | (frame["time"] < last - 6 * WEEK)].reset_index(drop=True)
    frame.loc[(frame["series"] == "item 05") & (frame["time"] > last - 4 * WEEK), "value"] = np.nan
    return frame


MODELS = {"ema": EMAForecaster(), "croston": CrostonForecaster("sba"), "mean": MovingAverageForecaster(8)}


@pytest.mark.parametrize("stride", [None, 2])
def test_as_a_loop_over_origins(shop, stride):
    steps, n_origins, coverage, season = 3, 4, 0.8, 5
    found = rolling_origin(
        MODELS, shop, steps=steps, n_origins=n_origins, stride=stride, coverage=coverage, season=season
    )
    apart = (stride or steps) * WEEK
    origins = [shop["time"].max() + WEEK - steps * WEEK - k * apart for k in reversed(range(n_origins))]
    named = {**MODELS, "seasonal_naive": SeasonalNaiveForecaster(season=season)}
    table = found.scores.set_index("model")
    assert sorted(table.index) == sorted(named)
    assert table["mase"].is_monotonic_increasing
    for name, model in named.items():
        rows = loop(model, shop, steps, origins, coverage, season)
        own = found.predictions[found.predictions["model"] == name].reset_index(drop=True)
        expected = rows.rename(columns={"value": "actual"})
        pd.testing.assert_frame_equal(
            own[["origin", "series", "time", "step", "actual", "forecast", "low", "high", "is_fallback"]],
            expected[["origin", "series", "time", "step", "actual", "forecast", "low", "high", "is_fallback"]],
            check_dtype=False,
        )
        assert table.loc[name].to_dict() == pytest.approx(scores_of(rows, coverage))
        steps_found = found.by_step[found.by_step["model"] == name].set_index("step")
        for step, part in rows.groupby("step"):
            assert steps_found.loc[step].drop("model").to_dict() == pytest.approx(scores_of(part, coverage))
        series_found = found.by_series[found.by_series["model"] == name].set_index("series")
        assert sorted(series_found.index) == sorted(set(rows["series"]))
        part = rows[rows["series"] == "item 01"]
        assert series_found.loc["item 01"].drop("model").to_dict() == pytest.approx(scores_of(part, coverage))


def test_air_passengers(golden, published):
    found = golden["air_passengers"]
    models = {"naive": NaiveForecaster(), "ema_0.3": EMAForecaster(), "mean_12": MovingAverageForecaster(12)}
    result = rolling_origin(models, published("air_passengers"), steps=24, n_origins=1, coverage=0.8)
    table = result.scores.set_index("model")
    for name, expected in found["errors"].items():
        assert table.loc[name, "mae"] == pytest.approx(expected["mae"], abs=0.005)
        assert table.loc[name, "mase"] == pytest.approx(expected["mase"], abs=5e-4)
    assert result.scores["model"].tolist() == ["seasonal_naive", "mean_12", "ema_0.3", "naive"]
    assert "1 series, 1 origin, steps 1 to 24" in repr(result)


def test_what_comes_after_an_origin_is_never_seen(shop):
    """Poison from a time on changes nothing that was said at origins before it."""
    models = {**MODELS, "auto": EMAForecaster(alpha="auto"), "seasonal": SeasonalNaiveForecaster(season=4)}
    said = rolling_origin(models, shop, steps=2, n_origins=5).predictions
    middle = sorted(set(said["origin"]))[2]
    poisoned = shop.assign(value=shop["value"].where(shop["time"] < middle, 1e9))
    again = rolling_origin(models, poisoned, steps=2, n_origins=5).predictions
    columns = ["forecast", "low", "high"]
    early = said["origin"] <= middle
    assert early.any()
    pd.testing.assert_frame_equal(again.loc[early, columns], said.loc[early, columns], check_exact=True)
    assert not np.array_equal(again.loc[~early, "forecast"], said.loc[~early, "forecast"])


def test_each_origin_has_a_model_of_its_own(shop):
    seen = []

    class Spy(NaiveForecaster):
        def _learn(self, panel):
            seen.append(int(panel.last.max()))

    frame = {"time": range(40), "value": np.arange(40.0)}
    rolling_origin(Spy(calibration=0), frame, steps=3, n_origins=3)
    assert seen == [30, 33, 36]
    seen.clear()
    rolling_origin(Spy(calibration=0), frame, steps=3, n_origins=3, refit=False)
    assert seen == [30]


def test_without_refit_histories_still_grow(shop):
    models = {"naive": NaiveForecaster(), "ema": EMAForecaster()}
    once, anew = (rolling_origin(models, shop, steps=2, refit=refit, coverage=None) for refit in (False, True))
    pd.testing.assert_frame_equal(once.predictions, anew.predictions)


def test_the_estimators_stay_as_they_were(shop):
    model = EMAForecaster(alpha="auto", steps=7)
    before = shop.copy()
    rolling_origin({"own": model}, shop, steps=2)
    assert model.get_params() == EMAForecaster(alpha="auto", steps=7).get_params()
    assert not hasattr(model, "alpha_")
    pd.testing.assert_frame_equal(shop, before)


def test_same_bits_for_any_number_of_threads(shop):
    one, three = (rolling_origin(MODELS, shop, steps=2, n_jobs=n) for n in (1, 3))
    pd.testing.assert_frame_equal(one.predictions, three.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.scores, three.scores, check_exact=True)


# ------------------------------------------------------------------------------------------ names and frames


def test_names_of_forecasters(shop):
    def names(forecasters):
        return sorted(rolling_origin(forecasters, shop, steps=1, n_origins=1, coverage=None).scores["model"])

    assert names(NaiveForecaster()) == ["NaiveForecaster", "seasonal_naive"]
    twice = [EMAForecaster(), EMAForecaster(alpha=0.1)]
    assert names(twice) == ["EMAForecaster", "EMAForecaster_2", "seasonal_naive"]
    assert names({"seasonal_naive": SeasonalNaiveForecaster(season=4)}) == ["seasonal_naive"]
    assert names([]) == ["seasonal_naive"]
    with pytest.raises(ParameterError, match="named otherwise than 'seasonal_naive'"):
        names({"seasonal_naive": NaiveForecaster()})


def test_columns_are_those_of_the_forecasters(shop):
    frame = pl.from_pandas(shop.rename(columns={"series": "sku", "time": "week", "value": "sold"}))
    model = EMAForecaster(series="sku", time="week", value="sold")
    found = rolling_origin([model, NaiveForecaster()], frame, steps=2)
    expected = rolling_origin([EMAForecaster(), NaiveForecaster()], shop, steps=2)
    assert isinstance(found.predictions, pl.DataFrame)
    assert found.predictions.columns[:4] == ["model", "origin", "sku", "week"]
    assert found.scores.to_dict(as_series=False) == expected.scores.to_dict("list")
    assert found.by_series.columns[:2] == ["model", "sku"]
    said = rolling_origin(NaiveForecaster(), frame, steps=2, series="sku", time="week", value="sold")
    assert len(said.scores) == 2
    with pytest.raises(ParameterError, match="The forecasters say series='item' and 'sku'"):
        rolling_origin([model, NaiveForecaster(series="item")], frame, steps=2)
    with pytest.raises(ParameterError, match="has no parameter 'horizon'"):
        rolling_origin(model, frame, steps=2, horizon=3)


class WithPrice(Forecaster):
    """Forecasts the price."""

    def _learn(self, panel):
        pass

    def _exogenous(self):
        return ("price",)

    def _forecast(self, panel, steps, future=None):
        return future["price"]


def test_columns_known_in_advance_are_taken_from_the_frame():
    price = np.random.default_rng(0).uniform(1, 2, size=50)
    frame = {"time": range(50), "value": price, "price": price}
    found = rolling_origin({"price": WithPrice()}, frame, steps=4)
    assert found.scores["model"].tolist() == ["price", "seasonal_naive"]
    assert found.scores["mae"].tolist()[0] == 0


# ------------------------------------------------------------------------------------------ how sure


def test_intervals_of_scores_resample_series(shop):
    found = rolling_origin(MODELS, shop, steps=2, coverage=0.8)
    table = found.scores.set_index("model")
    for metric in ("mae", "wape", "mase", "bias", "pinball", "coverage"):
        score = found.estimate("ema", metric)
        assert float(score) == pytest.approx(table.loc["ema", metric])
        assert score.low <= score.value <= score.high
        assert score.n == 11
    gain = found.gain("ema")
    assert float(gain) == pytest.approx(table.loc["seasonal_naive", "mase"] - table.loc["ema", "mase"])
    assert float(found.gain("seasonal_naive")) == 0
    narrower = found.gain("ema", coverage=0.5)
    assert gain.low < narrower.low <= narrower.high < gain.high
    with pytest.raises(ParameterError, match="'metric' parameter of RollingOrigin.gain"):
        found.gain("ema", "bias")
    with pytest.raises(ParameterError, match="'model' parameter of RollingOrigin.estimate"):
        found.estimate("arima")


def test_one_series_is_resampled_by_origins(published):
    frame = published("air_passengers")
    found = rolling_origin(EMAForecaster(), frame, steps=6, n_origins=5, coverage=None)
    score = found.estimate("EMAForecaster")
    assert score.n == 5
    errors = found.predictions.query("model == 'EMAForecaster'").groupby("origin")
    assert len(errors) == 5
    assert score.low < score.value < score.high
    with pytest.raises(ParameterError, match="Pass n_origins=2 or more"):
        rolling_origin(EMAForecaster(), frame, steps=6, n_origins=1).gain("EMAForecaster")


def test_without_intervals(shop):
    found = rolling_origin(MODELS, shop, steps=2, coverage=None)
    assert found.scores[["pinball", "coverage"]].isna().all(axis=None)
    assert found.predictions[["low", "high"]].isna().all(axis=None)
    assert found.scores["mae"].notna().all()
    with pytest.raises(ParameterError, match="'coverage' is not defined"):
        found.estimate("ema", "coverage")


# ------------------------------------------------------------------------------------------ odd series


def test_mase_of_short_and_constant_series():
    """A season that a series has not seen is replaced by a period; one that never changes has no scale."""
    frame = pd.DataFrame(
        {
            "series": ["long"] * 10 + ["short"] * 4 + ["flat"] * 10,
            "time": [*range(10), *range(6, 10), *range(10)],
            "value": [0.0, 4, 0, 4, 0, 4, 0, 4, 0, 9, 1, 3, 1, 5, *[2.0] * 10],
        }
    )
    found = rolling_origin(NaiveForecaster(), frame, steps=1, n_origins=1, season=5, coverage=None)
    table = found.by_series[found.by_series["model"] == "NaiveForecaster"].set_index("series")
    assert table.loc["long", "mase"] == 9 / 4  # over five periods: 4, 4, 4, 4
    assert table.loc["short", "mase"] == 4 / 2
    assert np.isnan(table.loc["flat", "mase"])
    assert table.loc["flat", "mae"] == 0
    assert found.scores.set_index("model").loc["NaiveForecaster", "mase"] == (9 / 4 + 4 / 2) / 2


def test_a_series_of_zeros_has_no_wape():
    frame = {"series": [1] * 6 + [2] * 6, "time": [*range(6)] * 2, "value": [0.0] * 6 + [1, 2, 3, 4, 5, 6]}
    found = rolling_origin(NaiveForecaster(), frame, steps=2, n_origins=1, coverage=None)
    assert np.isnan(found.by_series["wape"]).tolist() == [True, False] * 2
    assert found.scores["wape"].notna().all()


def test_unknown_values_are_not_scored():
    frame = {"time": range(8), "value": [1.0, 2, 3, 4, 5, 6, np.nan, 8]}
    found = rolling_origin(NaiveForecaster(), frame, steps=2, n_origins=1, coverage=None)
    assert found.scores["n"].tolist() == [1, 1]
    assert found.scores["mae"].tolist() == [2.0, 2.0]
    assert len(found.predictions) == 4


def test_stockouts_are_not_scored():
    frame = {"time": range(8), "value": [4.0] * 6 + [0.0, 4.0], "out": [False] * 6 + [True, False]}
    found = rolling_origin(NaiveForecaster(), frame, steps=2, n_origins=1, coverage=None, stockouts="out")
    assert found.scores["n"].tolist() == [1, 1]
    assert found.scores["mae"].tolist() == [0.0, 0.0]


# ------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"steps": 0}, "'steps' parameter of rolling_origin"),
        ({"n_origins": 0}, "'n_origins' parameter of rolling_origin"),
        ({"stride": 1.5}, "'stride' parameter of rolling_origin"),
        ({"refit": 1}, "'refit' parameter of rolling_origin"),
        ({"coverage": 1.0}, "'coverage' parameter of rolling_origin"),
        ({"season": 0}, "'season' parameter of rolling_origin"),
        ({"steps": 10, "n_origins": 6}, "has at most 60 periods: too few for 6 origins, 10 apart"),
    ],
)
def test_parameters_that_are_refused(shop, parameters, message):
    with pytest.raises(ParameterError, match=message):
        rolling_origin(NaiveForecaster(), shop, **{"steps": 2, **parameters})


def test_columns_that_tables_would_overwrite():
    frame = {"step": [1] * 9, "time": range(9), "value": range(9)}
    with pytest.raises(ParameterError, match="series='step' is the name of a column"):
        rolling_origin(NaiveForecaster(), frame, steps=2, n_origins=1, series="step")


def test_what_is_no_forecaster(shop):
    from sklearn.linear_model import LinearRegression

    with pytest.raises(ParameterError, match="DemandForecaster"):
        rolling_origin(LinearRegression(), shop, steps=2)
    with pytest.raises(ParameterError, match="'forecasters' parameter of rolling_origin"):
        rolling_origin({"naive": NaiveForecaster}, shop, steps=2)
    with pytest.raises(ParameterError, match="named by text"):
        rolling_origin({3: NaiveForecaster()}, shop, steps=2)


def test_an_error_says_where():
    frame = {"time": pd.date_range("2024-01-01", periods=9, freq="MS"), "value": [1.0, -2, *range(7)]}
    with pytest.raises(ParameterError, match="negative in 1 of") as caught:
        rolling_origin(CrostonForecaster(), pd.DataFrame(frame), steps=2, n_origins=2)
    assert any("origin 2024-06-01" in note for note in caught.value.__notes__)
