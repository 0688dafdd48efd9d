from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from crmkit.churn import ChurnClassifier, ChurnProfit
from crmkit.datasets import make_purchases
from crmkit.events import EventLog
from crmkit.report import _silence
from crmkit.report._silence import Silence, silence_of
from crmkit.report._study import Impossible

DAY = np.timedelta64(86_400_000_000, "us")


@pytest.fixture(autouse=True)
def _no_warning_leaves():
    """Warnings become sentences of the report; none is left for the reader of a terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def made(context) -> Silence:
    return context.silence


def shop(n: int = 300, span: str = "52W", *, until: str | None = None) -> EventLog:
    frame, _ = make_purchases(n, span=span, r=1.0, random_state=0)
    return EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until=until)


def active(purchases: pd.DataFrame, date: np.datetime64, days: int) -> pd.Series:
    """Last purchase before a date, of those who bought in the days before it."""
    last = purchases[purchases["date"] < date].groupby("customer_id")["date"].max()
    return last[last >= date - np.timedelta64(days, "D")]


def test_who_is_asked_and_who_was_silent_by_hand(made, log, purchases):
    """Counted from the frame: active customers of each date, and those who bought within the horizon."""
    assert (made.days, made.active_days) == (90, 180)
    assert set(made.X.customer_id) == set(active(purchases, log.observed_until, 180).index)
    tested = made.tested
    dates = np.unique(tested.date)
    assert dates[-1] == log.observed_until - 90 * DAY
    assert (np.diff(dates) == 90 * DAY).all()
    for date, rows in zip(dates, tested.dates, strict=True):
        last = active(purchases, date, 180)
        after = purchases[(purchases["date"] >= date) & (purchases["date"] < date + 90 * DAY)]
        assert set(log.customers[tested.customer[rows]]) == set(last.index)
        bought = np.isin(log.customers[tested.customer[rows]], after["customer_id"].unique())
        np.testing.assert_array_equal(tested.silent[rows], ~bought)
        idle = (date - last.loc[log.customers[tested.customer[rows]]].to_numpy()) / DAY
        np.testing.assert_allclose(tested.idle[rows], idle)


def test_the_value_is_what_customers_who_buy_bring(made, log, purchases):
    """By hand: money of the horizon after each date, of the active customers who bought in it."""
    end = log.observed_until - 90 * DAY
    dates = [end - 30 * one * DAY for one in range(20) if end - 30 * one * DAY >= log.first_time + 90 * DAY]
    sums = []
    for date in dates:
        after = purchases[(purchases["date"] >= date) & (purchases["date"] < date + 90 * DAY)]
        sums.append(
            after[after["customer_id"].isin(active(purchases, date, 180).index)].groupby("customer_id")["value"]
        )
    value = np.concatenate([one.sum().to_numpy() for one in sums]).mean()
    assert made.assumed
    assert made.profit.value == pytest.approx(value)
    assert made.profit.incentive == pytest.approx(0.1 * value)
    assert made.profit.contact == pytest.approx(0.01 * value)


def test_a_contact_earns_what_it_earns(made):
    """The money of each row, and the choice, from their definitions."""
    profit, tested = made.profit, made.tested
    won = profit.accept_rate * (profit.value - profit.incentive) - profit.contact
    lost = -profit.incentive - profit.contact
    np.testing.assert_allclose(tested.earned, np.where(tested.silent, won, lost))
    np.testing.assert_allclose(made.expected_profit, made.probability * won + (1 - made.probability) * lost)
    cut = -lost / (won - lost)
    np.testing.assert_array_equal(made.contact, made.probability > cut)
    np.testing.assert_array_equal(tested.contact, tested.probability > cut)
    total = tested.money(tested.contact)
    assert float(total) == pytest.approx(tested.earned[tested.contact].sum())
    assert total.low < float(total) < total.high
    aucs = [
        roc_auc_score(tested.silent[own], tested.probability[own]) - roc_auc_score(tested.silent[own], tested.idle[own])
        for own in tested.dates
    ]
    assert float(tested.gain) == pytest.approx(np.mean(aucs))


def test_today_is_said_by_the_default_classifier(made, log):
    dates = [log.observed_until - (90 + 30 * one) * DAY for one in range(6)][::-1]
    X = log.snapshots(dates, horizon="90D", active_within="180D")
    assert made.n_rows == len(X)
    assert made.first == X.as_of.min()
    said = ChurnClassifier(random_state=0).fit(X, X.churned()).predict_proba(made.X)[:, 1]
    np.testing.assert_allclose(made.probability, said)


def test_nothing_after_a_date_can_change_what_was_said_on_it(made, log, purchases):
    """The first date tested, from a log whose later purchases are others."""
    date = made.tested.date.min()
    later = purchases["date"] >= date
    changed = purchases.assign(value=purchases["value"].where(~later, 999.0))
    changed = pd.concat([changed[~later], changed[later].sample(frac=0.8, random_state=0)])
    other = EventLog.from_frame(
        changed, customer="customer_id", time="date", value="value", observed_until=log.observed_until
    )
    again = silence_of(other, has_money=True, profit=made.profit).tested
    rows = made.tested.dates[0], again.dates[0]
    assert again.date.min() == date
    assert (made.tested.silent[rows[0]] != again.silent[rows[1]]).any()
    for name in ("probability", "idle", "contact", "contact_rule"):
        np.testing.assert_array_equal(getattr(made.tested, name)[rows[0]], getattr(again, name)[rows[1]])


def test_the_rule_stops_where_it_paid_best_until_then(made, log):
    tested = made.tested
    for date, rows in zip(np.unique(tested.date), tested.dates, strict=True):
        dates = [date - (90 + 30 * one) * DAY for one in range(6)]
        X = log.snapshots(
            [one for one in dates if one >= log.first_time + 90 * DAY], horizon="90D", active_within="180D"
        )
        y, idle = X.churned(), _silence._idle(X)
        cuts = np.append(np.unique(idle), np.inf)
        earned = [made.profit.expected_profit(y, made.profit.value)[idle >= cut].sum() for cut in cuts]
        best = {float(cut) for cut, one in zip(cuts, earned, strict=True) if one >= max(earned) - 1e-9}
        chosen = tested.idle[rows][tested.contact_rule[rows]].min(initial=np.inf)
        assert any((tested.contact_rule[rows] == (tested.idle[rows] >= cut)).all() for cut in best), chosen


def test_without_money_there_is_no_campaign(log, made):
    found = silence_of(log, has_money=False)
    assert found.profit is None
    assert not found.contact.any()
    assert np.isnan(found.expected_profit).all()
    np.testing.assert_array_equal(found.probability, made.probability)
    given = silence_of(log, has_money=False, profit=ChurnProfit(50, 5, 1, 0.2))
    assert given.contact.any()
    assert not given.assumed


def test_money_that_is_none_leaves_the_campaign_out():
    log = shop()
    free = EventLog.from_frame(
        log.to_frame().assign(value=0.0), customer="customer_id", time="time", value="value",
        observed_until=log.observed_until,
    )  # fmt: skip
    assert silence_of(free, has_money=True).profit is None


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (lambda: shop().before(shop().first_time + 20 * DAY), "honesty.impossible"),
        (lambda: shop(30), "churn.few"),
        (lambda: shop(until="2030-01-01"), "churn.nobody"),
    ],
    ids=["short", "few", "long ago"],
)
def test_what_cannot_be_said_has_its_reason(log, reason):
    found = silence_of(log(), has_money=True)
    assert isinstance(found, Impossible)
    assert found.reason == reason


def test_who_all_do_the_same_are_not_predicted():
    """Everybody buys each week: nobody is ever silent."""
    days = np.arange(0, 364, 7)
    frame = pd.DataFrame({"who": np.repeat(np.arange(100), len(days)), "day": np.tile(days, 100), "paid": 1.0})
    frame["day"] = np.datetime64("2024-01-01", "us") + frame["day"].to_numpy() * DAY
    found = silence_of(EventLog.from_frame(frame, customer="who", time="day", value="paid"), has_money=True)
    assert found.reason == "churn.few"
    assert found.values["silent"] == 0


def test_names_of_customers_are_refused_in_a_sentence(log):
    names = pd.DataFrame({"who": log.customers, "name": [f"n{one}" for one in log.customers]})
    found = silence_of(log.with_attributes(names, customer="who"), has_money=True)
    assert found.reason == "churn.refused"
    assert "The column 'name' of X is text" in str(found.values["why"])


def test_many_customers_are_drawn(monkeypatch, log, made):
    monkeypatch.setattr(_silence, "_MOST_ROWS", 600)
    found = silence_of(log, has_money=True)
    assert found.drawn
    assert not made.drawn
    assert 100 < found.n_rows <= 600 < made.n_rows
    # Tested are all.
    np.testing.assert_array_equal(found.tested.silent, made.tested.silent)
    # All of today's active customers have their probability.
    assert len(found.probability) == len(made.probability)


@pytest.mark.parametrize(("days", "horizon"), [(25, 7), (50, 14), (110, 30)])
def test_short_horizons_have_their_dates(days, horizon):
    """The dates of short horizons do not lie a whole horizon apart: the latest that is far enough is taken."""
    rng = np.random.default_rng(0)
    who, day = np.nonzero(rng.random((2_000, days)) < rng.gamma(1, 2 / horizon, (2_000, 1)) / 4)
    frame = pd.DataFrame({"who": who, "when": np.datetime64("2024-01-01", "us") + day * DAY, "paid": 5.0})
    found = silence_of(EventLog.from_frame(frame, customer="who", time="when", value="paid"), has_money=True)
    assert (found.days, found.active_days) == (horizon, 2 * horizon)
    dates = np.unique(found.tested.date)
    assert (np.diff(dates) >= horizon * DAY).all()
    assert 0.4 < found.tested.probability.mean() / found.tested.silent.mean() < 1.6
