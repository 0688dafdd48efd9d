"""Croston's forecasts and their variants, and classes of demand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.exceptions import ParameterError
from crmkit.forecast import CrostonForecaster, demand_classes


def smoothed(values, alpha):
    level = values[0]
    for value in values[1:]:
        level = alpha * value + (1 - alpha) * level
    return level


def croston(values, alpha, beta, variant):
    """Return the forecast of one series, None where missing, as the papers write it."""
    known = [value for value in values if value is not None]
    if not known:
        return math.nan
    places = [place for place, value in enumerate(known) if value > 0]
    if not places:
        return 0.0
    size = smoothed([known[place] for place in places], alpha)
    if variant == "tsb":
        first = places[0]
        chances = [1 / (first + 1), *(float(value > 0) for value in known[first + 1 :])]
        return size * smoothed(chances, beta)
    interval = smoothed(np.diff([-1, *places]).tolist(), beta)
    return size / interval * (1 - beta / 2 if variant == "sba" else 1)


SERIES = st.lists(
    st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.5, 7.0])), min_size=1, max_size=25),
    min_size=1,
    max_size=4,
)
WEIGHT = st.sampled_from([0.05, 0.1, 0.37, 1.0])


@given(SERIES, st.sampled_from(["classic", "sba", "tsb"]), WEIGHT, st.one_of(st.none(), WEIGHT))
def test_as_the_papers_say(series, variant, alpha, beta):
    frame = {
        "series": [place for place, values in enumerate(series) for _ in values],
        "time": [step for values in series for step in range(len(values))],
        "value": [math.nan if value is None else value for values in series for value in values],
    }
    said = CrostonForecaster(variant, alpha=alpha, beta=beta, calibration=0).fit(frame).predict(2)
    expected = [croston(values, alpha, alpha if beta is None else beta, variant) for values in series]
    np.testing.assert_allclose(said["forecast"], np.repeat(expected, 2), rtol=1e-12)


def test_published_forecasts(golden, published):
    found, frame = golden["pbs_scripts"], published("pbs_scripts")
    for variant, key in (("classic", "croston"), ("sba", "sba")):
        for alpha, expected in found[key].items():
            said = CrostonForecaster(variant, alpha=float(alpha)).fit(frame).predict(3)
            assert said["forecast"].tolist() == pytest.approx([expected] * 3, rel=1e-6)


def test_published_class(golden, published):
    found = golden["pbs_scripts"]
    frame = demand_classes(published("pbs_scripts"))
    assert frame["adi"].item() == pytest.approx(found["adi"], abs=5e-4)
    assert frame["cv2"].item() == pytest.approx(found["cv2"], abs=5e-4)
    assert frame["demand_class"].item() == found["demand_class"]


def test_a_stockout_is_no_wait():
    """Two periods without stock between demands do not make them rarer."""
    sold = {"time": range(6), "value": [0, 4, 0, 0, 0, 4], "out": [False, False, True, True, False, False]}
    without = {"time": range(4), "value": [0, 4, 0, 4]}
    for variant in ("classic", "sba", "tsb"):
        model = CrostonForecaster(variant, alpha=0.3)
        with_stockouts = CrostonForecaster(variant, alpha=0.3, stockouts="out").fit(sold).predict()["forecast"].item()
        assert with_stockouts == model.fit(without).predict()["forecast"].item()
        assert with_stockouts > model.fit(sold).predict()["forecast"].item()


def test_only_tsb_forgets_what_is_not_bought_any_more():
    sold = {"time": range(60), "value": [5, 0, 5, 0, 5] + [0] * 55}
    classic, tsb = (CrostonForecaster(v).fit(sold).predict()["forecast"].item() for v in ("classic", "tsb"))
    assert classic > 2
    assert 0 < tsb < 0.05


def test_croston_has_intervals(make_demand):
    rng = np.random.default_rng(0)
    frame = make_demand(40, 60)
    frame["value"] *= rng.random(len(frame)) < 0.3
    model = CrostonForecaster("sba", steps=3).fit(frame[frame["time"] < "2023-12-01"])
    low, high = model.predict_interval(coverage=0.8).T
    assert (low >= 0).all()
    said = model.predict()
    actual = said.merge(frame, on=["series", "time"])["value"].to_numpy()
    assert len(actual) == len(low)
    assert 0.7 < np.mean((low <= actual) & (actual <= high)) < 0.97


def test_negative_demand_is_refused():
    sold = {"time": range(4), "value": [1, -2, 0, 3]}
    with pytest.raises(ParameterError, match="negative in 1 of 4 periods"):
        CrostonForecaster().fit(sold)
    model = CrostonForecaster().fit({"time": range(4), "value": [1, 2, 0, 3]})
    with pytest.raises(ParameterError, match="negative in 1 of 4 periods"):
        model.predict(X=sold)
    with pytest.raises(ParameterError, match="of demand_classes is negative in 1 of 4 periods"):
        demand_classes(sold)


@pytest.mark.parametrize("parameters", [{"variant": "SBA"}, {"alpha": 0.0}, {"beta": 1.5}])
def test_parameters_that_are_refused(parameters):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter of CrostonForecaster"):
        CrostonForecaster(**parameters).fit({"time": [1], "value": [1.0]})


@given(SERIES)
def test_classes_by_their_definition(series):
    frame = pl.DataFrame(
        {
            "sku": [f"s{place}" for place, values in enumerate(series) for _ in values],
            "time": [step for values in series for step in range(len(values))],
            "value": [value for values in series for value in values],
        }
    )
    found = demand_classes(frame, series="sku")
    assert found.columns == ["sku", "adi", "cv2", "demand_class"]
    for row, values in zip(found.iter_rows(named=True), series, strict=True):
        known = [value for value in values if value is not None]
        sold = [value for value in known if value > 0]
        if not sold:
            assert (row["adi"], row["demand_class"]) == (math.inf, "none")
            assert math.isnan(row["cv2"])
            continue
        adi, cv2 = len(known) / len(sold), np.var(sold) / np.mean(sold) ** 2
        assert row["adi"] == pytest.approx(adi)
        assert row["cv2"] == pytest.approx(cv2, abs=1e-12)
        rare, uneven = adi >= 1.32, cv2 >= 0.49
        expected = {(0, 0): "smooth", (0, 1): "erratic", (1, 0): "intermittent", (1, 1): "lumpy"}
        assert row["demand_class"] == expected[rare, uneven]


def test_classes_read_frames_as_forecasters_do():
    frame = pd.DataFrame({"day": ["2024-01-01", "2024-01-04"], "n": [2, 2]})
    with pytest.raises(ParameterError, match="demand_classes lacks 2 periods"):
        demand_classes(frame, time="day", value="n", freq="D")
    found = demand_classes(frame, time="day", value="n", freq="D", gaps="zero")
    assert found["adi"].item() == 2


def test_classes_of_tiny_demand():
    found = demand_classes({"time": range(2), "value": [1e-300, 2e-300]})
    assert found["cv2"].item() == pytest.approx((0.5 / 1.5) ** 2)
