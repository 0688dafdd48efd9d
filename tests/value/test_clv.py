from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import crmkit.value._reading as reading
from crmkit import CLVEstimator
from crmkit.datasets import load_cdnow
from crmkit.events import EventLog
from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError, SpendWarning
from crmkit.metrics import Estimate
from crmkit.model_selection import TemporalSplit
from crmkit.value import (
    BetaGeoBetaBinomial,
    BetaGeoNBD,
    GammaGamma,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    ShiftedBetaGeometric,
)

YEAR = 365.25


@pytest.fixture(scope="module")
def log():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


@pytest.fixture(scope="module")
def today(log):
    return log.snapshot("1997-10-01", horizon="39W")


@pytest.fixture(scope="module")
def fitted(today):
    return CLVEstimator(horizon="39W").fit(today)


# ------------------------------------------------------------------------------------- its parts


@pytest.mark.parametrize("model", [BetaGeoNBD(), ModifiedBetaGeoNBD(), ParetoNBD()])
def test_value_is_purchases_times_spend_times_margin(today, model):
    clv = CLVEstimator(model, horizon="39W", margin=0.3).fit(today)
    purchases = clone(model).fit(today).expected_purchases(today, "39W")
    spend = GammaGamma().fit(today).expected_spend(today)
    np.testing.assert_allclose(clv.predict(today), 0.3 * purchases * spend, rtol=1e-12)


def test_periods_of_opportunities_are_the_purchases_that_spend_is_of(today):
    """In BG/BB a purchase is a period with one, and so it is for the money."""
    clv = CLVEstimator(BetaGeoBetaBinomial(period="7D"), horizon="39W").fit(today)
    table = clv.predict_components(today)
    exact = BetaGeoBetaBinomial(period="7D").fit(today).expected_purchases(today, "39W")
    np.testing.assert_allclose(table["expected_purchases"], exact, rtol=1e-12)
    weeks = today.summary(collapse="W")[["frequency", "monetary_value"]]
    np.testing.assert_allclose(table["expected_spend"], GammaGamma().fit(weeks).expected_spend(weeks), rtol=1e-9)


def test_components(today, fitted):
    table = fitted.predict_components(today)
    assert list(table) == ["expected_purchases", "discounted_purchases", "alive_probability", "expected_spend", "value"]
    assert (table["value"].to_numpy() == fitted.predict(today)).all()
    assert (table["discounted_purchases"] == table["expected_purchases"]).all()
    model = ModifiedBetaGeoNBD().fit(today)
    np.testing.assert_allclose(table["alive_probability"], model.alive_probability(today), rtol=1e-14)


@pytest.mark.parametrize(("unit", "days"), [("D", 1), ("W", 7), ("M", YEAR / 12), ("Y", YEAR)])
def test_the_rate_is_that_of_a_year_in_every_unit(today, unit, days):
    clv = CLVEstimator(horizon="39W", discount_rate=0.15, time_unit=unit).fit(today[:400])
    assert clv.delta_ == pytest.approx(np.log(1.15) * days / YEAR, rel=1e-14)
    weeks = CLVEstimator(horizon="39W", discount_rate=0.15).fit(today[:400])
    np.testing.assert_allclose(clv.predict(today[:40]), weeks.predict(today[:40]), rtol=1e-6)
    frame = today[:400].summary(time_unit=unit)
    by_frame = CLVEstimator(horizon="39W", discount_rate=0.15, time_unit=unit).fit(frame)
    np.testing.assert_allclose(by_frame.predict(frame[:40]), clv.predict(today[:40]), rtol=1e-12)


def test_money_of_next_year_is_worth_less(today):
    plain, discounted = (
        CLVEstimator(horizon="52W", discount_rate=rate).fit(today[:300]).predict(today[:300]) for rate in (0.0, 0.2)
    )
    ratio = discounted / plain
    assert (ratio < 1).all()
    # Not even the last purchase is worth less than a year's discount.
    assert (ratio > 1 / 1.2).all()


def test_cdnow_against_what_came(today, fitted):
    """As good as any model of this sort is here: the total is low, as the number of purchases is."""
    value, came = fitted.predict(today), today.future_value()
    assert value.sum() == pytest.approx(57_128, abs=1)
    assert came.sum() == pytest.approx(70_976.39)
    assert fitted.score(today, came) > 0.3
    assert pd.Series(value).corr(pd.Series(came), method="spearman") > 0.4


