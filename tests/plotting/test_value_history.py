"""A customer's chance to be alive, drawn and asked one instant at a time."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError, UnknownCustomerError
from crmkit.plotting import AliveHistoryDisplay
from crmkit.value import BetaGeoBetaBinomial, ModifiedBetaGeoNBD


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module", name="log")
def cdnow_log():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


@pytest.fixture(scope="module", name="model")
def fitted_model(log):
    return ModifiedBetaGeoNBD().fit(log.snapshot("1997-10-01"))


def test_each_instant_is_a_snapshot(log, model):
    display = AliveHistoryDisplay.from_estimator(model, log, 4)
    assert display.as_of[[0, -1]].tolist() == [pd.Timestamp("1997-01-02"), pd.Timestamp("1998-07-01")]
    for place in (0, 16, 17, 300, -1):
        row = log.snapshot(display.as_of[place], customers=[4])
        assert display.probability[place] == model.alive_probability(row)[0]


def test_purchases_are_the_days_of_the_log(log, model):
    for customer in log.customers[[0, 1, 700, -1]].tolist():
        days = np.unique(load_cdnow().query("customer_id == @customer")["date"].to_numpy().astype("M8[us]"))
        display = AliveHistoryDisplay.from_estimator(model, log, customer)
        assert display.purchase.tolist() == days.tolist()
        assert len(display.purchases_.get_segments()) == len(days)


def test_it_falls_between_purchases_and_does_not_see_ahead(log, model):
    display = AliveHistoryDisplay.from_estimator(model, log, 4)
    fall = np.diff(display.probability)
    bought = np.isin(display.as_of[1:] - np.timedelta64(1, "D"), display.purchase)
    assert (fall[bought] > 0).all()
    assert (fall[~bought] < 0).all()
    earlier = AliveHistoryDisplay.from_estimator(model, log.before("1997-07-01"), 4)
    assert (earlier.probability == display.probability[: len(earlier.probability)]).all()


def test_weekly_steps_end_with_the_log(log, model):
    display = AliveHistoryDisplay.from_estimator(model, log, 4, step="7D")
    assert display.as_of[-1] == log.observed_until
    assert (np.diff(display.as_of) == np.timedelta64(7, "D")).all()


def test_opportunities():
    rows = [(c, f"{2010 + year}-01-05") for c in range(1, 64) for year in range(6) if c >> year & 1]
    frame = pd.DataFrame(rows, columns=["customer", "time"])
    log = EventLog.from_frame(frame, customer="customer", time="time", observed_until="2015-12-31")
    model = BetaGeoBetaBinomial(period="365D", penalty=1e-3).fit(log.snapshot())
    display = AliveHistoryDisplay.from_estimator(model, log, 0b001011)
    assert len(display.as_of) == 6
    assert len(display.purchase) == 3
    # Alive for certain at the opportunities with a purchase.
    assert (display.probability == 1).tolist() == [True, True, False, True, False, False]


def test_who_never_bought_and_what_is_no_log_are_refused(log, model):
    with pytest.raises(UnknownCustomerError):
        AliveHistoryDisplay.from_estimator(model, log, -5)
    with pytest.raises(ParameterError, match="must be an EventLog"):
        AliveHistoryDisplay.from_estimator(model, log.snapshot("1997-10-01"), 4)
    frame = pd.DataFrame(
        {"c": [1, 1, 2], "t": ["2024-01-01", "2024-02-01", "2024-01-05"], "k": ["buy", "buy", "visit"]}
    )
    visits = EventLog.from_frame(frame, customer="c", time="t", kind="k", purchases=["buy"])
    with pytest.raises(ParameterError, match="has no purchase"):
        AliveHistoryDisplay.from_estimator(model, visits, 2)


def test_it_draws_where_it_is_told(log, model):
    _, ax = plt.subplots()
    display = AliveHistoryDisplay.from_estimator(model, log, 4, ax=ax)
    assert display.ax_ is ax
    assert "customer 4" in ax.get_title()
    assert display.plot(color="black").line_.get_color() == "black"
