"""The course of repeat purchases against the published one, and against counting by hand."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from crmkit import EventLog
from crmkit.datasets import load_cdnow, make_purchases
from crmkit.exceptions import ParameterError
from crmkit.plotting import TrackingDisplay
from crmkit.value import BetaGeoBetaBinomial, BetaGeoNBD, ParetoNBD

BG, PARETO = (
    json.loads((Path(__file__).parents[1] / "golden" / f"{name}.json").read_text(encoding="utf-8"))["tracking"]
    for name in ("bg_nbd", "pareto_nbd")
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module", name="today")
def cdnow_today():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    return log.snapshot("1997-10-01")


def test_weeks_20_to_25_are_the_published_ones(today):
    display = TrackingDisplay.from_estimator(BetaGeoNBD().fit(today), today)
    weeks = slice(19, 25)
    assert display.actual[weeks].tolist() == BG["actual"]
    np.testing.assert_allclose(display.expected[weeks], BG["expected"], rtol=0, atol=6e-4)
    assert np.cumsum(display.actual)[weeks].tolist() == BG["actual_cumulative"]


def test_pareto_weeks_are_the_published_ones(today):
    display = TrackingDisplay.from_estimator(ParetoNBD().fit(today), today, kind="cumulative")
    # The published fit stopped short of the maximum: r .5533 and so on, in four digits.
    np.testing.assert_allclose(display.expected[19:25], PARETO["expected"], rtol=6e-5)
    cumulative = np.cumsum(display.expected)[[19, 24]]
    np.testing.assert_allclose(cumulative, list(PARETO["expected_cumulative"].values()), rtol=6e-5)
    assert (display.lines_["actual"].get_ydata() == np.cumsum(display.actual)).all()
    assert (display.lines_["expected"].get_ydata() == np.cumsum(display.expected)).all()


def test_stretches_and_counts_are_those_of_the_log(today):
    display = TrackingDisplay.from_estimator(BetaGeoNBD().fit(today), today, step="14D", name="ours")
    assert display.end[0] == np.datetime64("1997-01-15")
    assert display.end[-1] <= today.log.observed_until < display.end[-1] + np.timedelta64(14, "D")
    days = load_cdnow()[["customer_id", "date"]].drop_duplicates()
    repeats = days[days.duplicated("customer_id")]["date"]
    edges = np.concatenate([[np.datetime64("1997-01-01")], display.end])
    counted = [int(((repeats >= left) & (repeats < right)).sum()) for left, right in itertools.pairwise(edges)]
    assert display.actual.tolist() == counted
    assert display.learnt_until == np.datetime64("1997-10-01")
    assert display.ax_.get_title() == "Repeat purchases per 14D"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["actual", "ours", "learnt until"]


def test_some_customers_and_several_dates(today):
    model = BetaGeoNBD().fit(today)
    several = today.log.snapshots(["1997-06-01", "1997-10-01"])
    both = [TrackingDisplay.from_estimator(model, rows) for rows in (several, today)]
    assert (both[0].expected == both[1].expected).all()
    assert (both[0].actual == both[1].actual).all()
    few = today[:50]
    display = TrackingDisplay.from_estimator(model, few)
    days = load_cdnow()[["customer_id", "date"]].drop_duplicates()
    days = days[days["customer_id"].isin(few.customer_id)]
    complete = days["date"] < display.end[-1]
    assert display.actual.sum() == complete.sum() - 50


def test_opportunities_are_tracked_by_the_period():
    rows = [(c, f"{2010 + year}-01-05") for c in range(1, 64) for year in range(6) if c >> year & 1]
    frame = pd.DataFrame(rows, columns=["customer", "time"])
    log = EventLog.from_frame(frame, customer="customer", time="time", observed_until="2015-12-31")
    X = log.snapshot()
    model = BetaGeoBetaBinomial(period="365D", penalty=1e-3).fit(X)
    display = TrackingDisplay.from_estimator(model, X, step="365D")
    gifts = np.bincount([int(time[:4]) - 2010 for _, time in rows])
    firsts = np.bincount([min(year for year in range(6) if c >> year & 1) for c in range(1, 64)], minlength=6)
    assert display.actual.tolist() == (gifts - firsts)[1:].tolist()
    new = [0.0, *(model.new_customer_purchases(f"{365 * years}D") for years in range(1, 6))]
    so_far = [sum(first * new[max(end - start, 0)] for start, first in enumerate(firsts)) for end in range(6)]
    np.testing.assert_allclose(display.expected, np.diff(so_far), rtol=1e-12)


def test_what_cannot_be_tracked_is_refused(today):
    model = BetaGeoNBD().fit(today)
    with pytest.raises(ParameterError, match="must be Snapshots"):
        TrackingDisplay.from_estimator(model, today.summary())
    with pytest.raises(ParameterError, match="kind"):
        TrackingDisplay.from_estimator(model, today, kind="weekly")
    frame, _ = make_purchases(40, span="60W", random_state=0)
    log = EventLog.from_frame(frame, customer="customer_id", time="time", value="value")
    before = log.snapshots_at({"c": log.customers[:2], "t": [log.first_time] * 2}, customer="c", as_of="t")
    with pytest.raises(ParameterError, match="none with one"):
        TrackingDisplay.from_estimator(model, before)
    model.purchase_covariates = ("age",)
    with pytest.raises(ParameterError, match="covariates"):
        TrackingDisplay.from_estimator(model, today)


def test_it_draws_where_it_is_told(today):
    _, ax = plt.subplots()
    display = TrackingDisplay.from_estimator(BetaGeoNBD().fit(today), today, ax=ax)
    assert display.ax_ is ax
    assert display.plot(kind="cumulative").ax_ is not ax