# -------------------------------------------------------------------------------------- intervals


def shop(seed, n=1500, T=60.0, ahead=30.0):
    """Customers of an MBG/NBD with Gamma-Gamma spend: what is seen until T, and what they bring after it."""
    rng = np.random.default_rng(seed)
    rate, p = rng.gamma(0.6, 1 / 6.0, n), rng.beta(0.9, 2.5, n)
    level = rng.gamma(3.7, 1 / 15.0, n)
    table, brought = np.zeros((n, 4)), np.zeros(n)
    length = rng.uniform(20, T, n)
    for i in range(n):
        time, money, last = 0.0, [], 0.0
        while rng.random() >= p[i]:
            time += rng.exponential(1 / rate[i])
            if time > length[i] + ahead:
                break
            paid = rng.gamma(6.0) / level[i]
            if time <= length[i]:
                money.append(paid)
                last = time
            else:
                brought[i] += paid
        table[i] = len(money), last, length[i], np.mean(money) if money else 0.0
    return table, brought


def test_intervals_hold_what_comes():
    totals, rows = [], []
    for seed in range(8):
        table, brought = shop(seed)
        clv = CLVEstimator(horizon=30.0).fit(table)
        interval = clv.predict_interval(table, random_state=seed)
        rows.append(((interval[:, 0] <= brought) & (brought <= interval[:, 1])).mean())
        total = clv.total_value(table, random_state=seed)
        totals.append(total.low <= brought.sum() <= total.high)
        assert total.low < float(total) < total.high
    # Most bring nothing, and an interval that begins at 0 holds them all: so more than 90 %.
    assert 0.9 <= np.mean(rows) <= 0.97
    assert sum(totals) >= 5


def test_intervals_of_means_are_narrow_and_hold_the_mean(today, fitted):
    rows = today[:300]
    mean, outcome = fitted.predict_interval(rows, kind="mean"), fitted.predict_interval(rows)
    value = fitted.predict(rows)
    assert ((mean[:, 0] < value) & (value < mean[:, 1])).all()
    assert (mean[:, 1] - mean[:, 0] < outcome[:, 1] - outcome[:, 0]).mean() > 0.95
    wide = fitted.predict_interval(rows, coverage=0.99)
    assert (wide[:, 1] >= outcome[:, 1]).all()


def test_a_row_has_its_interval_wherever_it_stands(today, fitted):
    whole = fitted.predict_interval(today)
    order = np.random.default_rng(0).permutation(len(today))
    assert (fitted.predict_interval(today[order]) == whole[order]).all()
    assert (fitted.predict_interval(today[5:6]) == whole[5:6]).all()
    assert (fitted.predict_interval(today, random_state=3) != whole).any()
    some = today[:200]
    mean = fitted.predict_interval(some, kind="mean")
    assert (fitted.predict_interval(some[::-1], kind="mean") == mean[::-1]).all()


def test_totals_do_not_depend_on_the_order(today, fitted):
    order = np.random.default_rng(0).permutation(len(today))
    one, other = fitted.total_value(today), fitted.total_value(today[order])
    assert isinstance(one, Estimate)
    assert (one.low, one.high) == (other.low, other.high)
    assert float(one) == pytest.approx(fitted.predict(today).sum(), rel=1e-12)
    narrow = fitted.total_value(today[:300], kind="mean")
    wide = fitted.total_value(today[:300])
    assert wide.low < narrow.low < narrow.high < wide.high


def test_equal_customers_have_futures_of_their_own(fitted, today):
    """The spread of a total of 900 equal rows is not 900 times that of one."""
    row = today[np.zeros(900, dtype=int)]
    total = fitted.total_value(row)
    one = fitted.predict_interval(row[:1])[0]
    assert total.high - total.low < 0.3 * 900 * (one[1] - one[0])


# ------------------------------------------------------------------------------------- contracts


@pytest.fixture(scope="module")
def contracts():
    rng = np.random.default_rng(0)
    periods = rng.integers(0, 8, 400).astype(float)
    ended = (rng.random(400) < 0.5).astype(float)
    return pd.DataFrame({"periods": periods, "ended": ended, "fee": np.where(np.arange(400) % 2, 10.0, 25.0)})


