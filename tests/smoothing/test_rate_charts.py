"""Charts of shares and rates against chances added up one count at a time."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.smoothing import PChart, UChart


def binomial(n: int, p: float) -> list[float]:
    share = Fraction(p)
    return [float(math.comb(n, k) * share**k * (1 - share) ** (n - k)) for k in range(n + 1)]


def poisson(mean: float) -> list[float]:
    top = int(mean + 12 * math.sqrt(mean) + 40)
    return [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(top)]


def naive_limits(chances: list[float], tail: float, top: int = -1) -> tuple[int, int]:
    """Lowest and highest count that do not signal; where one side has no signal, the other has both tails."""

    def lowest(tail):
        return max(count for count in range(len(chances)) if math.fsum(chances[:count]) <= tail)

    def highest(tail):
        return min(count for count in range(len(chances)) if math.fsum(chances[count + 1 :]) <= tail)

    high = highest(2 * tail) if lowest(tail) == 0 else highest(tail)
    return (lowest(2 * tail) if high == top else lowest(tail)), high


@given(st.integers(1, 120), st.floats(0.005, 0.995), st.floats(3.0, 2000.0))
def test_limits_of_shares_are_quantiles(n, p, arl0):
    chances, chart = binomial(n, p), PChart(target=p, arl0=arl0).fit([])
    frame = chart.control_limits([[0, n]])
    low, high = naive_limits(chances, 0.5 / arl0, n)
    found = round(frame["lower"][0] * n), round(frame["upper"][0] * n)
    tails = [math.fsum(part) for k in range(n + 1) for part in (chances[:k], chances[k:])]
    if (
        min(abs(tail * arl0 - share) for tail in tails for share in (0.5, 1.0)) > 1e-9
    ):  # a chance that is the tail itself may fall to either side
        assert found == (low, high)
    signals = chart.predict([[count, n] for count in range(n + 1)])
    assert signals.tolist() == [(count > found[1]) - (count < found[0]) for count in range(n + 1)]
    false = math.fsum(chance for chance, signal in zip(chances, signals, strict=True) if signal)
    assert false <= 1 / arl0 + 1e-12
    assert chart.run_length(size=n) == pytest.approx(1 / false if false else math.inf, rel=1e-6)


@given(st.floats(0.2, 60.0), st.floats(0.1, 10.0), st.floats(3.0, 2000.0))
def test_limits_of_rates_are_quantiles(mean, size, arl0):
    chances, chart = poisson(mean), UChart(target=mean / size, arl0=arl0).fit([])
    low, high = naive_limits(chances, 0.5 / arl0)
    tails = [math.fsum(part) for k in range(len(chances)) for part in (chances[:k], chances[k:])]
    if min(abs(tail * arl0 - share) for tail in tails for share in (0.5, 1.0)) < 1e-9:
        return  # a chance that is the tail itself may fall to either side
    signals = chart.predict([[count, size] for count in range(high + 30)])
    assert signals.tolist() == [(count > high) - (count < low) for count in range(high + 30)]
    false = math.fsum(chances[:low]) + math.fsum(chances[high + 1 :])
    assert chart.run_length(size=size) == pytest.approx(1 / false, rel=1e-6)


def test_sigma_limits_are_the_textbooks():
    chart = PChart(target=0.1, limit=3, limits="sigma").fit([])
    frame = chart.control_limits([[9, 100], [5, 25], [0, 400]])
    np.testing.assert_allclose(frame["upper"], [0.1 + 0.09, 0.1 + 0.18, 0.1 + 0.045])
    np.testing.assert_allclose(frame["lower"], [0.01, 0.0, 0.055])
    assert frame["statistic"].tolist() == [0.09, 0.2, 0.0]
    assert chart.predict([[9, 100], [5, 25], [0, 400], [20, 100], [0, 100]]).tolist() == [0, 0, -1, 1, -1]
    rates = UChart(target=4, limit=3, limits="sigma").fit([]).control_limits([[4, 1], [40, 9.0]])
    np.testing.assert_allclose(rates["upper"], [10, 6])
    np.testing.assert_allclose(rates["lower"], [0, 2])
    shares = PChart(target=0.9, limit=3, limits="sigma").fit([]).control_limits([[9, 10]])
    assert shares["upper"][0] == 1.0


def test_arl0_is_solved_for_normal_points():
    assert PChart(target=0.5, arl0=1 / 0.0026997960632601866).fit([]).limit_ == pytest.approx(3)
    # For large counts both limits are the same, and the run length is what was asked for.
    for cls, target in ((PChart, 0.5), (UChart, 0.5)):
        for limits in ("sigma", "probability"):
            assert cls(target=target, limits=limits).fit([]).run_length(size=1e8) == pytest.approx(370, rel=0.002)


def test_run_length_adds_up_what_signals():
    chart = PChart(target=0.06, limits="sigma").fit([])
    chances = binomial(20, 0.06)
    top = 0.06 + chart.limit_ * math.sqrt(0.06 * 0.94 / 20)
    assert chart.run_length(size=20) == pytest.approx(1 / math.fsum(chances[math.floor(top * 20) + 1 :]))
    moved = binomial(20, 0.06 + 2 * math.sqrt(0.06 * 0.94 / 20))
    assert chart.run_length(2, size=20) == pytest.approx(1 / math.fsum(moved[math.floor(top * 20) + 1 :]))
    assert PChart(target=0.06).fit([]).run_length(size=1) == math.inf  # one customer is no surprise either way


def test_small_counts_make_normal_limits_lie():
    for size, normal in ((10, 62), (20, 141), (50, 56), (100, 246)):
        assert round(PChart(target=0.02, limits="sigma").fit([]).run_length(size=size)) == normal
        assert PChart(target=0.02).fit([]).run_length(size=size) >= 370


def test_points_in_control_alarm_no_oftener_than_asked():
    rng = np.random.default_rng(0)
    sizes = rng.integers(20, 400, 40_000)
    counts = rng.binomial(sizes, 0.08)
    chart = PChart(arl0=50).fit(np.column_stack([counts, sizes])[:5_000])
    signals = chart.predict(np.column_stack([counts, sizes]))
    assert 0.006 < (signals != 0).mean() < 1 / 50
    expected = np.mean([1 / chart.run_length(size=size) for size in range(20, 400)])
    assert (signals != 0).mean() == pytest.approx(expected, rel=0.15)
    assert chart.dispersion_ == pytest.approx(1, abs=0.1)


def test_what_fit_learns():
    X = pd.DataFrame({"count": [1, 3, None, 2, 0], "size": [10, 20, 10, None, 0]})
    chart = PChart(min_points=2).fit(X)
    assert chart.target_ == 4 / 30
    assert (chart.n_points_, chart.n_missing_, chart.mean_size_) == (2, 3, 15)
    variance = chart.target_ * (1 - chart.target_) * np.array([10, 20])
    assert chart.dispersion_ == pytest.approx(
        np.sum((np.array([1, 3]) - chart.target_ * np.array([10, 20])) ** 2 / variance)
    )
    rates = UChart(min_points=2).fit(X)
    assert rates.target_ == 4 / 30
    assert rates.dispersion_ == pytest.approx(
        np.sum((np.array([1, 3]) - [4 / 3, 8 / 3]) ** 2 / np.array([4 / 3, 8 / 3]))
    )
    assert chart.run_length() == chart.run_length(size=15)
    assert PChart(target=0.5).fit([[1, 2]]).target_ == 0.5


def test_a_point_of_size_zero_is_no_observation():
    chart = PChart(target=0.1).fit([])
    X = [[0, 0], [np.nan, 10], [3, np.nan], [8, 10]]
    assert chart.predict(X).tolist() == [0, 0, 0, 1]
    assert chart.control_limits(X).isna().all(axis=1).tolist() == [True, True, True, False]
    assert chart.alarms(X)["time"].tolist() == [3]


@pytest.mark.parametrize(
    ("cls", "row", "words"),
    [
        (PChart, [11, 10], "a count above its size; the first is 11 at position 1"),
        (PChart, [-1, 10], "counts that are negative; the first is -1"),
        (PChart, [1.5, 10], "counts that are not whole; the first is 1.5"),
        (PChart, [1, 10.5], "sizes that are not whole; the first is 10.5"),
        (PChart, [1, -10], "sizes that are negative"),
        (PChart, [1, 0], "a count above its size"),
        (UChart, [-1, 10], "counts that are negative"),
        (UChart, [1.5, 10], "counts that are not whole"),
        (UChart, [0, -0.5], "sizes that are negative"),
        (UChart, [1, 0], "a count in a size of 0"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_what_cannot_be_counts_is_refused(cls, row, words, method):
    chart = cls(target=0.1).fit([])
    with pytest.raises(ParameterError, match=f"{cls.__name__} takes .* Got 1 of 3 rows with {words}"):
        getattr(chart, method)([[1, 10], row, [2, 20]])


def test_points_beyond_the_reach_of_quantiles_are_refused():
    for chart, X in ((PChart(target=0.1), [[10**15, 10**16]]), (UChart(target=10), [[10**12, 10**11]])):
        with pytest.raises(ParameterError, match="quantiles of counts up to 1e\\+10 .* limits='sigma'"):
            chart.fit([]).predict(X)
        assert chart.set_params(limits="sigma").fit([]).predict(X).tolist() == [0]
    assert UChart(target=1).fit([]).predict([[10**9 + 10**5, 10**9], [10**9 + 9 * 10**4, 10**9]]).tolist() == [1, 0]


def test_rates_may_exceed_one_and_sizes_be_fractions():
    assert UChart(target=2.0).fit([]).predict([[25, 10], [45, 10.5]]).tolist() == [0, 1]


def test_too_little_to_learn_from_is_refused():
    with pytest.raises(ParameterError, match="PChart learns target from at least min_points=20 .* Got 3"):
        PChart().fit([[1, 10]] * 3)
    for count, rate in ((0, 0), (10, 1)):
        with pytest.raises(ParameterError, match=f"the rate of X is {rate}"):
            PChart().fit([[count, 10]] * 20)
    with pytest.raises(ParameterError, match="the rate of X is 0"):
        UChart().fit([[0, 10]] * 20)


def test_run_lengths_that_cannot_be_are_refused():
    chart = PChart(target=0.06).fit([])
    with pytest.raises(ParameterError, match="'size' .* must be given where fit saw no point"):
        chart.run_length()
    with pytest.raises(ParameterError, match="'shift' .* a rate from 0 to 1; this leads to -0.09"):
        chart.run_length(-2, size=10)
    for size in (0, -1, math.nan, "10"):
        with pytest.raises(ParameterError, match="'size'"):
            chart.run_length(size=size)


@pytest.mark.parametrize("cls", [PChart, UChart])
def test_rates_that_vary_more_than_chance_are_spoken_of(cls):
    rng = np.random.default_rng(0)
    sizes = rng.integers(500, 2_000, 60)
    wild = rng.binomial(sizes, np.clip(rng.normal(0.1, 0.03, 60), 0.01, 1))
    with pytest.warns(CrmkitWarning, match=rf"{cls.__name__}: the rates .* vary \d\d.\d times as much"):
        chart = cls().fit(np.column_stack([wild, sizes]))
    assert chart.dispersion_ > 5


@pytest.mark.filterwarnings("error::crmkit.exceptions.CrmkitWarning")
@pytest.mark.parametrize("mean", [0.05, 0.5, 50.0])
def test_chance_alone_is_not_spoken_of(mean):
    rng = np.random.default_rng(0)
    for _ in range(20):
        counts = rng.poisson(mean, 200)
        UChart().fit(np.column_stack([counts, np.ones(200)]))
        PChart().fit(np.column_stack([rng.binomial(1000, mean / 1000, 200), np.full(200, 1000)]))
