"""What all forecasters promise: the frame of forecasts, purity, and intervals from past origins."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from crmkit.events import EventLog
from crmkit.exceptions import ParameterError
from crmkit.forecast import (
    CrostonForecaster,
    EMAForecaster,
    MovingAverageForecaster,
    NaiveForecaster,
    SeasonalNaiveForecaster,
)
from crmkit.forecast._forecaster import Forecaster

MODELS = [
    NaiveForecaster(steps=2),
    SeasonalNaiveForecaster(steps=2, season=4),
    MovingAverageForecaster(5, steps=2),
    EMAForecaster(steps=2),
    EMAForecaster(alpha="auto", steps=2),
    CrostonForecaster("classic", steps=2),
    CrostonForecaster("tsb", steps=2),
]
every_model = pytest.mark.parametrize("model", MODELS, ids=repr)


class WithPrice(Forecaster):
    """Forecasts the price times the last value over the last price: the least that needs a further column."""

    def _learn(self, panel):
        self.n_learnt_ = len(panel)

    def _exogenous(self):
        return ("price",)

    def _forecast(self, panel, steps, future=None):
        last = panel.pointers[1:] - 1
        return (panel.values[last] / panel.exogenous["price"][last])[:, None] * future["price"]


# ------------------------------------------------------------------------------------------ frames


@every_model
def test_the_frame_of_forecasts(model, make_demand):
    frame = make_demand()
    said = clone(model).fit(frame).predict()
    assert said.columns.tolist() == ["series", "time", "forecast", "is_fallback"]
    assert said["series"].tolist() == np.repeat(sorted(set(frame["series"])), 2).tolist()
    assert said["time"].tolist() == list(pd.date_range("2023-10-09", periods=2, freq="7D")) * 6
    assert said["forecast"].notna().all()
    assert said["is_fallback"].dtype == bool


def test_each_series_goes_on_after_its_own_end():
    frame = {"series": [1, 1, 2], "time": ["2024-01-01", "2024-02-01", "2024-07-01"], "value": [1.0, 2.0, 3.0]}
    said = NaiveForecaster().fit(frame).predict(steps=2)
    assert said["time"].astype(str).tolist() == ["2024-03-01", "2024-04-01", "2024-08-01", "2024-09-01"]


def test_frames_come_back_as_they_went_in(make_demand):
    frame = make_demand().rename(columns={"series": "货号", "time": "week", "value": "sold"})
    columns = {"series": "货号", "time": "week", "value": "sold"}
    pandas = EMAForecaster(**columns).fit(frame).predict(3)
    polars = EMAForecaster(**columns).fit(pl.from_pandas(frame)).predict(3)
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == pandas.columns.tolist() == ["货号", "week", "forecast", "is_fallback"]
    assert polars.to_dict(as_series=False) == pandas.to_dict("list")


def test_every_kind_of_frame(make_frame, make_demand):
    frame = make_demand(2, 20)
    said = EMAForecaster().fit(make_frame({name: frame[name].to_numpy() for name in frame})).predict(2)
    expected = EMAForecaster().fit(frame).predict(2)
    assert np.asarray(said["forecast"]).tolist() == expected["forecast"].tolist()
    assert np.asarray(said["series"]).tolist() == expected["series"].tolist()


def test_the_demand_of_a_log():
    rng = np.random.default_rng(0)
    bought = {
        "customer": rng.integers(0, 40, 600),
        "time": np.datetime64("2024-01-01") + rng.integers(0, 140, 600),
        "sku": rng.choice(["tea", "cup", "pot"], 600),
    }
    log = EventLog.from_frame(bought, customer="customer", time="time", item="sku", observed_until="2024-05-20")
    demand = log.demand("W", by="item", of="purchases")
    said = SeasonalNaiveForecaster(steps=2, season=4).fit(demand).predict()
    assert said["series"].tolist() == ["cup", "cup", "pot", "pot", "tea", "tea"]
    assert said["time"].astype(str).tolist() == ["2024-05-20", "2024-05-27"] * 3
    last = demand.groupby("series")["value"].apply(lambda sold: sold.tolist()[-4:-2]).sum()
    assert said["forecast"].tolist() == last


def test_months_in_a_zone():
    months = pd.date_range("2024-01-01", periods=3, freq="MS", tz="Europe/London")
    said = NaiveForecaster().fit(pd.DataFrame({"time": months, "value": [1.0, 2.0, 3.0]})).predict(2)
    assert said["time"].tolist() == list(pd.date_range("2024-04-01", periods=2, freq="MS", tz="Europe/London"))


# ------------------------------------------------------------------------------------------ purity


@every_model
def test_predictions_change_nothing(model, make_demand):
    model = clone(model).fit(make_demand())
    before = pickle.dumps(model)
    first = model.predict()
    other = model.predict(5, make_demand(3, 30, seed=7))
    model.predict_interval(coverage=0.8)
    assert pickle.dumps(model) == before
    pd.testing.assert_frame_equal(model.predict(), first, check_exact=True)
    pd.testing.assert_frame_equal(model.predict(5, make_demand(3, 30, seed=7)), other, check_exact=True)


@every_model
def test_the_frame_is_not_changed_nor_kept(model, make_demand):
    frame = make_demand()
    frame["value"] = frame["value"].to_numpy().copy()
    before = frame.copy()
    model = clone(model).fit(frame)
    said = model.predict()
    pd.testing.assert_frame_equal(frame, before)
    frame.loc[:, "value"] = -1e9
    pd.testing.assert_frame_equal(model.predict(), said, check_exact=True)


@every_model
def test_the_order_of_rows_does_not_matter(model, make_demand):
    frame = make_demand()
    said = clone(model).fit(frame).predict()
    shuffled = frame.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(clone(model).fit(shuffled).predict(), said, check_exact=True)


@every_model
def test_a_poisoned_neighbour_changes_no_bit(model, make_demand):
    frame = make_demand()
    model = clone(model).fit(frame)
    said = model.predict(4, frame)
    poisoned = frame.assign(value=frame["value"].where(frame["series"] != "item 02", 1e12))
    again = model.predict(4, poisoned)
    others = said["series"] != "item 02"
    pd.testing.assert_frame_equal(again[others], said[others], check_exact=True)
    alone = model.predict(4, frame[frame["series"] == "item 03"])
    assert alone["forecast"].tolist() == said.loc[said["series"] == "item 03", "forecast"].tolist()
    ends = model.predict_interval(2, frame, 0.8).reshape(6, 2, 2)
    assert np.array_equal(
        model.predict_interval(2, poisoned, 0.8).reshape(6, 2, 2)[[0, 1, 3, 4, 5]], ends[[0, 1, 3, 4, 5]]
    )


@every_model
def test_pickles_and_clones(model, make_demand):
    model = clone(model).fit(make_demand())
    again = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(again.predict(), model.predict(), check_exact=True)
    assert np.array_equal(again.predict_interval(coverage=0.8), model.predict_interval(coverage=0.8))
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "frequency_")


@every_model
def test_the_history_of_fit_is_the_default(model, make_demand):
    frame = make_demand()
    model = clone(model).fit(frame)
    pd.testing.assert_frame_equal(model.predict(3, frame), model.predict(3), check_exact=True)
    assert np.array_equal(model.predict_interval(X=frame, coverage=0.8), model.predict_interval(coverage=0.8))


def test_new_and_short_series_are_forecast():
    model = SeasonalNaiveForecaster(season=3).fit({"series": [1] * 4, "time": range(4), "value": range(4)})
    said = model.predict(2, {"series": [7, 8, 8], "time": [9, 1, 2], "value": [5.0, 1.0, 6.0]})
    assert said["series"].tolist() == [7, 7, 8, 8]
    assert said["forecast"].tolist() == [5.0, 5.0, 6.0, 1.0]
    assert said["is_fallback"].tolist() == [True, True, True, False]


# ------------------------------------------------------------------------------------------ clip


def test_forecasts_are_cut_at_zero_only_if_values_are():
    down = {"time": range(30), "value": [30.0 - t for t in range(30)]}
    low, _ = NaiveForecaster(steps=9, calibration=15).fit(down).predict_interval(coverage=0.8).T
    assert low.min() == 0
    low, _ = NaiveForecaster(steps=9, calibration=15, clip=False).fit(down).predict_interval(coverage=0.8).T
    assert low.min() < 0
    below = {"time": range(3), "value": [3.0, 0.0, -2.0]}
    assert NaiveForecaster().fit(below).predict()["forecast"].item() == -2
    # What fit saw counts, and not what is forecast from.
    assert NaiveForecaster().fit(down).predict(X=below)["forecast"].item() == 0


# ------------------------------------------------------------------------------------------ intervals


def test_intervals_by_hand():
    """From the errors of a naive forecast two steps ahead, in units of each series, at five origins."""
    rng = np.random.default_rng(5)
    values = {key: np.round(np.cumsum(rng.normal(size=30)) * 10**key, 3) for key in (0, 1)}
    frame = pd.DataFrame(
        {
            "series": np.repeat([0, 1], 30),
            "time": np.tile(np.arange(30), 2),
            "value": np.concatenate(list(values.values())),
        }
    )
    found = NaiveForecaster(steps=2, calibration=5).fit(frame).predict_interval(coverage=0.8)
    for step in (1, 2):
        errors = sorted(
            (y[origin + step - 1] - y[origin - 1]) / np.abs(np.diff(y[:origin])).mean()
            for y in values.values()
            for origin in range(24, 29)
        )
        # Of 11 exchangeable errors, 0.2 * 11 = 2 miss: one below the smallest of ten, one above the largest.
        for key, y in values.items():
            unit = np.abs(np.diff(y)).mean()
            expected = y[-1] + unit * np.array([errors[0], errors[-1]])
            assert found[2 * key + step - 1] == pytest.approx(expected)


def test_intervals_hold_what_they_promise():
    rng = np.random.default_rng(11)
    walks = np.cumsum(rng.standard_t(4, size=(400, 60)), axis=1) * rng.lognormal(size=(400, 1))
    frame = pd.DataFrame(
        {"series": np.repeat(np.arange(400), 60), "time": np.tile(np.arange(60), 400), "value": walks.ravel()}
    )
    past = frame[frame["time"] < 55]
    for coverage in (0.5, 0.8, 0.95):
        ends = NaiveForecaster(steps=5).fit(past).predict_interval(coverage=coverage).reshape(400, 5, 2)
        inside = (ends[:, :, 0] <= walks[:, 55:]) & (walks[:, 55:] <= ends[:, :, 1])
        assert inside.mean() == pytest.approx(coverage, abs=0.04)
        widths = (ends[:, :, 1] - ends[:, :, 0]).mean(axis=0)
        assert (np.diff(widths) > 0).all()


def test_intervals_know_nothing_of_what_came_after_an_origin():
    """The model of the calibration is fitted before the first of the origins."""
    seen = []

    class Spy(NaiveForecaster):
        def _learn(self, panel):
            seen.append(int(panel.last.max()))

    frame = pd.DataFrame({"time": range(30), "value": np.arange(30.0)})
    Spy(steps=3, calibration=4).fit(frame)
    assert seen == [29, 23]  # origins 24, 25, 26, 27


def test_why_there_are_no_intervals():
    frame = {"time": range(12), "value": range(12)}
    with pytest.raises(ParameterError, match="calibration=0"):
        NaiveForecaster(calibration=0).fit(frame).predict_interval()
    with pytest.raises(ParameterError, match=r"19 errors at past origins are needed for each step. There are 6\."):
        NaiveForecaster().fit(frame).predict_interval()
    with pytest.raises(ParameterError, match="at most the steps=1 of the constructor"):
        NaiveForecaster().fit(frame).predict_interval(steps=2)
    with pytest.raises(ParameterError, match="12 periods are too few"):
        NaiveForecaster(steps=12).fit(frame).predict_interval()
    with pytest.raises(ParameterError, match="'coverage' parameter of NaiveForecaster.predict_interval"):
        NaiveForecaster().fit(frame).predict_interval(coverage=1.0)
    assert NaiveForecaster(calibration=9).fit(frame).predict_interval(coverage=0.8).shape == (1, 2)


def test_items_that_come_and_go_have_intervals():
    """Where few series reach up to the last period, more origins make up for it."""
    rng = np.random.default_rng(0)
    parts = []
    for item in range(30):
        days = pd.date_range("2024-01-01", periods=int(rng.integers(5, 60)), freq="D") + pd.Timedelta(days=item)
        parts.append(pd.DataFrame({"series": item, "time": days, "value": rng.poisson(4, len(days))}))
    frame = pd.concat(parts)
    model = NaiveForecaster().fit(frame)
    assert model.predict_interval().shape == (30, 2)
    assert len(model._intervals[0].errors[0]) >= 100


@pytest.mark.parametrize("steps", [1, 3])
def test_as_many_origins_as_give_enough_errors(steps):
    rng = np.random.default_rng(1)
    for _ in range(20):
        n = int(rng.integers(1, 40))
        firsts, lengths = rng.integers(0, 30, n), rng.integers(1, 40, n)
        frame = pd.DataFrame(
            {
                "series": np.repeat(np.arange(n), lengths),
                "time": np.concatenate([np.arange(a, a + k) for a, k in zip(firsts, lengths, strict=True)]),
            }
        ).assign(value=1.0)
        model = NaiveForecaster(steps=steps).fit(frame)
        end, begin = int((firsts + lengths).max()), int(firsts.min())
        most, errors, origins = (end - begin) // 2 - steps + 1, 0, 0
        while origins < most and (errors < 100 or origins < 4):
            origin = end - steps - origins
            errors += sum(a < origin and a + k >= origin + steps for a, k in zip(firsts, lengths, strict=True))
            origins += 1
        assert [len(known.errors[0]) for known in model._intervals[-1:]] == ([errors] if origins else [])


def test_a_series_of_zeros_has_an_interval(make_demand):
    frame = make_demand()
    frame.loc[frame["series"] == "item 01", "value"] = 0.0
    ends = NaiveForecaster().fit(frame).predict_interval(coverage=0.8)
    assert ends[1, 0] == 0 < ends[1, 1]


# ------------------------------------------------------------------------------------------ known in advance


def test_columns_known_in_advance():
    frame = pd.DataFrame(
        {
            "series": [1, 1, 1, 2, 2],
            "time": [1, 2, 3, 1, 2],
            "value": [2.0, 4.0, 6.0, 5.0, 5.0],
            "price": [1.0, 2.0, 3.0, 1.0, 1.0],
        }
    )
    model = WithPrice(calibration=0).fit(frame)
    future = pd.DataFrame({"series": [2, 1, 1, 2, 3], "time": [4, 5, 4, 3, 9], "price": [8.0, 10.0, 20.0, 7.0, 0.0]})
    assert model.predict(2, future=future)["forecast"].tolist() == [40.0, 20.0, 35.0, 40.0]
    with pytest.raises(ParameterError, match=r"future=None, but this WithPrice uses \['price'\]"):
        model.predict()
    with pytest.raises(
        ParameterError, match="lacks values of .* in 2 of 6 periods to come, the first at 6 of series 0"
    ):
        model.predict(3, future=future)
    with pytest.raises(ParameterError, match="the first at 4 of series 0"):
        model.predict(1, future=future[future["series"] != 1])


def test_intervals_with_columns_known_in_advance():
    rng = np.random.default_rng(0)
    price = rng.uniform(1, 2, size=60)
    frame = pd.DataFrame({"time": range(60), "value": 3 * price, "price": price})
    model = WithPrice().fit(frame)
    ends = model.predict_interval(coverage=0.8, future={"time": [60], "price": [10.0]})
    assert ends == pytest.approx(np.array([[30.0, 30.0]]))


# ------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"steps": 0}, "'steps' parameter of NaiveForecaster"),
        ({"calibration": -1}, "'calibration' parameter of NaiveForecaster"),
        ({"calibration": "always"}, "'calibration' parameter of NaiveForecaster"),
        ({"clip": "yes"}, "'clip' parameter of NaiveForecaster"),
        ({"gaps": "fill"}, "'gaps' parameter of NaiveForecaster"),
        ({"series": 3}, "'series' parameter of NaiveForecaster"),
        ({"freq": "fortnight"}, "'freq' parameter of NaiveForecaster"),
    ],
)
def test_parameters_that_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        NaiveForecaster(**parameters).fit({"time": [1, 2], "value": [1.0, 2.0]})


def test_steps_that_are_refused():
    model = NaiveForecaster().fit({"time": [1, 2], "value": [1.0, 2.0]})
    with pytest.raises(ParameterError, match="'steps' parameter of NaiveForecaster.predict"):
        model.predict(0)


def test_a_frame_in_the_place_of_steps_is_not_shown():
    model = NaiveForecaster().fit({"time": [1, 2], "value": [1.0, 2.0]})
    with pytest.raises(ParameterError, match=r"predict\(X=...\)") as caught:
        model.predict(pd.DataFrame({"series": ["Mrs Smith"], "time": [1], "value": [2.0]}))
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize("name", ["forecast", "is_fallback"])
@pytest.mark.parametrize("parameter", ["series", "time"])
def test_columns_that_forecasts_would_overwrite(parameter, name):
    frame = {"series": [1, 1], "time": [1, 2], "value": [1.0, 2.0], name: [1, 2]}
    with pytest.raises(ParameterError, match=f"{parameter}='{name}' of NaiveForecaster is the name of a column"):
        NaiveForecaster(**{parameter: name}).fit(frame)


@pytest.mark.parametrize("parameters", [{"season": 10**20}, {"steps": 10**20}, {"calibration": 10**20}])
def test_numbers_that_no_computer_counts_to(parameters):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter of SeasonalNaiveForecaster"):
        SeasonalNaiveForecaster(**parameters).fit({"time": [1, 2], "value": [1.0, 2.0]})


def test_it_takes_no_table():
    assert NaiveForecaster().__sklearn_tags__().input_tags.two_d_array is False
    with pytest.raises(ParameterError, match="Pass a long frame"):
        NaiveForecaster().fit(np.zeros((3, 3)))