def test_contracts_in_a_frame(contracts):
    model = ShiftedBetaGeometric(period="30D")
    clv = CLVEstimator(model, "fee", horizon=12, discount_rate=0.1, margin=0.5).fit(contracts)
    alone = clone(model).fit(contracts)
    delta = np.log(1.1) * 30 / YEAR
    assert clv.delta_ == pytest.approx(delta)
    exact = alone.discounted_purchases(contracts, 12, delta) * contracts["fee"] * 0.5
    np.testing.assert_allclose(clv.predict(contracts), exact, rtol=1e-12)
    assert (clv.predict(contracts)[contracts["ended"] == 1] == 0).all()
    interval = clv.predict_interval(contracts)
    assert (interval[contracts["ended"] == 1] == 0).all()
    assert (interval[:, 1] <= 12 * contracts["fee"] * 0.5).all()
    assert clv.total_value(contracts).high > 0
    assert np.isnan(clv.spend_correlation_)


def test_contracts_in_a_log():
    rng = np.random.default_rng(0)
    starts = np.datetime64("2023-01-01", "us") + rng.integers(0, 200, 80).astype("m8[D]")
    ends = starts + np.timedelta64(1, "D") * rng.integers(20, 400, 80)
    frame = pd.DataFrame(
        {
            "who": np.r_[np.arange(80), np.arange(80)],
            "when": np.r_[starts, ends],
            "what": ["subscribe"] * 80 + ["cancel"] * 80,
        }
    )
    fees = pd.DataFrame({"who": np.arange(80), "fee": np.arange(80) + 1.0})
    log = EventLog.from_frame(
        frame[frame["when"] < "2024-01-01"], customer="who", time="when", kind="what", purchases=["subscribe"],
        observed_until="2024-01-01",
    ).with_attributes(fees, customer="who")  # fmt: skip
    model = ShiftedBetaGeometric(start="subscribe", end="cancel", period="30D")
    X = log.snapshot()
    clv = CLVEstimator(model, "fee", horizon="360D").fit(X)
    exact = clone(model).fit(X).expected_purchases(X, "360D") * X.attributes()["fee"].to_numpy()
    np.testing.assert_allclose(clv.predict(X), exact, rtol=1e-12)
    with pytest.raises(ParameterError, match=r"spend_model= is to name the column|the log has none"):
        CLVEstimator(model, horizon="360D").fit(X)
    with pytest.raises(ColumnNotFoundError, match="spend_model='fees'"):
        CLVEstimator(model, "fees", horizon="360D").fit(X).predict(X)


# ---------------------------------------------------------------------------------------- frames


def test_frames_of_every_kind(make_frame, today, fitted):
    table = today[:500].summary()
    columns = {name: table[name].fillna(0.0).to_numpy() for name in table}
    frame = make_frame(columns)
    clv = CLVEstimator(horizon="39W").fit(frame)
    found = clv.predict(frame)
    expected = CLVEstimator(horizon="39W").fit(today[:500]).predict(today[:500])
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    components = clv.predict_components(frame)
    assert isinstance(components, pl.DataFrame if "polars" in type(frame).__module__ else pd.DataFrame)


def test_arrays_have_four_columns(today):
    table = today[:500].summary()
    array = table.fillna(0.0).to_numpy()
    one, other = CLVEstimator(horizon=39.0).fit(array), CLVEstimator(horizon="39W").fit(table)
    assert (one.predict(array) == other.predict(table)).all()
    with pytest.raises(ParameterError, match="columns frequency, recency, T, monetary_value"):
        CLVEstimator().fit(array[:, :3])


def test_the_log_is_read_once(today, monkeypatch):
    calls = []
    plain = reading.purchases
    monkeypatch.setattr(reading, "purchases", lambda *args, **more: calls.append(1) or plain(*args, **more))
    clv = CLVEstimator(horizon="39W").fit(today)
    assert len(calls) == 1
    clv.predict_components(today)
    assert len(calls) == 2
    clv.predict_interval(today[:10])
    assert len(calls) == 3


# --------------------------------------------------------------------------------- scikit-learn


