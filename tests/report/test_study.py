from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from crmkit.events import EventLog
from crmkit.report._study import Impossible, auc, model, signed_log, study_of


def study(frame: pd.DataFrame):
    log = EventLog.from_frame(frame, customer="customer_id", time="date", value="value")
    return study_of(log, lambda _: None, "en")


def shop(days: int, customers: int, *, rate: float = 0.05, seed: int = 0) -> pd.DataFrame:
    """Purchases of customers who buy each day with some probability, from the first day to the last."""
    rng = np.random.default_rng(seed)
    who, day = np.nonzero(rng.random((customers, days)) < rng.gamma(1, rate, (customers, 1)))
    who, day = np.append(who, [0, 0]), np.append(day, [0, days - 1])
    dates = np.datetime64("2024-01-01", "us") + day * np.timedelta64(1, "D")
    return pd.DataFrame({"customer_id": who, "date": dates, "value": 10.0})


def test_dates_and_labels(context):
    made = context.study
    assert made.days == 90
    end = np.datetime64("1998-07-01", "us")
    assert made.X.as_of.max() == end - np.timedelta64(90, "D")
    assert (np.diff(np.unique(made.X.as_of)) == np.timedelta64(30, "D")).all()
    # No date at which there was less to see than there is to predict.
    assert made.X.as_of.min() >= np.datetime64("1997-01-01") + np.timedelta64(90, "D")


def test_what_came_is_counted_by_hand(context, purchases):
    made = context.study
    date = made.predictions["as_of"].max()
    after = purchases[(purchases["date"] >= date) & (purchases["date"] < date + np.timedelta64(90, "D"))]
    before = purchases[purchases["date"] < date]
    known, came = set(before["customer_id"]), set(after["customer_id"])
    rows = made.last
    assert set(made.predictions["customer_id"][rows]) == known
    assert made.predictions["y"][rows].sum() == len(known & came)


def test_nothing_after_a_date_can_change_what_was_said_on_it(context, purchases):
    """Predictions of the first date tested, once with all that came later and once with other answers to it."""
    made = context.study
    date = made.predictions["as_of"].min()
    later = purchases["date"] >= date
    changed = purchases.assign(value=purchases["value"].where(~later, 999.0))
    changed = pd.concat([changed[~later], changed[later].sample(frac=0.8, random_state=0)])
    # The same end, so that the dates are the same.
    changed.loc[changed.index[-1], "date"] = purchases["date"].max()
    again = study(changed)
    first = made.predictions["as_of"] == date
    np.testing.assert_array_equal(again.predictions["as_of"][: first.sum()], made.predictions["as_of"][first])
    np.testing.assert_array_equal(again.predictions["prediction"][: first.sum()], made.predictions["prediction"][first])


def test_what_is_compared_is_about_the_same_rows(context):
    made = context.study
    rows = made.X[made.tested]
    np.testing.assert_array_equal(rows.customer_id, made.predictions["customer_id"])
    np.testing.assert_array_equal(rows.as_of, made.predictions["as_of"])
    np.testing.assert_array_equal(made.y[made.tested], made.predictions["y"])
    np.testing.assert_allclose(made.in_time_order(model()), made.predictions["prediction"])


def test_the_gain_is_that_of_the_backtest(context):
    made = context.study
    slow = made.in_time.gain
    assert float(made.gain) == pytest.approx(float(slow))
    assert made.gain.low == pytest.approx(slow.low, abs=0.002)
    assert made.gain.high == pytest.approx(slow.high, abs=0.002)


def test_auc_by_ranks():
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 200), rng.integers(0, 20, 200).astype(float)
    assert auc(y, score) == pytest.approx(roc_auc_score(y, score))
    assert np.isnan(auc(np.ones(3), np.arange(3.0)))


def test_signed_log_keeps_order_and_sign():
    values = np.array([[-100.0, -1, 0, 1, 100]])
    bent = signed_log(values)
    assert (np.sign(bent) == np.sign(values)).all()
    assert (np.diff(bent) > 0).all()


@pytest.mark.parametrize(("days", "horizon"), [(300, 90), (200, 60), (100, 30), (60, 14), (25, 7)])
def test_the_horizon_fits_into_the_history_three_times(days, horizon):
    made = study(shop(days, 400, rate=0.08))
    assert made.days == horizon
    assert len(made.in_time.scores) >= 1


def test_a_history_too_short_is_said():
    made = study(shop(20, 100))
    assert made == Impossible("impossible.short", {"days": 20, "needed": 21})


@pytest.mark.parametrize(
    "frame",
    [
        shop(300, 3),
        pd.DataFrame({"customer_id": range(500), "date": pd.date_range("2023-01-01", periods=500), "value": 1.0}),
        pd.DataFrame(
            [(customer, day, 1.0) for customer in range(30) for day in pd.date_range("2023-01-01", "2023-12-31")],
            columns=["customer_id", "date", "value"],
        ),
    ],
    ids=["three customers", "nobody comes back", "everybody comes back"],
)
def test_too_few_of_one_kind_is_said(frame):
    made = study(frame)
    assert isinstance(made, Impossible)
    assert made.reason == "impossible.few"


def test_many_customers_are_sampled(monkeypatch):
    from crmkit.report import _study

    monkeypatch.setattr(_study, "_MOST_ROWS", 1000)
    made = study(shop(300, 400, rate=0.08))
    assert made.n_customers < 400
    assert len(made.X) <= 1000
