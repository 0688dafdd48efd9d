"""Simple forecasts against a loop over each series, and against published errors."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import EMASmoother
from crmkit.exceptions import ParameterError
from crmkit.forecast import EMAForecaster, MovingAverageForecaster, NaiveForecaster, SeasonalNaiveForecaster

# ------------------------------------------------------------------------------------------ oracles
# Each takes the values of one series, None where missing, and gives (forecast, is_fallback) for each step.


def naive(values, steps):
    known = [value for value in values if value is not None]
    return [(known[-1], False) if known else (math.nan, True)] * steps


def seasonal_naive(values, steps, season):
    said = []
    for step in range(steps):
        found = None
        place = len(values) + step
        while place >= 0:
            if place < len(values) and values[place] is not None:
                found = values[place]
                break
            place -= season
        said.append((*naive(values, 1)[0][:1], True) if found is None else (found, False))
    return said


def moving_average(values, steps, window):
    known = [value for value in values[-window:] if value is not None]
    if not known:
        return [(naive(values, 1)[0][0], True)] * steps
    return [(sum(known) / len(known), len(values) < window)] * steps


def ema(values, steps, alpha):
    level, faded = None, 1.0
    for value in values:
        faded *= 1 - alpha
        if value is not None:
            level = value if level is None else (faded * level + alpha * value) / (faded + alpha)
            faded = 1.0
    return [(math.nan, True) if level is None else (level, False)] * steps


VALUES = st.lists(st.one_of(st.none(), st.integers(0, 9).map(float)), min_size=1, max_size=15)
SERIES = st.lists(VALUES, min_size=1, max_size=5)

CASES = {
    "naive": (lambda n: NaiveForecaster(calibration=0), lambda values, steps, n: naive(values, steps)),
    "seasonal": (lambda n: SeasonalNaiveForecaster(season=n, calibration=0), seasonal_naive),
    "mean": (lambda n: MovingAverageForecaster(n, calibration=0), moving_average),
    "ema": (
        lambda n: EMAForecaster(alpha=n / 10, calibration=0),
        lambda values, steps, n: ema(values, steps, n / 10),
    ),
}


def frame_of(series, dtype=float):
    """Build a frame whose series begin at different times."""
    return pd.DataFrame(
        {
            "series": np.repeat(np.arange(len(series)), [len(values) for values in series]),
            "time": [place + step for place, values in enumerate(series) for step in range(len(values))],
            "value": np.array([math.nan if v is None else v for values in series for v in values], dtype=dtype),
        }
    )


@pytest.mark.parametrize("case", CASES)
@given(SERIES, st.integers(1, 8), st.integers(1, 10), st.sampled_from([np.float64, np.float32]))
def test_as_a_loop_says(case, series, steps, n, dtype):
    make, oracle = CASES[case]
    frame = frame_of(series, dtype)
    model = make(n).fit(frame)
    said = model.predict(steps)
    expected = [cell for values in series for cell in oracle(values, steps, n)]
    assert said["is_fallback"].tolist() == [cell[1] for cell in expected]
    np.testing.assert_allclose(said["forecast"], [cell[0] for cell in expected], rtol=1e-12)
    assert said["series"].tolist() == np.repeat(np.arange(len(series)), steps).tolist()
    ends = [place + len(values) for place, values in enumerate(series)]
    assert said["time"].tolist() == [end + step for end in ends for step in range(steps)]
    # From the tail that was kept, and from the whole history, the same bits.
    pd.testing.assert_frame_equal(said, model.predict(steps, frame), check_exact=True)


# ------------------------------------------------------------------------------------------ published


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("naive", NaiveForecaster()),
        ("ema_0.3", EMAForecaster(alpha=0.3)),
        ("mean_12", MovingAverageForecaster(12)),
        ("seasonal_naive", SeasonalNaiveForecaster()),
    ],
)
def test_air_passengers(golden, published, name, model):
    found, frame = golden["air_passengers"], published("air_passengers")
    n = found["held_out"]
    said = model.fit(frame[:-n]).predict(steps=n)
    actual = frame["value"].to_numpy()[-n:]
    off = np.abs(said["forecast"].to_numpy() - actual)
    expected = found["errors"][name]
    assert said["time"].tolist() == frame["time"].tolist()[-n:]
    assert off.mean() == pytest.approx(expected["mae"], abs=0.005)
    assert (off / actual).mean() == pytest.approx(expected["mape"], abs=5e-5)
    past = frame["value"].to_numpy()[:-n]
    scale = np.abs(past[12:] - past[:-12]).mean()
    assert scale == pytest.approx(found["mase_scale"], abs=5e-4)
    assert off.mean() / scale == pytest.approx(expected["mase"], abs=5e-4)
    if "forecast" in expected:
        assert set(said["forecast"]) == {expected["forecast"]}


# ------------------------------------------------------------------------------------------ rules


@pytest.mark.parametrize("model", [NaiveForecaster(), MovingAverageForecaster(3), EMAForecaster()])
def test_a_constant_series_stays(model):
    frame = {"time": range(9), "value": [4.5] * 9}
    assert model.fit(frame).predict(steps=3)["forecast"].tolist() == [4.5] * 3


def test_the_seasons_of_frequencies():
    for freq, season in {"h": 24, "D": 7, "W": 52, "M": 12, "Q": 4, "Y": 1, "14D": 1}.items():
        model = SeasonalNaiveForecaster(freq=freq).fit({"time": ["2024-01-01"], "value": [1.0]})
        assert model.season_ == season


def test_a_series_of_nothing_known_is_marked():
    frame = {"series": [1, 1, 2, 2], "time": [1, 2, 1, 2], "value": [3.0, 4.0, np.nan, np.nan]}
    for make, _ in CASES.values():
        said = make(2).fit(frame).predict()
        assert np.isnan(said["forecast"]).tolist() == [False, True]
        assert said["is_fallback"].tolist()[1] is True


def test_a_series_of_zeros_is_forecast_zero():
    frame = {"series": [1, 1, 2, 2], "time": [1, 2, 1, 2], "value": [3.0, 4.0, 0.0, 0.0]}
    for make, _ in CASES.values():
        assert make(2).fit(frame).predict()["forecast"].tolist()[1] == 0.0


def test_a_gap_ages_the_level_as_in_the_smoother():
    frame = {"time": range(4), "value": [10.0, None, None, 20.0]}
    forecast = EMAForecaster(alpha=0.3).fit(frame).predict()["forecast"].item()
    assert forecast == EMASmoother(alpha=0.3).fit_transform([[10.0, np.nan, np.nan, 20.0]])[0, -1]
    assert forecast == pytest.approx((10 * 0.343 + 20 * 0.3) / 0.643, rel=1e-14)


def test_the_mean_of_a_window_forgets_what_is_before_it():
    """A sum that is moved along would keep the rounding errors of 1e17."""
    frame = {"time": range(5), "value": [1e17, 1.0, 2.0, 3.0, 4.0]}
    assert MovingAverageForecaster(4).fit(frame).predict()["forecast"].tolist() == [2.5]


# ------------------------------------------------------------------------------------------ alpha


def one_step_loss(values, alpha):
    level, total = values[0], 0.0
    for value in values[1:]:
        total += (value - level) ** 2
        level += alpha * (value - level)
    return total


def test_alpha_of_the_smallest_error():
    rng = np.random.default_rng(3)
    series = [np.cumsum(rng.normal(size=80)) * 0.4 * 10.0**k + rng.normal(size=80) * 10.0**k for k in range(3)]
    model = EMAForecaster(alpha="auto", clip=False).fit(frame_of([values.tolist() for values in series]))
    units = [np.abs(np.diff(values)).mean() for values in series]

    def loss(alpha):
        return sum(one_step_loss(v, alpha) / unit**2 for v, unit in zip(series, units, strict=True))

    grid = np.linspace(0.01, 1, 991)
    best = grid[np.argmin([loss(alpha) for alpha in grid])]
    assert 0.05 < best < 0.95
    assert model.alpha_ == pytest.approx(best, abs=0.002)
    assert loss(model.alpha_) <= loss(best) * (1 + 1e-9)


def test_alpha_at_the_ends():
    rng = np.random.default_rng(0)
    walk = {"time": range(300), "value": np.cumsum(rng.normal(size=300))}
    noise = {"time": range(300), "value": rng.normal(size=300)}
    assert EMAForecaster(alpha="auto").fit(walk).alpha_ > 0.85
    assert EMAForecaster(alpha="auto").fit(noise).alpha_ < 0.15
    # Of one value nothing can be learnt, and nothing fails.
    assert 0 < EMAForecaster(alpha="auto").fit({"time": [1], "value": [2.0]}).alpha_ <= 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_alpha_of_tiny_and_huge_values(factor):
    values = np.array([1.0, 2.0, 1.5, 1.0, 3.0, 2.0, 2.5, 1.0])
    plain = EMAForecaster(alpha="auto", calibration=0).fit({"time": range(8), "value": values})
    scaled = EMAForecaster(alpha="auto", calibration=0).fit({"time": range(8), "value": values * factor})
    assert scaled.alpha_ == pytest.approx(plain.alpha_, abs=1e-3)


def test_alpha_does_not_depend_on_threads(monkeypatch, make_demand):
    frame = make_demand(2_500, 6)
    found = set()
    for threads in (1, 2):
        monkeypatch.setattr("crmkit._numba._threads.n_threads", lambda threads=threads: threads)
        found.add(EMAForecaster(alpha="auto").fit(frame).alpha_)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (EMAForecaster(alpha=0), "'alpha' parameter of EMAForecaster"),
        (EMAForecaster(alpha=1.1), "'alpha' parameter of EMAForecaster"),
        (MovingAverageForecaster(0), "'window' parameter of MovingAverageForecaster"),
        (MovingAverageForecaster(2.5), "'window' parameter of MovingAverageForecaster"),
        (SeasonalNaiveForecaster(season=0), "'season' parameter of SeasonalNaiveForecaster"),
    ],
)
def test_parameters_that_are_refused(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit({"time": [1, 2], "value": [1.0, 2.0]})


def test_no_columns_are_known_in_advance():
    model = NaiveForecaster().fit({"time": [1, 2], "value": [1.0, 2.0]})
    with pytest.raises(ParameterError, match="Leave it out"):
        model.predict(future={"time": [3], "price": [1.0]})