def test_searches_pipelines_and_splits_in_time(log):
    X = log.snapshots(pd.date_range("1997-06-01", "1998-01-01", freq="MS"), horizon="90D")
    y = X.future_value()
    clv = CLVEstimator(ModifiedBetaGeoNBD(), GammaGamma(), horizon="90D")
    search = GridSearchCV(
        clv, {"purchase_model__penalty": [0.0, 0.1], "spend_model__penalty": [0.0, 1.0]}, cv=TemporalSplit(n_splits=2)
    ).fit(X, y)
    assert set(search.best_params_) == {"purchase_model__penalty", "spend_model__penalty"}
    scores = cross_val_score(make_pipeline(clv), X, y, cv=TemporalSplit(n_splits=2))
    assert np.isfinite(scores).all()
    assert clv.fit(X).n_rows_used_ == 2357


def test_it_pickles_and_clones(today, fitted):
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict(today) == fitted.predict(today)).all()
    assert clone(fitted).get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        CLVEstimator().predict(today)


def test_weights_are_replications(today):
    frame = today[:400].summary()
    weight = np.random.default_rng(0).integers(0, 3, 400)
    one = CLVEstimator(horizon=39).fit(frame, sample_weight=weight)
    other = CLVEstimator(horizon=39).fit(frame.iloc[np.repeat(np.arange(400), weight)])
    np.testing.assert_allclose(one.predict(frame), other.predict(frame), rtol=1e-6)
    by_rows = CLVEstimator(horizon="39W").fit(today[:400], sample_weight=weight)
    np.testing.assert_allclose(by_rows.predict(today[:400]), one.predict(frame), rtol=1e-9)


# ------------------------------------------------------------------------------ warnings, errors


def test_spend_that_grows_with_frequency_is_said():
    rng = np.random.default_rng(0)
    table, _ = shop(0)
    table[:, 3] = np.where(table[:, 0] > 0, table[:, 0] * rng.gamma(6.0, 1.0, len(table)), 0.0)
    with pytest.warns(SpendWarning, match=r"who buys more often spends more per purchase \(correlation 0\.\d+"):
        clv = CLVEstimator(horizon=30.0).fit(table)
    assert clv.spend_correlation_ > 0.5


def test_refunded_spend_is_said():
    table, _ = shop(0)
    bought = np.flatnonzero(table[:, 0] > 0)
    table[bought[:3], 3] = [0.0, -5.0, 0.0]
    with pytest.warns(SpendWarning, match="3 of .* no money, or less"):
        clv = CLVEstimator(horizon=30.0).fit(table)
    assert (clv.predict(table) >= 0).all()


def test_another_label_window_is_said(today):
    with pytest.warns(CrmkitWarning, match="label window of X is 273D"):
        CLVEstimator(horizon="52W").fit(today)


def test_rows_without_a_purchase_have_no_value(log, today, fitted):
    customers = [*log.customers[:3], 10**9]
    X = log.snapshots_at({"customer": customers, "as_of": ["1997-10-01"] * 4}, customer="customer", as_of="as_of")
    with pytest.warns(CrmkitWarning, match="no purchase"):
        value, interval = fitted.predict(X), fitted.predict_interval(X)
    assert np.isnan(value).tolist() == [False, False, False, True]
    assert np.isnan(interval).all(axis=1).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("clv", "message"),
    [
        (CLVEstimator(horizon=39), "horizon"),
        (CLVEstimator(horizon="1Y"), "no fixed length"),
        (CLVEstimator(discount_rate=-0.1), "discount_rate"),
        (CLVEstimator(margin=0), "margin"),
        (CLVEstimator(BetaGeoNBD), "purchase_model"),
        (CLVEstimator(None, 3.0), "spend_model"),
        (CLVEstimator(time_unit="week"), "time_unit"),
    ],
)
def test_what_is_refused(today, clv, message):
    with pytest.raises((ValueError, TypeError), match=message):
        clv.fit(today)


def test_more_that_is_refused(log, today, fitted):
    with pytest.raises(ParameterError, match="Snapshots"):
        fitted.predict(today.summary())
    with pytest.raises(ParameterError, match="time_unit='D'"):
        CLVEstimator(BetaGeoNBD(time_unit="D")).fit(today.summary())
    moneyless = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date").snapshot("1997-10-01")
    with pytest.raises(ParameterError, match="the log has none"):
        CLVEstimator().fit(moneyless)
    with pytest.raises(ParameterError, match="kind"):
        fitted.predict_interval(today, kind="both")
